"""The contract is kept by an adapter whose destination answers later, and finds those that do it wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.lamp import Lamp, lamp, stage
from core.later_cheats import LATER_CHEATS, LateLamp, stage_later
from patience import time_outs
from sharecore import Accepted, Photometry, Position, Rejected, Target, TargetRefused
from sharecore.testing import (
    AdapterContract,
    FakeServer,
    HttpAdapterContract,
    MemoryPlugin,
    Subject,
    watched_sockets,
)
from sharecore.testing.contract.http import SHORT


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestTheLateLamp(HttpAdapterContract):
    """The one that cheats are made of is good."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return stage_later(server, lamp(LateLamp), time_outs(request)).subject


class TestMemoryThatAnswersLater(AdapterContract):
    """The destination in memory keeps the contract in this way, too."""

    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        (kind,) = plugin.sharecore_destinations()
        there = plugin["example"]
        there.answers_later = there.can_update = True
        return Subject(type=kind, settings={}, stored=lambda: there.records, process=there.process)


@pytest.mark.parametrize(
    ("rule", "kind", "given", "says"),
    LATER_CHEATS,
    ids=[f"{number} {row[0]}" for number, row in enumerate(LATER_CHEATS)],
)
def test_a_cheat_is_found_and_named(
    rule: str, kind: Any, given: dict[str, Any], says: str, server: FakeServer
) -> None:
    given = dict(given)
    options = {name: given.pop(name) for name in ("works", "doubles") if name in given}
    bench = stage_later(server, kind, **options)
    with (
        watched_sockets(longest=SHORT),
        pytest.raises((AssertionError, pytest.fail.Exception)) as caught,
    ):
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
    bench.close()
    assert re.search(says, str(caught.value))


class Choosy(Lamp):
    """Takes detections with a redshift in `extra`, of targets with a place."""

    def ensure_target(self, batch: Any) -> None:
        if batch.target.position is None or batch.target.position.ra != 10.5:
            raise TargetRefused("it needs the place")
        batch.state["known"] = True

    def knows_target(self, batch: Any) -> bool:
        return bool(batch.state.get("known"))

    def deliver(self, batch: Any) -> Any:
        for record in batch.records:
            needed = (record.extra.get("z"), getattr(record, "exposure_time", 30.0))
            if isinstance(record, Photometry) and needed != (0.1, 30.0):
                yield record.key, Rejected(reason="it needs the redshift")
            else:
                yield from super().deliver(replace(batch, records=(record,)))


class TestChoosy(HttpAdapterContract):
    """An author says what the destination needs of the target and of each record."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return replace(
            stage(server, lamp(Choosy), time_outs(request)).subject,
            target=Target(name="SN 2026abc", position=Position(ra=10.5, dec=1.0)),
            fields={"extra": {"z": 0.1}, "exposure_time": 30.0},
        )


def test_values_that_the_destination_needs_are_added_to_those_of_a_record(server: FakeServer) -> None:
    bench = stage(server, lamp())
    fitting = type(bench)(replace(bench.subject, fields={"extra": {"z": 0.1}, "exposure_time": 30.0}))
    nested = fitting.examples["nested extra values"]
    assert (nested.extra["z"], nested.extra["n"]) == (0.1, 10**15)
    assert nested.exposure_time == 30.0  # type: ignore[union-attr]
    assert fitting.examples["astrometry"].extra == {"z": 0.1}
    assert isinstance(
        fitting.call(fitting.open(), fitting.batch(fitting.record)).of(fitting.record), Accepted
    )
