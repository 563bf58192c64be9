"""Look for troubles beside each scan: once a minute at most, in three queries as long as nothing changes."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from tom_integration import clock, conf, site
from tom_integration.models import (
    TO_APPROVE,
    Delivery,
    KeyRefusal,
    NoticeRecipient,
    NoticeScan,
    Outbox,
)
from tom_integration.notices import people, send, troubles

logger = logging.getLogger(__name__)

APART = timedelta(minutes=1)
"""Time between two looks of a worker."""
RIGHTS = timedelta(hours=1)
"""Time after which rights and addresses are read anew while something is wrong."""
SECONDS = 60.0
"""Seconds after which a look leaves the mails that are left to the next one."""


class Notices:
    """Look for troubles, in one thread of a worker."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None

    def step(self, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Send the mails that are due, unless this was done within the last minute.

        Nobody is told while `SHARECORE_PAUSED` is set: a copy of a database must not write to people.
        """
        now = clock.now()
        if conf.settings().paused:
            return
        if self._looked_at is not None and self._looked_at <= now < self._looked_at + APART:
            return
        self._looked_at = now
        of_destinations = troubles.of_destinations(now)
        found = [*of_destinations, *troubles.of_shares(Outbox.objects.all())]
        found += troubles.of_approvals(Delivery.objects.filter(TO_APPROVE))
        found += troubles.of_keys(KeyRefusal.objects.all())
        last = NoticeScan.objects.filter(pk=1).first()
        digest = _digest(found)
        if last is not None and last.digest == digest and _later(last.next_at, now):
            return
        times = [now + RIGHTS] if found else []
        if found or NoticeRecipient.objects.exclude(told={}).exists():
            times += _tell_all(of_destinations, stop)
        _note(last, digest, min(times, default=None))


def _note(last: NoticeScan | None, digest: str, next_at: datetime | None) -> None:
    """Write what this look found; keep what a choice or another worker has written meanwhile."""
    if last is None:
        NoticeScan.objects.bulk_create(
            [NoticeScan(pk=1, digest=digest, next_at=next_at)], ignore_conflicts=True
        )
        return
    scan = NoticeScan.objects.filter(pk=last.pk)
    if not scan.filter(digest=last.digest).update(digest=digest, next_at=next_at) and next_at is not None:
        scan.filter(Q(next_at=None) | Q(next_at__gt=next_at)).update(next_at=next_at)


def _tell_all(of_destinations: Sequence[troubles.Trouble], stop: Callable[[], bool]) -> list[datetime]:
    """Tell everybody; return the times at which to go on."""
    times: list[datetime] = []
    until = time.monotonic() + SECONDS
    for person in people.everybody():
        if stop() or time.monotonic() > until:
            return [*times, clock.now()]
        try:
            again = send.tell(person, of_destinations)
        except send.ServerFailed:
            return [*times, clock.now() + send.FIRST_WAIT]
        except Exception:
            logger.exception("sharecore: a person could not be told; it will be tried again")
            again = clock.now() + send.FIRST_WAIT
        times += [again] if again is not None else []
    return times


def _later(next_at: datetime | None, now: datetime) -> bool:
    """Return True when nothing is to be done before a time; one too far away was set by a wrong clock."""
    return next_at is None or now < next_at <= now + send.A_DAY


def _digest(found: list[troubles.Trouble]) -> str:
    settings = conf.settings()
    told = [*settings.notify], settings.notify_after_minutes, sorted(site.destinations())
    shown = sorted([each.key, each.shares, each.records] for each in found)
    return hashlib.sha256(json.dumps([told, shown]).encode()).hexdigest()
