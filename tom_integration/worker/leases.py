"""Lease outboxes, so that each has one sender at a time.

A lease is taken by a compare-and-swap of its token, the same code on SQLite and PostgreSQL. A worker that has
lost its lease cannot write any more: every write of a sender asks for the token.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from tom_integration import clock, conf, polite_writes
from tom_integration.models import Outbox

logger = logging.getLogger(__name__)


def worker_name() -> str:
    """Return the name of this process for people: host and process id."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Lease:
    """Hold the right to work on an outbox, for a time."""

    outbox: Outbox
    token: str
    previous: str
    """The token of a lease that ended without a release; empty when there was none."""
    previous_until: datetime | None
    """The end of that lease, until which its worker may have been at work."""

    def renew(self) -> bool:
        """Renew the lease; return False when it is lost."""
        until = clock.now() + timedelta(seconds=conf.settings().lease_seconds)
        return bool(Outbox.objects.filter(pk=self.outbox.pk, lease=self.token).update(lease_until=until))

    def hold(self) -> bool:
        """Check that the lease lasts for some time, and renew it if not; return False when it is lost.

        Most often this only reads: on SQLite each write makes transactions fail that read before they write.
        """
        leased = Outbox.objects.filter(pk=self.outbox.pk, lease=self.token)
        until = leased.values_list("lease_until", flat=True).first()
        if until is None:
            return False
        return until - clock.now() > timedelta(seconds=conf.settings().lease_seconds * 2 / 3) or self.renew()

    def release(self, *, next_at: datetime | None, **columns: object) -> None:
        """Release the outbox, to be looked at again at `next_at`; write further columns with it."""
        Outbox.objects.filter(pk=self.outbox.pk, lease=self.token).update(
            lease="", lease_until=None, next_at=next_at, **columns
        )


def acquire(outbox_id: int) -> Lease | None:
    """Lease an outbox and clear its mark; return None when another worker has the lease.

    The mark is cleared before anything is read, so that a mark that comes later leads to another look.
    """
    outbox = Outbox.objects.filter(pk=outbox_id).first()
    now = clock.now()
    if outbox is None:
        return None
    if outbox.lease and outbox.lease_until and outbox.lease_until > now:
        _shorten(outbox, now)
        return None
    token = f"{worker_name()}:{uuid.uuid4().hex[:12]}"[-64:]
    until = now + timedelta(seconds=conf.settings().lease_seconds)
    free = Outbox.objects.filter(pk=outbox_id, lease=outbox.lease, lease_until=outbox.lease_until)
    if not free.update(lease=token, lease_until=until, look_now=False):
        return None
    previous, previous_until = outbox.lease, outbox.lease_until if outbox.lease else None
    # Read the rule by the same statement: a change of its limits also changes the digest of the outbox.
    outbox = Outbox.objects.select_related("rule").get(pk=outbox_id)
    return Lease(outbox, token, previous, previous_until)


def too_far(now: datetime) -> datetime:
    """Return a time after which no lease can end, unless it was taken by a clock that was wrong."""
    return now + timedelta(seconds=2 * conf.settings().lease_seconds)


def _shorten(outbox: Outbox, now: datetime) -> None:
    """Let a lease beyond `too_far` end as if taken now: its worker may be alive, and renews it."""
    if outbox.lease_until and outbox.lease_until > too_far(now):
        as_seen = Outbox.objects.filter(pk=outbox.pk, lease=outbox.lease, lease_until=outbox.lease_until)
        as_seen.update(lease_until=now + timedelta(seconds=conf.settings().lease_seconds))


def alive(tokens: Iterable[str]) -> dict[str, datetime]:
    """Return the end of each lease that has not ended, by token, among these tokens of any outbox."""
    leased = Outbox.objects.filter(lease__in=set(tokens) - {""}, lease_until__gt=clock.now())
    return {outbox.lease: outbox.lease_until for outbox in leased if outbox.lease_until}


@contextmanager
def keep_alive(lease: Lease, also: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Renew a lease in a thread of its own while a call of the adapter blocks this one.

    Args:
        lease: the lease.
        also: renews what is held beside it.
    """
    done = threading.Event()
    pause = conf.settings().lease_seconds / 3

    def renew() -> None:
        while not done.wait(pause):
            try:
                with polite_writes.writes():
                    if not lease.renew():
                        return
                    also()
            except Exception:
                # The database is busy or restarts. The lease has time for two more tries; to end here would
                # let another worker take over in the middle of a call.
                logger.exception("The lease of %s could not be renewed; trying again", lease.outbox)
            finally:
                connection.close()

    keeper = threading.Thread(target=renew, name="sharecore-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
