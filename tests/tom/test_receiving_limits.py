"""However large, deep, slow or often: a sender costs itself something, and nobody else."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings

from sharecore import OtherDatum, wire
from sharecore.records import MAX_DEPTH
from sharecore.testing.examples import example_record
from tom.conftest import Tom
from tom.incoming import URL, Sender, body, entry, outcomes
from tom_integration.inbox import batch_limits, batch_rate
from tom_integration.inbox import body as bodies

pytestmark = pytest.mark.any_database


def nested(levels: int, inner: str = "1", opening: str = "[", closing: str = "]") -> str:
    return opening * levels + inner + closing * levels


def posted(sender: Sender, name: str, bad: str, **members: Any) -> Any:
    """A batch of a bad record, whose JSON is given, between two good ones."""
    sent = json.dumps(body(name, example_record(), example_record(), **members))
    good = json.dumps(entry(example_record()))
    return sender.post(sent.replace('"records": [', f'"records": [{good}, {bad}, ').encode())


EXTRAS = {
    "lists 400 deep": nested(400),
    "objects 400 deep": nested(400, opening='{"a": ', closing="}"),
    "infinity": "[1e400]",
    "minus infinity": '{"a": {"b": -1e400}}',
    "lone surrogate": '"\\ud800"',
    "lone surrogate as a name": '{"\\udfff": 1}',
    "NUL": '"a\\u0000b"',
    "many members": json.dumps({str(n): n for n in range(wire.MAX_MEMBERS + 1)}),
    "many members in parts": json.dumps([{str(n): n} for n in range(wire.MAX_MEMBERS + 1)]),
    "long name": json.dumps({"x" * (wire.MAX_NAME + 1): 1}),
}


@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize("kind", [None, OtherDatum])
def test_one_bad_record_costs_only_itself(sender: Sender, target: Any, name: str, kind: Any) -> None:
    record = example_record(kind, extra={"bad": "HERE"}) if kind else example_record(extra={"bad": "HERE"})
    bad = json.dumps(entry(record)).replace('"HERE"', EXTRAS[name])
    answer = posted(sender, target.name, bad)
    assert answer.status_code == 200, answer.content
    answers = answer.json()["records"]
    assert outcomes(answers) == ["accepted", "rejected", "accepted", "accepted"]
    assert answers[1]["field"] == "extra"
    assert len(answers[1]["reason"]) <= 500


@pytest.mark.parametrize("levels", [900, 3000, 300_000])
def test_deeper_than_python_reads(sender: Sender, target: Any, levels: int) -> None:
    """How deep that is depends on the server, too: this record, or all of the batch."""
    bad = json.dumps(entry(example_record(extra={"bad": "HERE"}))).replace('"HERE"', nested(levels))
    answer = posted(sender, target.name, bad)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["records"][1]["field"] == "extra"


def test_what_is_within_the_limits_is_stored(sender: Sender, target: Any) -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    wide = {"x" * wire.MAX_NAME: list(range(20_000)), **{str(n): n for n in range(wire.MAX_MEMBERS - 1)}}
    for extra in ({"deep": deep}, wide):
        assert outcomes(sender.send(target.name, example_record(extra=extra))) == ["accepted"]


KEYS = {
    "infinity beside the parts": '{"kind": "photometry", "origin": "o", "id": "i", "more": 1e400}',
    "surrogate beside the parts": '{"kind": "photometry", "origin": "o", "id": "i", "more": "\\ud800"}',
    "deep beside the parts": '{"kind": "photometry", "origin": "o", "id": "i", "more": ' + nested(400) + "}",
    "infinity": '{"kind": "photometry", "origin": "o", "id": 1e400}',
    "surrogate": '{"kind": "photometry", "origin": "o", "id": "\\ud800"}',
    "surrogate as kind": '{"kind": "\\ud800", "origin": "o", "id": "1"}',
    "NUL": '{"kind": "photometry", "origin": "o", "id": "\\u0000"}',
    "a list": nested(400),
    "a number": "1e400",
    "a long origin": json.dumps({"kind": "photometry", "origin": "x" * 65, "id": "1"}),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(sender: Sender, target: Any, name: str) -> None:
    bad = json.dumps(entry(example_record()) | {"key": "HERE"}).replace('"HERE"', KEYS[name])
    answer = posted(sender, target.name, bad)
    assert answer.status_code == 200, answer.content
    expected = "accepted" if "beside" in name else "rejected"
    assert outcomes(answer.json()["records"]) == ["accepted", expected, "accepted", "accepted"]
    if expected == "rejected":
        assert answer.json()["records"][1]["field"].startswith("key")


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"site": {"origin": "\ud800", "name": "x"}}, "site.origin"),
        ({"site": {"origin": "x", "name": "\ud800"}}, "site.name"),
        ({"site": {"origin": "x", "name": "a\0"}}, "site.name"),
        ({"site": {"origin": "x", "name": "x" * 1001}}, "site.name"),
        ({"\ud800": "a member of a later version"}, ""),
        ({"shared_by": "\ud800"}, "shared_by"),
        ({"shared_by": "x" * 1001}, "shared_by"),
        ({"target_lists": ["\ud800"]}, "target_lists"),
        ({"target_lists": ["x"] * 1001}, "target_lists"),
        ({"target_lists": ["x" * 1001]}, "target_lists"),
        ({"target": {"name": "\ud800"}}, "target.name"),
        ({"target": {"name": "x" * 1001}}, "target.name"),
        ({"target": {"name": "x", "aliases": ["\ud800"]}}, "target.aliases"),
        ({"target": {"name": "x", "aliases": [f"x{n}" for n in range(300_000)]}}, "target.aliases"),
        ({"target": {"name": "x", "lists": ["x"] * 1001}}, "target.lists"),
        ({"target": {"name": "x", "extras": {str(n): "" for n in range(1001)}}}, "target.extras"),
        ({"target": {"name": "x", "extras": {"x" * 1001: ""}}}, "target.extras"),
        ({"target_keys": {str(n): "1" for n in range(101)}}, "target_keys"),
        ({"target": {"name": "x" * 200}, "create_target": True}, "name"),
        ({"target": {"name": "x", "extras": {"a": "b\0"}}, "create_target": True}, None),
        ({"target": {"name": "x\0"}, "create_target": True}, "name"),
    ],
)
def test_members_of_the_batch(sender: Sender, target: Any, members: dict[str, Any], field: str) -> None:
    answer = sender.post(body(target.name, example_record(), **members))
    assert answer.status_code == 400, answer.content
    assert field is None or answer.json()["field"] == field
    assert len(answer.content) < 2000


def test_a_thousand_aliases(tom: Tom, sender: Sender) -> None:
    names = {"name": "SN 2026big", "aliases": [f"alias {n}" for n in range(wire.MAX_NAMES)]}
    position = {"position": {"ra": 1.0, "dec": 1.0}}
    answer = sender.post(body("", target=names | position, create_target=True))
    assert answer.status_code == 200, answer.content


class TestRate:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cache.clear()
        monkeypatch.setattr(batch_limits, "MAX_BATCHES", 2)
        monkeypatch.setattr(batch_rate.time, "time", lambda: 1_000_000_010.0)

    def test_an_account_is_asked_to_wait(self, tom: Tom, sender: Sender, target: Any) -> None:
        answers = [sender.post(body(target.name)) for _ in range(3)]
        assert [each.status_code for each in answers] == [200, 200, 429]
        assert 0 < int(answers[2]["Retry-After"]) <= 60
        assert answers[2].json()["detail"]
        other = {"origin": "another", "name": "Another"}
        assert Sender(tom.user(target)).post(body(target.name, site=other)).status_code == 200
        assert sender.get().status_code == 200

    def test_until_the_next_minute(
        self, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert [sender.post(body(target.name)).status_code for _ in range(3)][-1] == 429
        monkeypatch.setattr(batch_rate.time, "time", lambda: 1_000_000_070.0)
        assert sender.post(body(target.name)).status_code == 200

    def test_with_a_cache_that_keeps_nothing(self, sender: Sender, target: Any) -> None:
        nothing = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        with override_settings(CACHES=nothing):
            assert sender.post(body(target.name)).status_code == 200


DRIPPING: dict[str, Any] = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "8000000"}


class TestDeadline:
    """A body that drips: the server waits in `recv` for its next byte."""

    @pytest.fixture
    def dripping(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(batch_limits, "MAX_SECONDS", 0.2)
        ours, theirs = socket.socketpair()
        stopped = threading.Event()

        def drip() -> None:
            while not stopped.wait(0.01):
                try:
                    theirs.send(b" ")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        with ours, theirs, ours.makefile("rb") as stream:
            yield ours, stream
            stopped.set()
            thread.join()

    def test_ends_a_read_that_waits(self, sender: Sender, dripping: Any) -> None:
        connection, stream = dripping
        answer = sender.client.post(
            URL,
            b"",
            content_type="application/json",
            headers=sender.login,
            **{
                "wsgi.input": stream,
                "CONTENT_TYPE": "application/json",
                "CONTENT_LENGTH": "8000000",
                "gunicorn.socket": connection,
            },
        )
        assert answer.status_code == 408, answer.content
        assert "arrive" in answer.json()["detail"]

    def test_looks_between_two_parts(
        self, sender: Sender, dripping: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bodies, "CHUNK", 4)
        _, stream = dripping
        answer = sender.client.post(
            URL,
            b"",
            content_type="application/json",
            headers=sender.login,
            **DRIPPING | {"wsgi.input": stream},
        )
        assert answer.status_code == 408
