"""Any order of events, the app as a whole: nothing is lost, nothing arrives twice, attempts only grow.

Beside `tests/core/test_engine_stateful.py`, which does it for the rules alone. The clock is moved by the
test, and the destination is one in memory that keeps whatever reaches it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sharecore import AuthenticationFailed, DestinationError, hookimpl
from sharecore.filters import Filter
from sharecore.identity import fingerprint
from sharecore.outcomes import Deferred, Rejected, Submitted, Unconfirmed
from sharecore.records import Kind
from tom.deaths import POINTS, QUESTIONS, Died
from tom_integration import site
from tom_integration.models import Delivery, write_filter
from tom_integration.outbox import open_outboxes, retention
from tom_integration.services import resolve, retry, shares

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

FAULTS: tuple[dict[str, Any], ...] = (
    {"answer": Deferred(reason="busy")},
    {"answer": Deferred(reason="busy", retry_after=600.0)},
    {"answer": Rejected(reason="no")},
    {"answer": Unconfirmed(reason="no answer")},
    {"answer": Unconfirmed(reason="no answer"), "stores": True},
    {"answer": DestinationError("down")},
    {"answer": AuthenticationFailed("refused")},
    {"answer": RuntimeError("a bug of the adapter"), "stores": True},
)
LATER: tuple[Any, ...] = (None, Submitted(ticket="other", ask_after=0), Unconfirmed(reason="no such ticket"))
"""Answers to questions that settle nothing."""
WAITS = (1.0, 61.0, 130.0, 3600.0, 86400.0)


class HomeRule:
    """A site that keeps all at home while it says so."""

    def __init__(self) -> None:
        self.closed = False

    @hookimpl
    def sharecore_withhold(self, request: object) -> str | None:
        return "not today" if self.closed else None


class Scene:
    """One shared target, its data, and what has happened."""

    def __init__(self, tom: Tom, rule: HomeRule, stack: ExitStack) -> None:
        self.tom = tom
        self.rule = rule
        self.stack = stack
        self.target = tom.target()
        self.user = tom.user(self.target)
        self.share = tom.share(self.target)
        self.data: list[Any] = []
        self.attempts: dict[int, int] = {}

    def chosen(self, number: int) -> Any:
        return self.data[number % len(self.data)]

    def deliver(self, number: int) -> None:
        with suppress(Died):
            self.tom.deliver(after=WAITS[number % len(WAITS)], fails=True)

    def die(self, number: int) -> None:
        how, where, name = [*POINTS.values(), *QUESTIONS.values()][number]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, name, how(getattr(where, name)))
            self.deliver(0)

    def edit(self, number: int) -> None:
        datum = self.chosen(number)
        datum.brightness += 1.0
        datum.save()

    def delete(self, number: int) -> None:
        self.data.pop(number % len(self.data)).delete()

    def make_again(self, number: int) -> None:
        """As `migrate_reduced_datums` does: the same content under another key."""
        datum = self.chosen(number)
        datum.delete()
        datum.pk = None
        datum.save(force_insert=True)

    def limit(self, number: int) -> None:
        kinds = [Kind.SPECTRUM] if number % 2 else []
        open_outboxes.limit(self.tom.outbox(self.target), filter=write_filter(Filter(kinds=tuple(kinds))))

    def change_settings(self, number: int) -> None:
        schedule = ([5.0], [5.0, 60.0, 600.0])[number % 2]
        self.stack.enter_context(override_settings(SHARECORE_RETRY_SCHEDULE=schedule))

    def follow(self, number: int) -> None:
        """The destination goes on with what it is processing, or has an odd answer for the next question."""
        step = (self.tom.x.process, self.tom.x.throw_away)[number:]
        if step:
            step[0]()
        elif number < 5:
            self.tom.x.follow_answers = [LATER[number - 2]]
        else:
            self.tom.x.follow_fails = DestinationError("down") if number % 2 else RuntimeError("a bug")

    def purge(self, _: int) -> None:
        self.tom.clock.forward(days=100)
        retention.everything()

    def review(self) -> None:
        """A person looks at the destination for what it took and never answered."""
        there = {fingerprint(record) for record in self.tom.x.records}
        for row in Delivery.objects.filter(state="needs_review"):
            resolve.resolve(row, arrived=row.fingerprint in there, by="the observer")

    def observe(self) -> None:
        """What holds after each event."""
        sent = Counter(fingerprint(record) for record in self.tom.x.received)
        assert [number for number in sent.values() if number > 1] == [], "sent twice"
        now = dict(Delivery.objects.values_list("pk", "attempts"))
        assert all(now[pk] >= attempts for pk, attempts in self.attempts.items() if pk in now)
        self.attempts = now

    def end_well(self) -> None:
        """All troubles end, and a person does what is asked for."""
        self.tom.x.recover()
        self.tom.x.answers_later = False
        self.tom.x.follow_answers = []
        self.tom.x.process()
        self.rule.closed = False
        self.limit(0)
        shares.resume(self.share)
        self.tom.deliver_until_quiet(hours=3)
        shares.check(site.destinations()["x"])
        self.tom.deliver_until_quiet(hours=24)
        retry.retry()
        self.review()
        self.tom.deliver_until_quiet(hours=24)


EVENTS: Mapping[str, Callable[[Scene, int], object]] = {
    "save": lambda scene, _: scene.data.append(scene.tom.datum(scene.target)),
    "bulk": lambda scene, n: scene.data.extend(scene.tom.data(scene.target, n + 1)),
    "edit": lambda scene, n: scene.data and scene.edit(n),
    "delete": lambda scene, n: scene.data and scene.delete(n),
    "make again": lambda scene, n: scene.data and scene.make_again(n),
    "deliver": Scene.deliver,
    "deliver again": Scene.deliver,
    "die": Scene.die,
    "fault": lambda scene, n: scene.tom.x.will(**FAULTS[n % len(FAULTS)], times=1 + n % 2),
    "answer later": lambda scene, n: setattr(scene.tom.x, "answers_later", n % 3 > 0),
    "process": Scene.follow,
    "recover": lambda scene, _: scene.tom.x.recover(),
    "pause": lambda scene, _: shares.pause(scene.share, by=scene.user),
    "resume": lambda scene, _: shares.resume(scene.share),
    "keep at home": lambda scene, n: setattr(scene.rule, "closed", n % 2 == 0),
    "limit": Scene.limit,
    "settings": Scene.change_settings,
    "retry": lambda scene, _: retry.retry(),
    "check": lambda scene, _: shares.check(site.destinations()["x"]),
    "purge": Scene.purge,
}
RULE = HomeRule()


@pytest.fixture
def plugins() -> tuple[object, ...]:
    return (RULE,)


@pytest.fixture(autouse=True)
def guard() -> None:
    """That of the other tests counts for one test, which here is many."""


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.integers(0, 11)), min_size=5, max_size=30),
    can_update=st.booleans(),
)
@example(  # taken, and not answered for longer than it is asked
    events=[("answer later", 5), ("save", 0), ("deliver", 0), ("purge", 0), ("deliver again", 0)],
    can_update=True,
)
def test_whatever_happens_all_that_is_there_arrives_once(
    tom: Tom, events: list[tuple[str, int]], can_update: bool
) -> None:
    with ExitStack() as stack, transaction.atomic():
        RULE.closed = False
        tom.x.__init__()  # type: ignore[misc]  # the destination of another example
        tom.x.can_update = can_update
        site.adapters.close()
        scene = Scene(tom, RULE, stack)
        for name, number in events:
            EVENTS[name](scene, number)
            scene.observe()
        scene.end_well()
        scene.observe()
        there = {record.timestamp: fingerprint(record) for record in tom.x.records}
        for datum in scene.data:
            row = tom.row(datum)
            assert row.state == "delivered", row.reason
            assert datum.timestamp in there
            assert not can_update or there[datum.timestamp] == row.fingerprint
        transaction.set_rollback(True)
