"""What live tests share: a line to a receiver that can be cut, and short ways to drive a TOM from outside."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

from realtoms import Tom
from realtoms.skeleton import PROJECT

Mode = Literal["passes", "dead", "hangs", "500", "html", "lies"]

_ANSWERS: Mapping[str, tuple[str, str, bytes]] = {
    "500": ("500 Internal Server Error", "application/json", b'{"detail": "out of order"}'),
    "html": ("200 OK", "text/html", b"<html><body>Welcome to the hotel network</body></html>"),
    # an answer of the right form, to another question
    "lies": (
        "200 OK",
        "application/json",
        b'{"count": 1, "next": null, "previous": null, "token": "wrong", "id": 999999,'
        b' "results": [{"id": 999999, "name": "somebody else", "aliases": [], "value": {}}]}',
    ),
}

QUICK_LOGIN: dict[str, object] = {"PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}
"""A stock TOM needs a quarter of a second of processor time for each request that comes with a password: on a
busy machine longer than the time-outs of some tests."""

CELERY_BEAT = {
    "sharecore.quick_scan": {"task": "sharecore.quick_scan", "schedule": 1.0, "options": {"expires": 5}},
    "sharecore.scan": {"task": "sharecore.scan", "schedule": 5.0, "options": {"expires": 30}},
}


def celery_command(beat: Path, concurrency: int) -> list[str]:
    """What Python is to run in a TOM with a Celery app: a worker with a beat.

    beat: the file in which it remembers its turns.
    """
    command = ["-m", "celery", "-A", PROJECT, "worker", "--concurrency", f"{concurrency}"]
    return [*command, "--beat", "--schedule", str(beat)]


class Line:
    """A line to a receiver: passes everything, or does what `mode` says."""

    def __init__(self, receiver: Tom | None, mode: Mode = "passes") -> None:
        self._upstream = receiver.port if receiver else 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.calls = 0
        self.mode: Mode = "passes"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self.becomes(mode)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def becomes(self, mode: Mode) -> None:
        """From now on; connections that are open are cut."""
        before, self.mode = self.mode, mode
        if mode == "dead":
            self._close_listener()
        elif before == "dead":
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self._cut()

    def close(self) -> None:
        self.mode = "dead"
        self._close_listener()
        self._cut()

    def _close_listener(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _cut(self) -> None:
        with self._lock:
            held, self._open = self._open, set()
        for each in held:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
                self.calls += 1
            threading.Thread(target=self._serve, args=(client, self.mode), daemon=True).start()

    def _serve(self, client: socket.socket, mode: Mode) -> None:
        with suppress(OSError):
            if mode == "passes":
                upstream = socket.create_connection(("127.0.0.1", self._upstream))
                with self._lock:
                    self._open.add(upstream)
                threading.Thread(target=_pump, args=(upstream, client), daemon=True).start()
                _pump(client, upstream)
            elif mode in _ANSWERS:
                _read_request(client)
                client.sendall(_answer(mode))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
                client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _read_request(client: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return
        data += more


def _answer(mode: Mode) -> bytes:
    status, kind, body = _ANSWERS[mode]
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def until(condition: Callable[[], object], *, seconds: float = 40.0, what: object = "") -> None:
    """Wait for it; what: said when it does not come (called, if it can be)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(0.1)


def api(tom: Tom, path: str, body: Mapping[str, Any] | None = None, *, user: str = "admin") -> Any:
    """Ask, or tell (with a body), the REST API of a TOM on 3.x."""
    request = urllib.request.Request(  # noqa: S310 - on loopback
        tom.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {tom.tokens[user]}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read()[:500].decode(errors="replace")
        raise AssertionError(f"{path}: {error.code} {said}\n{tom.log.read_text()[-5000:]}") from None


def make_target(tom: Tom, name: str, *, user: str = "admin") -> int:
    """A target, made through the API by one of the TOM's users; its number there."""
    target = {"name": name, "type": "SIDEREAL", "ra": 10.5, "dec": -3.25, "aliases": [], "groups": []}
    return int(api(tom, "api/targets/", target, user=user)["id"])


def make_share(tom: Tom, target: int, destination: str) -> int:
    """A continuous share, made through the API as the pages do it."""
    return int(api(tom, "targets/persistentshare/", {"target": target, "destination": destination})["id"])


def save(tom: Tom, target: int, number: int) -> float:
    """Save one datum in the served TOM; how many seconds its user waited."""
    started = time.monotonic()
    datum = {
        "target": target,
        "data_type": "photometry",
        "timestamp": f"2026-02-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.123456Z",
        "value": {"brightness": 17.0 + number / 1000, "bandpass": "r", "unit": "AB", "limit": 21.5},
    }
    api(tom, "api/reduceddatums/", datum)
    return time.monotonic() - started


def query(tom: Tom, sql: str, *values: object) -> list[Any]:
    """Read a TOM's SQLite database from outside."""
    with closing(sqlite3.connect(f"file:{tom.database}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql, values).fetchall()


def states(tom: Tom) -> str:
    """The sender's ledger and log in short: for the messages of failed tests, never to judge what arrived."""
    found = [
        *query(tom, "SELECT destination, state, reason, count(*) FROM sharecore_delivery GROUP BY 1, 2, 3"),
        *query(tom, "SELECT destination, look_now, next_at, lease_until, problem FROM sharecore_outbox"),
        *query(tom, "SELECT started, finished, outcome, reason FROM sharecore_attempt"),
        *query(tom, "SELECT * FROM sharecore_destinationhealth"),
        *query(tom, "SELECT * FROM sharecore_noticescan"),
        *query(tom, "SELECT * FROM sharecore_noticerecipient"),
    ]
    log = tom.log.read_text()[-3000:] if tom.log.exists() else ""
    return "\n".join([*map(str, found), log])
