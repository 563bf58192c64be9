"""A TOM with two destinations in memory, a clock that the test moves, and a guard against endless rounds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from astropy.coordinates import Angle
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target
from tom_targets.templatetags import targets_extras

from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.testing import MemoryDestination, MemoryPlugin, deliver_now, installed
from tom.deaths import survived_by_nobody
from tom.incoming import Sender
from tom.versions_check import read, versions_are_renewed
from tom_integration import clock as database_clock
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import counts
from tom_integration.worker import rounds, scan

NIGHT = datetime(2026, 3, 1, tzinfo=UTC)
_ERRORS = "SELECT problem FROM sharecore_outbox WHERE problem LIKE 'an error in sharecore%'"
ROUNDS = 20
"""Of `deliver_until_quiet`: enough for all tries of a delivery."""
MOST_ROUNDS = 120
"""Far above what any test needs."""
DATA_SHARING = {
    "x": {"ADAPTER": "memory", "USER_TOPICS": ["red", "blue"]},
    "y": {"ADAPTER": "memory"},
}


class Clock:
    """What this machine and the database say it is; stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        # Two rows are never written at the same moment.
        self.now += timedelta(microseconds=1)
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Tom:
    """A TOM, its users, and what a test wants to know of it."""

    def __init__(self, clock: Clock, plugin: MemoryPlugin) -> None:
        self.clock = clock
        self.plugin = plugin
        self._numbers = itertools.count(1)

    @property
    def x(self) -> MemoryDestination:
        return self.plugin["x"]

    @property
    def y(self) -> MemoryDestination:
        return self.plugin["y"]

    def target(self, name: str = "") -> Target:
        name = name or f"SN 2026{next(self._numbers)}"
        return Target.objects.create(name=name, type=Target.SIDEREAL, ra=10.0, dec=-20.0)

    def user(self, *permitted: Target, name: str = "") -> User:
        """A user who may change these targets."""
        user = User.objects.create_user(name or f"user{next(self._numbers)}")
        for target in permitted:
            assign_perm("tom_targets.change_target", user, target)
        return user

    def share(self, target: Target, destination: str = "x", user: User | None = None) -> PersistentShare:
        return PersistentShare.objects.create(target=target, destination=destination, user=user)

    def unsaved(self, target: Target, **fields: Any) -> PhotometryReducedDatum:
        number = next(self._numbers)
        base = {
            "timestamp": NIGHT + timedelta(minutes=number),
            "brightness": 18.0 + number / 1000,
            "bandpass": "r",
            "unit": "AB",
        }
        return PhotometryReducedDatum(target=target, **base | fields)

    def datum(self, target: Target, **fields: Any) -> PhotometryReducedDatum:
        row = self.unsaved(target, **fields)
        row.save()
        return row

    def data(self, target: Target, number: int) -> list[PhotometryReducedDatum]:
        rows = [self.unsaved(target) for _ in range(number)]
        return PhotometryReducedDatum.objects.bulk_create(rows)

    def commit(self) -> None:
        """Let hints leave, as at the end of a request; inside a test's own transaction nothing commits."""
        while connection.run_on_commit:
            _, function, robust = connection.run_on_commit.pop(0)
            assert robust, "a hint must not be able to raise"
            function()

    def deliver(self, *, after: float = 0, fails: bool = False) -> int:
        """One round, so many seconds later; what was left for the log is a failure unless it is expected."""
        self.commit()
        self.clock.forward(seconds=after)
        with versions_are_renewed():
            arrived = deliver_now()
        if not fails:
            assert read(_ERRORS) == []
        return arrived

    def deliver_until_quiet(self, *, hours: float = 24) -> int:
        """Rounds, with time passing between them, until so much time has passed.

        Of those in the middle, the ones for which something is due: most others would only scan once more.
        """
        arrived = 0
        for number in range(ROUNDS):
            self.commit()
            self.clock.forward(hours=hours / ROUNDS)
            if number < 2 or number >= ROUNDS - 2 or scan.Scan.waiting():
                arrived += self.deliver()
        return arrived

    def outbox(self, target: Target, destination: str = "x") -> Outbox:
        return Outbox.objects.at(Address.parse(destination)).get(target_id=target.pk)

    def row(self, datum: Any, destination: str = "x") -> Delivery:
        rows = Delivery.objects.at(Address.parse(destination))
        return rows.get(model=datum._meta.model_name, datum_pk=datum.pk)

    def states(self, destination: str = "x") -> list[str]:
        rows = Delivery.objects.at(Address.parse(destination)).order_by("timestamp", "pk")
        return [str(row.state) for row in rows]

    def state(self, datum: Any, destination: str = "x") -> State:
        return State(self.row(datum, destination).state)

    def share_existing(self, target: Target, destination: str = "x") -> int:
        from tom_integration.outbox import open_outboxes

        return open_outboxes.ask_for(self.outbox(target, destination))


@pytest.fixture
def later(tom: Tom, shared: Any) -> Any:
    """A shared target; its destination answers a minute after a delivery, at the earliest."""
    tom.x.answers_later = True
    return shared


def edit(row: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


@pytest.fixture(autouse=True)
def deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies in the call of an adapter is no fault of the adapter."""
    monkeypatch.setattr("sharecore.call_thread.contained", survived_by_nobody)


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test in which one look at an outbox does not come to an end."""
    made: dict[int, int] = {}
    real = rounds.Rounds.round

    def counted(self: Any, *args: Any, **kwargs: Any) -> bool:
        made[id(self)] = made.get(id(self), 0) + 1
        if made[id(self)] > MOST_ROUNDS:
            pytest.fail(f"{MOST_ROUNDS} rounds on one outbox")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(rounds.Rounds, "round", counted)


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the numbers of few deliveries, too, so that each test of a page would find one that is too old."""
    monkeypatch.setattr(counts, "KEPT_FROM", 1)


@pytest.fixture(autouse=True)
def matching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one look attach all shares, however long this process stalls in it; some tests take that back."""
    monkeypatch.setattr("tom_integration.worker.scan.MATCHING_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def moon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Moon stand still: tomtoolkit computes 150 places of it for each page of a target."""
    zero = Angle(0, "deg")
    far = SimpleNamespace(separation=lambda other: Angle(90, "deg"), ra=zero, dec=zero)
    monkeypatch.setattr(targets_extras, "get_body", lambda body, time: far)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    monkeypatch.setattr(database_clock, "now", clock)
    return clock


@pytest.fixture
def plugins() -> Iterable[object]:
    """Plugins beside the destinations in memory; a test overrides it."""
    return ()


@pytest.fixture
def tom(db: None, clock: Clock, plugins: Iterable[object]) -> Iterator[Tom]:
    memory = MemoryPlugin()
    # A process knows these from its first page on: no count of queries depends on which test comes first.
    ContentType.objects.get_for_models(PersistentShare, Target)
    with ExitStack() as stack:
        stack.enter_context(installed(memory, *plugins))
        stack.enter_context(override_settings(DATA_SHARING=DATA_SHARING, SHARECORE_RUNNER="command"))
        yield Tom(clock, memory)


@pytest.fixture
def target(tom: Tom) -> Target:
    return tom.target("SN 2026abc")


@pytest.fixture
def shared(tom: Tom) -> Target:
    """A target that is shared to x."""
    target = tom.target()
    tom.share(target)
    return target


@pytest.fixture
def shared_to_both(tom: Tom) -> Target:
    """A target that is shared to x and to y."""
    target = tom.target()
    tom.share(target, "x")
    tom.share(target, "y")
    return target


@pytest.fixture
def sender(tom: Tom, target: Target) -> Sender:
    """Another site, whose account here may change the target."""
    return Sender(tom.user(target))


@pytest.fixture
def admin(tom: Tom) -> Client:
    """A browser in which a superuser is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return client
