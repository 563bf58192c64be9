"""The same promises where only a real socket can break them."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from sharecore.secret import Secret
from sharecore_http import Cause, Client, Content, HttpSettings, NoAnswer, NotSent

Script = Callable[[socket.socket], None]
LONG = 30.0
"""Seconds for which a server holds a client that lets it, and for which one answers that is to be heard."""
HOLDS_NOBODY = LONG / 2
"""Seconds within which a client that lets no server hold it is back, with all that may stall this process."""


@contextmanager
def server(script: Script) -> Iterator[str]:
    """Runs `script` on the first connection, after the head of a request has come in; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                _read_head(connection)
                script(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


def _read_head(connection: socket.socket) -> None:
    """And nothing of the body, which may come with it."""
    head, end, _ = connection.recv(65536, socket.MSG_PEEK).partition(b"\r\n\r\n")
    connection.recv(len(head + end))


def dripping(head: bytes) -> Script:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        ends = time.monotonic() + LONG
        while time.monotonic() < ends:
            connection.sendall(b"1")
            time.sleep(0.05)

    return drip


def reading(pause: float, size: int) -> Script:
    def read(connection: socket.socket) -> None:
        left = size
        while left > 0 and (part := connection.recv(256 * 1024)):
            time.sleep(pause)
            left -= len(part)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    return read


def impatient(url: str) -> Client:
    """A client whose request ends soon: for servers that do not answer."""
    return Client(url, HttpSettings(connect_timeout=0.1, read_timeout=0.2))


def patient(url: str) -> Client:
    return Client(url, HttpSettings(connect_timeout=LONG, read_timeout=LONG))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", id="chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", id="headers"),
    ],
)
def test_a_server_that_drips_bytes_holds_nobody(head: bytes) -> None:
    with server(dripping(head)) as url:
        client = impatient(url)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client.post("", json={})
        client.close()
    assert caught.value.cause is Cause.READ_TIMEOUT
    assert time.monotonic() - started < HOLDS_NOBODY


def test_writing_a_long_body_may_take_longer_than_connecting() -> None:
    body = b"x" * 10_000_000
    content = Content(body=body, media_type="text/plain")
    with server(reading(0.02, len(body))) as url:
        client = Client(url, HttpSettings(connect_timeout=0.1, read_timeout=LONG))
        started = time.monotonic()
        assert client.request("POST", "", content=content).json == {}
        client.close()
    assert time.monotonic() - started > 0.1


def test_a_server_that_stops_reading_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharecore_http.client.SLOWEST_LINE", 1e9)
    done = threading.Event()
    with server(lambda _: done.wait(LONG) and None) as url:
        client = impatient(url)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client.request("POST", "", content=Content(body=b"x" * 20_000_000, media_type="text/plain"))
        done.set()
        client.close()
    assert caught.value.cause is Cause.READ_TIMEOUT
    assert time.monotonic() - started < HOLDS_NOBODY


def test_a_server_that_hangs_is_no_answer() -> None:
    done = threading.Event()

    def hang(_: socket.socket) -> None:
        done.wait(LONG)

    with server(hang) as url:
        with pytest.raises(NoAnswer) as caught:
            impatient(url).post("", json={})
        done.set()
    assert caught.value.cause is Cause.READ_TIMEOUT


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{}"], ids=["nothing", "half"]
)
def test_a_connection_that_breaks_off_is_no_answer(answer: bytes) -> None:
    with server(lambda connection: connection.sendall(answer)) as url, pytest.raises(NoAnswer) as caught:
        patient(url).post("", json={})
    assert caught.value.cause in (Cause.RESET, Cause.TRUNCATED)


def test_nobody_listening_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        Client(f"http://127.0.0.1:{port}/", sleep=lambda _: None).post("", json={})
    assert caught.value.cause is Cause.REFUSED


def test_no_tls_where_it_is_expected_is_not_sent() -> None:
    plain = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with server(lambda connection: connection.sendall(plain)) as url, pytest.raises(NotSent) as caught:
        patient(url.replace("http:", "https:")).post("", json={})
    assert caught.value.cause is Cause.TLS


def test_an_answer_within_the_deadline_is_read_whole() -> None:
    body = b"[" + b"1," * 50_000 + b"1]"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server(lambda connection: connection.sendall(head + body)) as url:
        client = patient(url)
        reply = client.get("")
        client.close()
    assert reply.body == body


def test_a_proxy_that_is_not_there_is_named_without_its_password() -> None:
    settings = HttpSettings(proxies={"http": Secret("http://user:pw-secret@127.0.0.1:1")})
    with pytest.raises(NotSent) as caught:
        Client("http://tom.invalid/", settings).post("", json={})
    assert caught.value.cause is Cause.PROXY
    assert "secret" not in str(caught.value)


INFORMATIONAL = (
    b"HTTP/1.1 102 Processing\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nRetry-After: 9\r\n\r\n"
)


@pytest.mark.parametrize("before", [INFORMATIONAL, b"HTTP/1.1 100 Continue\r\n\r\n" + INFORMATIONAL * 9])
def test_informational_answers_are_not_the_answer(before: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(before + b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")

    with server(answer) as url:
        client = Client(url)
        reply = client.post("", json={})
        client.close()
    assert (reply.status, reply.json, reply.headers) == (201, {}, {"content-length": "2"})


def test_a_server_that_only_ever_processes_holds_nobody() -> None:
    def process(connection: socket.socket) -> None:
        ends = time.monotonic() + LONG
        while time.monotonic() < ends:
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            time.sleep(0.02)

    with server(process) as url:
        client = impatient(url)
        with pytest.raises(NoAnswer) as caught:
            client.post("", json={})
        client.close()
    assert caught.value.cause is Cause.READ_TIMEOUT


@pytest.mark.parametrize("times", [1, 2])
def test_a_small_answer_that_unpacks_into_gigabytes_is_left_early(times: int) -> None:
    body = b"\0" * 300_000_000
    for _ in range(times):
        body = gzip.compress(body, compresslevel=9 if len(body) < 10_000_000 else 1)
    coding = b", ".join([b"gzip"] * times)

    def bomb(connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % (coding, len(body)) + body)

    with server(bomb) as url:
        client = Client(url)
        tracemalloc.start()
        with pytest.raises(NoAnswer) as caught:
            client.get("")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        client.close()
    assert caught.value.cause is Cause.TOO_LARGE
    assert most < 20_000_000
