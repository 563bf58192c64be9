"""The rules of reports: a good adapter passes them all, and each bad one is found out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.lamp import Lamp, Morse, lamp, stage
from core.report_cheats import REPORT_CHEATS
from patience import time_outs
from sharecore import Submitted, Unsupported
from sharecore.testing import FakeServer, Fault, HttpAdapterContract, Subject, watched_sockets
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.http import SHORT


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestMorse(HttpAdapterContract):
    """The good one that takes reports passes every rule."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return stage(server, lamp(Morse), time_outs(request)).subject


@pytest.mark.parametrize(
    ("rule", "kind", "given", "says"),
    REPORT_CHEATS,
    ids=[f"{number} {row[0]}" for number, row in enumerate(REPORT_CHEATS)],
)
def test_a_rule_finds_the_adapter_that_breaks_it(
    rule: str, kind: Any, given: dict[str, Any], says: str, server: FakeServer
) -> None:
    given = {name: Fault[fault] for name, fault in given.items()}
    bench = stage(server, kind)
    with (
        watched_sockets(longest=SHORT),
        pytest.raises((AssertionError, pytest.fail.Exception)) as caught,
    ):
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
    assert re.search(says, str(caught.value))


class Alone(Morse):
    """A good adapter that takes reports, and no records."""

    takes_records = False

    def deliver(self, batch: Any) -> Any:
        for record in batch.records:
            yield record.key, Unsupported(feature="records", reason="reports alone")


class TestAlone(HttpAdapterContract):
    """The rules of delivery hold for the report in the place of a record."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return replace(stage(server, lamp(Alone), time_outs(request)).subject, record=None)


def blindly(self: Any, report: Any, batch: Any) -> Any:
    """Says that it was taken, whatever the answer."""
    Morse.deliver_report(self, report, batch)
    return Submitted(ticket="1", ask_after=1)


def again(self: Any, report: Any, batch: Any) -> Any:
    """Sends twice."""
    Morse.deliver_report(self, report, batch)
    return Morse.deliver_report(self, report, batch)


@pytest.mark.parametrize(
    ("rule", "attributes", "given", "says"),
    [
        ("every_example_gets_one_outcome", {"deliver": Lamp.deliver}, {}, "takes_records is False"),
        ("all_examples_in_one_batch", {"takes_records": True}, {}, "say so with takes_records = False"),
        ("all_examples_in_one_batch", {"deliver": Lamp.deliver}, {}, "takes none of the examples, or one"),
        ("every_status_is_understood", {"deliver_report": blindly}, {"hundred": 400}, "it is not there"),
        ("a_delivery_without_an_answer_is_unconfirmed", {"deliver_report": again}, {"fault": Fault.LOST},
         "sent 2 times"),
    ],
)  # fmt: skip
def test_a_rule_finds_what_is_done_wrong_with_reports_alone(
    rule: str, attributes: dict[str, Any], given: dict[str, Any], says: str, server: FakeServer
) -> None:
    kind = lamp(type("Bad", (Alone,), attributes))
    bench = Bench(replace(stage(server, kind).subject, record=None))
    with pytest.raises((AssertionError, pytest.fail.Exception), match=says):
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
