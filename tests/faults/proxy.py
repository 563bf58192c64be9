"""A proxy in front of one HTTP receiver that makes faults by a plan. Standard library only.

It serves one request to a connection, as the gunicorn of a stock TOM does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from urllib.parse import urlsplit

from faults.plan import Fault, Plan

_PIECES = 10
_HEAD = 256 * 1024
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)

_MADE_UP = {
    Fault.SERVER_ERROR: ("500 Internal Server Error", "text/html", b"<h1>Server Error (500)</h1>"),
    Fault.HTML: ("200 OK", "text/html", b"<!doctype html><html><body>Back in five minutes</body></html>"),
    Fault.WRONG_JSON: ("200 OK", "application/json", b'{"status": "ok", "results": {}}'),
    Fault.BUSY_SECONDS: ("429 Too Many Requests", "application/json", b'{"detail": "Throttled."}'),
    Fault.BUSY_DATE: ("429 Too Many Requests", "application/json", b'{"detail": "Throttled."}'),
}


class Proxy:
    """Forwards to a receiver what the plan lets through.

    receiver: its base address, plain HTTP. port: to listen on at 127.0.0.1. met: how many requests met each
    fault. seen: how many requests the plan was asked about. Give it another `plan`, or another `receiver`, a
    host and port from then on, at any time.
    """

    def __init__(self, receiver: str, plan: Plan | None = None, *, port: int = 0) -> None:
        parts = urlsplit(receiver)
        self.receiver = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = port
        self.met: Counter[Fault] = Counter()
        self.plan = plan or Plan()

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan, self.seen = plan, 0

    @property
    def url(self) -> str:
        """The address that clients use in place of the receiver's."""
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Listen; on the same port each time."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and break off what is going on."""
        self._close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._serve(reader, writer))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(*_BROKEN):
                request = await _request(reader)
                await self._meet(self._fault(request), request, writer)
        finally:
            writer.close()

    def _fault(self, request: bytes) -> Fault | None:
        if not request.startswith(self._plan.only.encode()):
            return None
        number, self.seen = self.seen, self.seen + 1
        fault = self._plan.fault(number)
        if fault is not None:
            self.met[fault] += 1
        return fault

    async def _meet(self, fault: Fault | None, request: bytes, writer: asyncio.StreamWriter) -> None:
        seconds = self._plan.seconds
        match fault:
            case None:
                await self._pass_on(request, writer)
            case Fault.LATENCY:
                await asyncio.sleep(seconds)
                await self._pass_on(request, writer)
            case Fault.REFUSED:
                self._spawn(self._away(seconds))
                await self._pass_on(request, writer)
            case Fault.RESET_BEFORE:
                _reset(writer)
            case Fault.RESET_AFTER:
                await self._ask(request)
                _reset(writer)
            case Fault.TRUNCATED:
                answer = await self._ask(request)
                writer.write(answer[: (answer.find(b"\r\n\r\n") + len(answer)) // 2])
                await writer.drain()
            case Fault.BLACK_HOLE:
                await asyncio.sleep(seconds)
            case Fault.HELD:
                await self._ask(request)
                await asyncio.sleep(seconds)
            case Fault.DRIP:
                answer = await self._ask(request)
                size = ceil(len(answer) / _PIECES)
                for begin in range(0, len(answer), size):
                    writer.write(answer[begin : begin + size])
                    await writer.drain()
                    await asyncio.sleep(seconds / _PIECES)
            case _:
                writer.write(_made_up(fault, seconds))
                await writer.drain()

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._ask(request)
        if not answer:
            _reset(writer)
            return
        writer.write(answer)
        await writer.drain()

    async def _ask(self, request: bytes) -> bytes:
        """The whole answer of the receiver; empty when there is none."""
        try:
            reader, writer = await asyncio.open_connection(*self.receiver)
        except OSError:
            return b""
        try:
            writer.write(request)
            await writer.drain()
            return await reader.read()
        except OSError:
            return b""
        finally:
            writer.close()

    async def _away(self, seconds: float) -> None:
        if self._server is None:
            return
        self._close()
        await asyncio.sleep(seconds)
        await self.start()


async def _request(reader: asyncio.StreamReader) -> bytes:
    """One request, with a header that has the receiver close the connection after its answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head[:-4].split(b"\r\n")
    pairs = (line.partition(b":") for line in lines[1:])
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
    return b"\r\n".join([*kept, b"Connection: close", b"", b""]) + body


def _made_up(fault: Fault, seconds: float) -> bytes:
    status, content_type, body = _MADE_UP[fault]
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    if fault is Fault.BUSY_SECONDS:
        lines.append(f"Retry-After: {ceil(seconds)}")
    if fault is Fault.BUSY_DATE:
        when = datetime.now(UTC) + timedelta(seconds=ceil(seconds))
        lines.append(f"Retry-After: {format_datetime(when, usegmt=True)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with an RST, not in good order."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def running(receiver: str, plan: Plan | None = None, *, port: int = 0) -> Iterator[Proxy]:
    """A proxy in a thread of this process."""
    proxy = Proxy(receiver, plan, port=port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
