"""The fault proxy itself, with real sockets: what a client meets, and what reached the receiver."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faults.plan import Fault, Plan
from faults.proxy import Proxy, running

ANSWER = json.dumps({"stored": True, "filling": "x" * 200}).encode()


class Receiver(ThreadingHTTPServer):
    """Answers each POST, and keeps the bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy(receiver: Receiver) -> Iterator[Proxy]:
    with running(receiver.url) as proxy:
        yield proxy


def post(proxy: Proxy, path: str = "/data/", timeout: float = 60.0) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        connection.request("POST", path, body=b'{"a": 1}')
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_a_plan_everything_passes_as_it_is(proxy: Proxy, receiver: Receiver) -> None:
    status, _, body = post(proxy)
    assert (status, body) == (201, ANSWER)
    assert receiver.bodies == [b'{"a": 1}']


def test_latency_only_costs_time(proxy: Proxy, receiver: Receiver) -> None:
    proxy.plan = Plan(first=(Fault.LATENCY,), seconds=0.2)
    began = time.monotonic()
    assert post(proxy)[0] == 201
    assert time.monotonic() - began >= 0.2


def test_after_refused_nobody_listens_for_a_while(
    proxy: Proxy, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, asked, sleep = threading.Event(), [], asyncio.sleep

    async def until_back(seconds: float) -> None:
        asked.append(seconds)
        while not back.is_set():
            await sleep(0.01)

    monkeypatch.setattr("faults.proxy.asyncio.sleep", until_back)
    proxy.plan = Plan(first=(Fault.REFUSED,), seconds=0.3)
    assert post(proxy)[0] == 201
    with pytest.raises(ConnectionRefusedError):
        post(proxy)
    assert asked == [0.3]
    back.set()
    deadline = time.monotonic() + 60
    while True:
        try:
            assert post(proxy)[0] == 201
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert len(receiver.bodies) == 2


@pytest.mark.parametrize(("fault", "arrived"), [(Fault.RESET_BEFORE, 0), (Fault.RESET_AFTER, 1)])
def test_a_reset_comes_before_or_after_the_receiver_did_it(
    proxy: Proxy, receiver: Receiver, fault: Fault, arrived: int
) -> None:
    proxy.plan = Plan(first=(fault,))
    with pytest.raises(ConnectionResetError):
        post(proxy)
    assert len(receiver.bodies) == arrived


def test_a_truncated_answer_has_its_head_and_half_of_its_body(proxy: Proxy, receiver: Receiver) -> None:
    proxy.plan = Plan(first=(Fault.TRUNCATED,))
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(proxy)
    assert 0 < len(caught.value.partial) < len(ANSWER)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(("fault", "arrived"), [(Fault.BLACK_HOLE, 0), (Fault.HELD, 1)])
def test_a_client_that_meets_silence_runs_into_its_time_out(
    proxy: Proxy, receiver: Receiver, fault: Fault, arrived: int
) -> None:
    proxy.plan = Plan(first=(fault,), seconds=60.0)
    with pytest.raises(TimeoutError):
        post(proxy, timeout=0.3)
    until(lambda: proxy.met[fault] == 1 and len(receiver.bodies) >= arrived)
    assert len(receiver.bodies) == arrived
    assert post(proxy)[0] == 201  # one that hangs holds up no other


def test_a_drip_brings_the_whole_answer_slowly(proxy: Proxy, receiver: Receiver) -> None:
    proxy.plan = Plan(first=(Fault.DRIP,), seconds=0.3)
    began = time.monotonic()
    status, _, body = post(proxy)
    assert (status, body) == (201, ANSWER)
    assert time.monotonic() - began >= 0.2


def test_busy_says_when_to_come_back_in_both_forms(proxy: Proxy, receiver: Receiver) -> None:
    proxy.plan = Plan(first=(Fault.BUSY_SECONDS, Fault.BUSY_DATE), seconds=200)
    status, headers, _ = post(proxy)
    assert (status, headers["retry-after"]) == (429, "200")
    status, headers, _ = post(proxy)
    wait = parsedate_to_datetime(headers["retry-after"]) - datetime.now(UTC)
    assert status == 429
    assert 100 < wait.total_seconds() <= 200
    assert not receiver.bodies


@pytest.mark.parametrize(
    ("fault", "status", "beginning"),
    [(Fault.SERVER_ERROR, 500, b"<h1>"), (Fault.HTML, 200, b"<!doctype html"), (Fault.WRONG_JSON, 200, b"{")],
)
def test_made_up_answers_do_not_reach_the_receiver(
    proxy: Proxy, receiver: Receiver, fault: Fault, status: int, beginning: bytes
) -> None:
    proxy.plan = Plan(first=(fault,))
    answered, _, body = post(proxy)
    assert answered == status
    assert body.startswith(beginning)
    assert not receiver.bodies


def test_a_plan_means_only_the_requests_that_it_names(proxy: Proxy, receiver: Receiver) -> None:
    proxy.plan = Plan(first=(Fault.SERVER_ERROR,), only="POST /data/")
    assert post(proxy, "/login/")[0] == 201
    assert post(proxy, "/data/")[0] == 500
    assert post(proxy, "/data/")[0] == 201
    assert (proxy.seen, proxy.met) == (2, {Fault.SERVER_ERROR: 1})


def test_a_receiver_that_is_gone_is_a_reset(proxy: Proxy, receiver: Receiver) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with running(address) as lonely, pytest.raises(ConnectionResetError):
            post(lonely)


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[Fault | None]:
        plan = Plan(seed=seed, rate=0.5)
        return [plan.fault(number) for number in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1)) == {None, *Fault}
    assert 60 < drawn(1).count(None) < 140


def test_as_a_process_it_takes_plans_and_tells_what_it_did(receiver: Receiver) -> None:
    command = [sys.executable, "-m", "faults", receiver.url]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        there = Proxy(receiver.url, port=int(json.loads(process.stdout.readline())["url"].split(":")[2][:-1]))

        def tell(line: str) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        tell(json.dumps(Plan(first=(Fault.HTML,)).as_json()))
        assert post(there)[2].startswith(b"<!doctype")
        assert tell("") == {"seen": 1, "met": {"html": 1}}
        assert "earthquake" in tell('{"first": ["earthquake"]}')["error"]
        process.stdin.close()
        assert process.wait(60) == 0
