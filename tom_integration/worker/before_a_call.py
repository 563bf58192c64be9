"""What stands before a call of an adapter: health, probe, rate limit, exclusive access.

Whatever keeps an outbox from going on now is a `Wait`, which says when to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sharecore import shutdown
from sharecore.adapter import Adapter, Batch
from sharecore.addresses import Address
from sharecore.destinations import Destination
from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DeliveryError, DestinationError
from sharecore.hearing import Stop
from tom_integration import clock, conf, site
from tom_integration.outbox import ledger
from tom_integration.worker import breaker, exclusive_access, leases, rate_limit

LONGEST_PAUSE = 2.0
"""Seconds that an outbox in hand waits for the rate limit of its destination."""


class Wait(Exception):
    """The outbox cannot go on now. until: when to look again. problem: why, for people.

    needs_person: the problem does not end by itself.
    """

    def __init__(self, until: datetime, problem: str, *, needs_person: bool = False) -> None:
        super().__init__(problem)
        self.until = until
        self.problem = problem
        self.needs_person = needs_person


@dataclass(slots=True, kw_only=True)
class Preconditions:
    """What must hold before a call of one destination for one leased outbox.

    answered: the destination was down, and has just answered a probe. stop: whether nothing new may begin.
    """

    lease: leases.Lease
    address: Address
    destination: Destination
    adapter: Adapter
    stop: Callable[[], bool] = lambda: False
    answered: bool = False

    @property
    def credentials(self) -> str:
        """Digest of the settings under which the calls are made."""
        return site.credentials_digest(self.destination)

    def check_breaker(self) -> None:
        """Raises `Wait` while the destination takes no calls."""
        until, why = breaker.blocked_until(self.address, credentials=self.credentials, now=clock.now())
        if until is not None:
            raise Wait(_no_sooner(until), why)

    def allowance(self, wanted: int) -> int:
        """How many records may go now, under the rate limit of the destination.

        Where it is none it waits for a moment: whatever else this thread could do is for the same
        destination. Raises `Wait` where a moment is not enough.
        """
        while True:
            number, seconds = rate_limit.allowance(self.destination, wanted)
            if number:
                return number
            if seconds > LONGEST_PAUSE or self.stop():
                raise Wait(clock.now() + timedelta(seconds=seconds), "")
            rate_limit.sleep(seconds)

    def before_call(self) -> None:
        """Check the breaker just before a call; while a destination is down, let one outbox try it."""
        self.check_breaker()
        self.answered = False
        if not breaker.is_down(self.address):
            return
        until, why = breaker.probe(self.address, now=clock.now())
        if until is not None:
            raise Wait(_no_sooner(until), why)
        self._ask()

    def _ask(self) -> None:
        """Whether the destination answers again. Where only a delivery can tell, the next one does."""
        seconds = breaker.read(self.address.name).patience(clock.now())
        try:
            with leases.keep_alive(self.lease):
                self.answered = self.adapter.probe(seconds)
        except (AuthenticationFailed, DestinationError) as stop:
            raise self.wait(stop) from None
        except DeliveryError:
            pass  # logged; the delivery is tried

    def can_update(self) -> bool:
        """Whether the destination takes edits; the adapter may have to ask it."""
        try:
            with leases.keep_alive(self.lease):
                self.adapter.ready()
        except (AuthenticationFailed, DestinationError) as stop:
            raise self.wait(stop) from None
        except DeliveryError:
            pass  # Where it has a bug, delivering shows it, and tells what becomes of the records.
        return self.adapter.can_update

    @contextmanager
    def access(self, batch: Batch) -> Iterator[bool]:
        """Access to the destination; exclusive, and True, where the target is to be made known there first.

        Raises `Wait` while another worker has the destination.
        """
        if self._knows_target(batch):
            if exclusive_access.reserved(self.address):
                raise later()
            yield False
            return
        with exclusive_access.alone(self.lease, self.address) as ours:
            if not ours:
                raise later()
            yield True

    def _knows_target(self, batch: Batch) -> bool:
        try:
            return self.adapter.knows_target(batch)
        except DeliveryError:
            return True

    def heed(self, stopped: Stop | None) -> None:
        """Raise what keeps the whole outbox from going on."""
        if isinstance(stopped, AuthenticationFailed | DestinationError):
            raise self.wait(stopped) from None
        if isinstance(stopped, ConfigurationError):
            raise stopped

    def wait(self, stop: AuthenticationFailed | DestinationError) -> Wait:
        """Note that the destination stopped a call; the exception to raise."""
        if shutdown.begun():
            return Wait(clock.now(), "")  # we stopped it; that says nothing of the destination
        until = breaker.stopped(
            self.address,
            stop,
            credentials=self.credentials,
            chance=ledger.chance(),
            answered=self.answered,
        )
        # What an adapter knows of a destination (a token, what it runs) may be what is wrong.
        site.adapters.close(self.destination.name)
        return Wait(_no_sooner(until), stop.reason)


def _no_sooner(until: datetime) -> datetime:
    """When an outbox looks again that waits for its destination: it is told when that is back."""
    return max(until, clock.now() + timedelta(seconds=conf.settings().scan_seconds))


def later() -> Wait:
    """Another worker has the destination for itself."""
    return Wait(clock.now() + exclusive_access.AGAIN, "")
