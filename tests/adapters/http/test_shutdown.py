"""When the process ends, nothing new leaves, and what hangs is broken off."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sharecore import shutdown
from sharecore.exceptions import DestinationError
from sharecore.testing import FakeServer, Fault, answer
from sharecore_http import Client, NoAnswer, NotSent


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as made:
        made.on("POST", "/here", lambda request: answer(200, {}))
        made.on("GET", "/here", lambda request: answer(200, {}))
        made.on("POST", "/hangs", lambda request: Fault.HANG)
        made.on("GET", "/hangs", lambda request: Fault.HANG)
        yield made


def test_nothing_new_leaves(server: FakeServer) -> None:
    client = Client(server.url)
    with shutdown.ending(), pytest.raises(NotSent, match="this process ends"):
        client.post("here", json={})
    assert server.requests == []
    assert client.post("here", json={}).status == 200
    client.close()


def test_a_request_that_hangs_is_broken_off_and_in_doubt(server: FakeServer) -> None:
    client = Client(server.url)
    found: list[Exception] = []

    def ask() -> None:
        try:
            client.post("hangs", json={})
        except NoAnswer as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not server.requests:
        thread.join(0.02)
    with shutdown.ending():
        shutdown.cut()
        thread.join(25)
    assert not thread.is_alive()
    assert len(found) == 1
    client.close()


def test_a_probe_does_not_wait_for_a_server_that_hangs(server: FakeServer) -> None:
    client = Client(server.url)
    for _ in range(20):
        with pytest.raises(DestinationError, match="no complete answer"):
            client.answers("GET", "hangs", seconds=0.3)
        threading.Event().wait(0.1)
        if server.requests:
            break  # else this process stalled before the request was out
    assert len(server.requests) == 1
    assert client.answers("GET", "here", seconds=30)
    client.close()


@pytest.mark.parametrize("status", [200, 401, 404])
def test_any_answer_proves_that_a_server_is_there(status: int) -> None:
    with FakeServer() as server:
        server.on("GET", "/here", lambda request: answer(status, {}))
        client = Client(server.url)
        assert client.answers("GET", "here", seconds=30)
        client.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_but_one_that_says_it_cannot(status: int) -> None:
    with FakeServer() as server:
        server.on("GET", "/here", lambda request: answer(status, {}, Retry_After="7"))
        client = Client(server.url)
        with pytest.raises(DestinationError) as caught:
            client.answers("GET", "here", seconds=30)
        assert caught.value.retry_after == 7
        client.close()
