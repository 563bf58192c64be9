"""Histories of dates, edits, filters and clock steps: nothing leaves early, and nothing stays after.

`SHARECORE_HISTORIES` is the number of histories of the state machine; those in a TOM are a few dozen.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharecore import delivery
from sharecore.delivery import SENDABLE, START, DeliveryState, State
from sharecore.filters import Filter
from sharecore.outcomes import Accepted
from sharecore.records import Kind, Photometry, RecordKey
from sharecore.release import Release, UnreadableRelease, latest
from sharecore.retry_schedule import DEFAULT_SCHEDULE, Retry, RetryPolicy
from tom.conftest import Tom
from tom_integration.models import Delivery, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.services import shares

pytestmark = pytest.mark.any_database

HISTORIES = int(os.environ.get("SHARECORE_HISTORIES", "5000"))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetryPolicy(tuple(DEFAULT_SCHEDULE))
NOTHING = Filter(kinds=(Kind.SPECTRUM,))


class History:
    """One datum, the dates and filter that hold for it, and the worker that looks when something is due."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)  # noqa: S311
        self.now = BEGIN
        self.filter = Filter()
        self.days = 0.0
        self.date: datetime | None = None
        self.record = Photometry(
            key=RecordKey(kind=Kind.PHOTOMETRY, origin="here", id="1"),
            timestamp=BEGIN + timedelta(days=self.choose.randint(-40, 5)),
            brightness=18.0,
            bandpass="r",
            unit="AB",
        )
        self.row = DeliveryState(state=State.PENDING, next_at=self.now)

    @property
    def retry(self) -> Retry:
        return Retry(now=self.now, policy=POLICY, chance=0.5)

    @property
    def moment(self) -> datetime | None:
        return latest([Release(after_days=self.days), Release(not_before=self.date, field="")], self.record)

    def look(self) -> None:
        """What the worker does, each time that something is due up to now."""
        if self.row.state not in SENDABLE or self.row.next_at is None or self.row.next_at > self.now:
            return
        if self.filter.objection(self.record, own=True):
            self.row = delivery.kept_here(self.row, "filter", self.retry, again=False)
            return
        try:
            moment = self.moment
        except UnreadableRelease:
            self.row = delivery.kept_here(self.row, "date", self.retry, again=False)
            return
        if moment is not None and moment > self.now:
            self.row = delivery.embargo(moment, "released later")(self.row)
            return
        self.row = delivery.settle(START(self.row), Accepted(), self.retry, settle_time=60)

    def edited(self, *, announced: bool) -> None:
        values: list[Any] = [None, "", "soon", 61_100, self._day(), self._day()]
        self.record = replace(self.record, extra={"release_date": self.choose.choice(values)})
        if announced and self.row.state is State.WITHHELD:
            self.row = delivery.revise(now=self.now)(self.row)

    def limits_changed(self) -> None:
        self.days = self.choose.choice([0.0, 3.0, 30.0])
        self.date = self.choose.choice([None, self.now + timedelta(days=self.choose.randint(-5, 60))])
        self.filter = self.choose.choice([Filter(), Filter(), NOTHING])
        if self.row.state is State.WITHHELD:
            self.row = delivery.replay(now=self.now)(self.row)

    def step(self) -> None:
        match self.choose.randint(0, 4):
            case 0:
                self.edited(announced=True)
            case 1:
                self.edited(announced=False)
            case 2:
                self.limits_changed()
            case _:
                self.now += timedelta(days=self.choose.choice([0.01, 1, 10, 40]))
        before = self.row.state
        self.look()
        if before is not State.DELIVERED and self.row.state is State.DELIVERED:
            assert self.moment is None or self.moment <= self.now
            assert not self.filter.objection(self.record, own=True)

    def _day(self) -> str:
        return (self.now + timedelta(days=self.choose.randint(-5, 60))).date().isoformat()


def test_the_state_machine_keeps_every_date() -> None:
    for seed in range(HISTORIES):
        history = History(seed)
        for _ in range(history.choose.randint(1, 12)):
            history.step()
        history.record = replace(history.record, extra={"release_date": history._day()})
        history.limits_changed()
        history.filter = Filter()
        history.row = delivery.replay(now=history.now)(history.row)  # What the full rescan finds.
        history.look()
        moment = history.moment
        if history.row.state is not State.DELIVERED:
            assert moment is not None
            history.now = moment - timedelta(microseconds=1)
            history.look()
            assert history.row.state is State.WITHHELD, seed
            history.now = moment
            history.look()
        assert history.row.state is State.DELIVERED, seed


STEPS = st.one_of(
    st.tuples(st.just("date of the datum"), st.sampled_from([None, "soon", -3, 2, 20])),
    st.tuples(st.just("date of the share"), st.sampled_from([None, -3, 2, 20])),
    st.tuples(st.just("days"), st.sampled_from([0, 5, 30])),
    st.tuples(st.just("filter"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 3, 25])),
)


@pytest.mark.django_db
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=6))
def test_a_tom_keeps_every_date(tom: Tom, steps: list[tuple[str, Any]]) -> None:
    target = tom.target()
    shares.make(target.pk, "x", user=None, limits={"release_days": 5})
    datum = tom.datum(target, timestamp=tom.clock.now - timedelta(days=1))
    passes, dates = True, {"days": 5.0, "datum": None, "share": None}

    def released() -> bool:
        if not passes or dates["datum"] == "soon":
            return False
        moments = [dates["datum"], dates["share"]]
        if dates["days"]:
            moments.append(datum.timestamp + timedelta(days=dates["days"]))
        return all(each is None or each <= tom.clock.now for each in moments)

    def later(days: float | None) -> datetime | None:
        return None if days is None else tom.clock.now + timedelta(days=days)

    def check() -> bool:
        tom.deliver()
        there = Delivery.objects.filter(datum_pk=datum.pk, state=State.DELIVERED)
        assert there.exists() == released()
        assert not there.exclude(attempts=1).exists()
        return there.exists()

    if check():
        return
    for what, value in steps:
        match what:
            case "date of the datum":
                moment = value if isinstance(value, str) else later(value)
                dates["datum"] = moment
                datum.value = {} if moment is None else {"release_date": str(moment)}
                datum.save()
            case "date of the share":
                dates["share"] = later(value)
                open_outboxes.limit(tom.outbox(target), not_before=dates["share"])
            case "days":
                dates["days"] = float(value)
                open_outboxes.limit(tom.outbox(target), release_days=value)
            case "filter":
                passes = value
                chosen = Filter() if value else NOTHING
                open_outboxes.limit(tom.outbox(target), filter=write_filter(chosen))
            case "wait":
                tom.clock.forward(days=value)
        if check():
            return
