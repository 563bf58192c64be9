"""A scripted HTTP server on loopback: a real socket, so that it fails in every way in which servers fail."""

from __future__ import annotations

import re
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from sharecore.testing.answers import Answer, Behaviour, Fault, Request, answer
from sharecore.testing.certificate import self_signed
from sharecore.testing.sockets import silence

HUGE_LIMIT = 64 * 1024 * 1024
"""Bytes after which even a `Fault.HUGE` ends."""

_DRIP_PAUSE = 0.05
_NO_BODY = frozenset({204, 205, 304})


_RAW = {
    Fault.TRUNCATED: b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id": ',
    Fault.GARBAGE: b"SSH-2.0-OpenSSH_9.6\r\n",
    Fault.BAD_GZIP: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip",
    Fault.BAD_CHUNK: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
}


@dataclass(slots=True, eq=False)
class _Rule:
    behaviour: Behaviour
    left: float
    where: Callable[[Request], bool]


class FakeServer:
    """A server on loopback that answers as scripted, on a port of its own; use it as a context manager.

    Example::

        with FakeServer() as server:
            server.on("POST", "/api/data/", lambda request: answer(201, {"id": request.json["name"]}))
            server.will(Fault.RESET, times=1)   # the next request; then it is itself again

    Args:
        untrusted: speak TLS with a certificate that no authority signed, so that clients must refuse it.

    Attributes:
        requests: requests that came in, in order.
        taken: bytes that clients took of endless answers.
        bugs: exceptions of the scripts, which a test should look at.
    """

    def __init__(self, *, untrusted: bool = False) -> None:
        self.requests: list[Request] = []
        self.taken = 0
        self.bugs: list[BaseException] = []
        self._closing = threading.Event()
        self._routes: list[tuple[str, re.Pattern[str], Behaviour]] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._scheme = "https" if untrusted else "http"
        if untrusted:
            self._http.socket = self_signed().wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Return the address, with a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}/"

    def close(self) -> None:
        """Stop: from now on connections are refused. May be called more than once."""
        if not self._closing.is_set():
            self._closing.set()
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    def on(self, method: str, path: str, behaviour: Behaviour) -> None:
        """Define the usual answer to a request; the latest definition wins.

        Args:
            method: method, in capitals.
            path: regular expression for the whole path.
            behaviour: answer, fault, or function of the request that returns one.
        """
        self._routes.insert(0, (method, re.compile(path), behaviour))

    def will(
        self,
        behaviour: Behaviour,
        *,
        times: float = float("inf"),
        where: Callable[[Request], bool] = lambda request: True,
    ) -> None:
        """Behave so from now on, for the next `times` requests; earlier rules that match go first.

        Args:
            behaviour: answer, fault, or function of the request that returns one.
            times: number of requests; None for all.
            where: return True for a request that the rule is for.
        """
        self._rules.append(_Rule(behaviour, times, where))

    def recover(self) -> None:
        """Forget the rules of `will`."""
        self._rules.clear()

    def well(self, request: Request) -> Answer | Fault:
        """Return the usual answer to a request; 404 where `on` defines none."""
        for method, path, behaviour in self._routes:
            if method == request.method and path.fullmatch(request.path):
                return behaviour(request) if callable(behaviour) else behaviour
        return answer(404, {"detail": f"nothing at {request.method} {request.path}"})

    def wait(self) -> None:
        """Wait until the request in progress has ended, which its client may have given up."""
        with self._lock:
            pass

    def react(self, request: Request) -> Answer | Fault:
        """Return the answer to a request under the present rules."""
        with self._lock:
            self.requests.append(request)
            for rule in self._rules:
                if rule.left > 0 and rule.where(request):
                    rule.left -= 1
                    behaviour = rule.behaviour
                    break
            else:
                return self.well(request)
            done = behaviour(request) if callable(behaviour) else behaviour
            if done is Fault.LOST:
                self.well(request)
            return done


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: FakeServer

    def server_bind(self) -> None:
        """Bind without asking for the name of this machine, which can take seconds."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note an error of the script; a client that went away is no bug."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.owner.bugs.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        owner = self.server.owner
        self.close_connection = True
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            return  # the client gave up while it sent, so there is no request
        request = Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        done = owner.react(request)
        if isinstance(done, Answer):
            self._send(done)
        else:
            self._fail(done)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _send(self, done: Answer) -> None:
        silent = done.status in _NO_BODY or self.command == "HEAD"
        self.send_response_only(done.status)
        for name, value in done.headers.items():
            self.send_header(name, value)
        if not silent:
            self.send_header("Content-Length", str(len(done.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if not silent:
            self.wfile.write(done.body)

    def _fail(self, fault: Fault) -> None:
        owner = self.server.owner
        if fault in (Fault.RESET, Fault.LOST):
            # Closing with this option sends a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault is Fault.HANG:
            with silence(self.client_address):
                owner._closing.wait(60)
        elif fault is Fault.DRIP:
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not owner._closing.wait(_DRIP_PAUSE):
                    self.wfile.write(b" ")
        elif fault is Fault.HUGE:
            piece = b"1," * 32768
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
                while owner.taken < HUGE_LIMIT:
                    self.wfile.write(piece)
                    owner.taken += len(piece)
        else:
            self.wfile.write(_RAW[fault])

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the requests are in `FakeServer.requests`."""
