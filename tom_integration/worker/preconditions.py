"""Check the preconditions of a call of an adapter: health, probe, rate limit, exclusive access.

An obstacle to the outbox raises `Wait`, which says when to look again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sharecore import shutdown
from sharecore.adapter import Adapter, Batch
from sharecore.adapter_answers import Stop
from sharecore.addresses import Address
from sharecore.call_delay import delays
from sharecore.circuit_breaker import LONGEST_WAIT
from sharecore.destination import Destination
from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DeliveryError, DestinationError
from sharecore.exchanges import Recording
from tom_integration import clock, conf, site, telemetry
from tom_integration.worker import (
    breaker,
    exclusive_access,
    key_refusals,
    leases,
    rate_limit,
    transport_text,
)
from tom_integration.worker.waits import Wait

LONGEST_PAUSE = 2.0
"""Seconds that a leased outbox waits at the most for the rate limit of its destination."""


@dataclass(slots=True, kw_only=True)
class Preconditions:
    """Check what must hold before a call of one destination for one leased outbox."""

    lease: leases.Lease
    address: Address
    destination: Destination
    adapter: Adapter
    stop: Callable[[], bool]
    """Return True when nothing new may begin."""
    delay: float = 0.0
    """Seconds before the next call that the destination asked for in the last one."""
    answered: bool = False
    """True when the destination was down, and has just answered a probe."""
    probing: bool = False
    """True when the destination is down, and this call tries it."""

    @property
    def credentials(self) -> str:
        """Return the digest of the settings under which the calls are made, the same for all people."""
        return site.credentials_digest(site.destinations().get(self.destination.name, self.destination))

    def check_breaker(self) -> None:
        """Raise `Wait` while the circuit breaker of the destination is open, it asked for no call, or it
        refuses the key of the person whose records these are.
        """
        now = clock.now()
        if obstacle := breaker.obstacle(self.address, credentials=self.credentials, now=now):
            until = _no_sooner(obstacle.until) if obstacle.reason else obstacle.until
            raise Wait(until, obstacle.reason)
        if why := key_refusals.refusal(self.address, self.destination):
            raise _until_a_key(why)

    def allowance(self, wanted: int) -> int:
        """Return how many of the wanted records may go now, under the rate limit of the destination.

        Sleep up to `LONGEST_PAUSE` seconds while it is none: all other work of this thread is for the same
        destination.

        Raises:
            Wait: the rate limit asks for a longer pause.
        """
        while True:
            number, seconds = rate_limit.allowance(self.destination, wanted)
            if number:
                return number
            if seconds > LONGEST_PAUSE or self.stop():
                raise Wait(clock.now() + timedelta(seconds=seconds), "")
            rate_limit.sleep(seconds)

    def before_call(self) -> None:
        """Check the breaker just before a call; let one outbox probe a destination that is down."""
        self.check_breaker()
        self.answered = self.probing = False
        if not breaker.is_down(self.address):
            return
        until, why = breaker.probe(self.address, now=clock.now())
        if until is not None:
            raise Wait(_no_sooner(until), why)
        self.probing = True
        self._ask()

    def succeeded(self) -> None:
        """Close the circuit breaker, since the destination has answered a call, and takes the key of the
        person.
        """
        breaker.succeeded(
            self.address,
            now=clock.now(),
            about=transport_text.told(self.adapter),
            takes_tests=self.adapter.takes_tests,
        )
        key_refusals.accepted(self.address, self.destination)

    def recording(self) -> Recording | None:
        """Return where the exchanges of the next call are recorded; None where the site keeps none."""
        return Recording() if conf.settings().keep_exchanges else None

    @contextmanager
    def call(self, name: str, records: int = 0) -> Iterator[Callable[[BaseException | None], None]]:
        """Measure one call of the adapter, and hear the delay that it asks for before the next one."""
        with telemetry.call(name, self.address, records) as stopped, delays() as asked:
            try:
                yield stopped
            finally:
                self.delay = max(asked, default=0.0)

    def _ask(self) -> None:
        """Probe the destination. Where an adapter has no cheap request for it, the next delivery tells."""
        seconds = breaker.read(self.address.name).patience(clock.now())
        try:
            with leases.keep_alive(self.lease):
                self.answered = self.adapter.probe(seconds)
        except (AuthenticationFailed, DestinationError) as stop:
            raise self.wait(stop) from None
        except DeliveryError:
            pass  # The hook call has logged it; the delivery is tried.

    def can_update(self) -> bool:
        """Return True when the destination takes edits; the adapter may have to ask it first."""
        try:
            with leases.keep_alive(self.lease):
                self.adapter.ready()
        except (AuthenticationFailed, DestinationError) as stop:
            raise self.wait(stop) from None
        except DeliveryError:
            pass  # A bug of the adapter shows again in the delivery, which settles the records.
        return self.adapter.can_update

    @contextmanager
    def access(self, batch: Batch) -> Iterator[bool]:
        """Hold access to the destination during a call.

        Yield True, with exclusive access, when the target must be made known there first.

        Raises:
            Wait: another worker has exclusive access.
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
        """Raise the error of a call when it stops the whole outbox."""
        if isinstance(stopped, AuthenticationFailed | DestinationError):
            raise self.wait(stopped) from None
        if isinstance(stopped, ConfigurationError):
            raise stopped

    def wait(self, stop: AuthenticationFailed | DestinationError) -> Wait:
        """Note in the breaker that the destination stopped a call; return the exception to raise."""
        if shutdown.begun():
            # This process broke the call off, so the error says nothing about the destination.
            return Wait(clock.now(), "")
        if self.destination.person and isinstance(stop, AuthenticationFailed):
            why = key_refusals.refuse(self.address, self.destination, stop)
            site.adapters.close(self.destination.name)
            if self.probing:
                breaker.answered(self.address.name)  # Others must not wait for who may not send.
            return _until_a_key(why) if why else Wait(clock.now(), "")
        until = breaker.stopped(
            self.address, stop, credentials=self.credentials, chance=chance(), answered=self.answered
        )
        # The adapter may have cached the cause (an expired token, the version of the site): open a new one.
        site.adapters.close(self.destination.name)
        return Wait(_no_sooner(until), stop.reason)


def chance() -> float:
    """Return the jitter of the retries of one batch, from 0 to 1."""
    return random.random()  # noqa: S311  (spreads load, guards nothing)


def _no_sooner(until: datetime) -> datetime:
    """Return the time of the next look, a scan away at least: `resume` marks the outbox before if it can."""
    return max(until, clock.now() + timedelta(seconds=conf.settings().scan_seconds))


def _until_a_key(why: str) -> Wait:
    """Return the exception for records whose sender has a key that is refused."""
    again = clock.now() + timedelta(seconds=LONGEST_WAIT)
    return Wait(_no_sooner(again), why, needs_person=True)


def later() -> Wait:
    """Return the exception for a destination to which another worker has exclusive access."""
    return Wait(clock.now() + exclusive_access.AGAIN, "")
