"""The client reports each of its requests to the call in which it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sharecore.exchanges import Exchange, Recording, recorded
from sharecore.secret import Secret
from sharecore.secrets import HIDDEN
from sharecore.testing import FakeServer, Fault, answer, watched_sockets
from sharecore.testing.contract.http import SHORT
from sharecore_http import Client, File, NoAnswer, compressed, form, json_content, token

KEY = "Pq7vZ2mXw81LkPd47RsU"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    client = Client(server.url, sleep=lambda seconds: None)
    yield client
    client.close()


@pytest.fixture
def recording() -> Iterator[Recording]:
    into = Recording()
    with recorded(into):
        yield into


def only(recording: Recording) -> Exchange:
    (exchange,) = recording.kept()
    return exchange


def test_a_refusal_has_both_bodies_and_no_credentials(
    server: FakeServer, client: Client, recording: Recording
) -> None:
    server.on("POST", "/data/", answer(400, {"filter": ["no such filter"]}, Set_Cookie="sessionid=abcdefgh"))
    client.post("data/", json={"filter": "x"}, auth=token(Secret(KEY)))
    seen = only(recording)
    assert (seen.method, seen.url, seen.status) == ("POST", f"{server.url}data/", 400)
    assert json.loads(seen.sent) == {"filter": "x"}
    assert json.loads(seen.answered) == {"filter": ["no such filter"]}
    assert seen.seconds > 0
    assert "abcdefgh" not in repr(seen)
    assert KEY not in repr(seen)


def test_an_answer_that_repeats_the_request_is_hidden(
    server: FakeServer, client: Client, recording: Recording
) -> None:
    server.on("POST", "/data/", lambda request: answer(500, dict(request.headers)))
    client.post("data/", json={}, auth=token(Secret(KEY)))
    assert only(recording).answered == HIDDEN


def test_what_was_compressed_is_shown_as_it_was_before(
    server: FakeServer, client: Client, recording: Recording
) -> None:
    server.on("POST", "/data/", answer(201, {}))
    client.request("POST", "data/", content=compressed(json_content([{"row": each} for each in range(5000)])))
    assert only(recording).sent.startswith('[{"row":0},{"row":1},')


def test_a_file_is_named_by_type_and_size(server: FakeServer, client: Client, recording: Recording) -> None:
    server.on("POST", "/data/", answer(201, {}))
    content = form({"target": "7"}, {"file": File(name="a.fits", body=bytes(range(256)) * 100)})
    client.request("POST", "data/", content=content)
    assert only(recording).sent == f"{content.media_type}, {len(content.body):,} bytes"


def test_the_query_belongs_to_the_address(server: FakeServer, client: Client, recording: Recording) -> None:
    server.on("GET", "/data/", answer(404, {"detail": "none"}))
    client.get("data/", params={"name": "SN 2026a", "limit": 5})
    assert only(recording).url == f"{server.url}data/?name=SN+2026a&limit=5"


def test_each_try_is_one_and_says_why_there_was_no_answer(
    server: FakeServer, client: Client, recording: Recording
) -> None:
    server.will(Fault.HANG)
    with watched_sockets(longest=SHORT), pytest.raises(NoAnswer) as error:
        client.get("data/")
    assert recording.number == 3
    assert {each.answered for each in recording.kept()} == {error.value.reason}
    assert {each.status for each in recording.kept()} == {None}
