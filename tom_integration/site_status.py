"""Read the status of sharing for `manage.py sharing status`, the system checks and the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import Count, Exists, Min, OuterRef, QuerySet, Subquery
from tom_targets.models import BaseTarget, PersistentShare

from sharecore.addresses import Address
from sharecore.delivery import OPEN, State
from sharecore.exceptions import Problem
from tom_integration import clock, conf, site
from tom_integration.models import OUTDATED, Delivery, DestinationHealth, Outbox, Worker
from tom_integration.outbox.backlog import unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStatus:
    """Hold the status of one target at one address."""

    id: int
    share_id: int | None
    target: str
    destination: str
    counts: Mapping[str, int]
    """The number of deliveries by state."""
    outdated: int
    """The number of delivered records that were edited here since."""
    problem: str
    """The reason why nothing is sent, or an empty text."""
    tried: str
    """The most frequent reason of records that wait for another try, or an empty text."""
    next_at: datetime | None
    """The time of the next look."""
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStatus:
    """Hold the health of one destination or topic."""

    address: str
    failures: int
    open_until: datetime | None
    paused: str
    last_error: str
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Hold the status of all sharing of this TOM."""

    paused: bool
    runner: str
    workers: tuple[str, ...]
    """The names of the processes that deliver."""
    advice: str
    """What to do when there is work and no worker; else empty."""
    oldest: datetime | None
    """The time since which the oldest record waits that never arrived."""
    oldest_seconds: float | None
    """The seconds since that time."""
    outboxes: tuple[OutboxStatus, ...]
    destinations: tuple[DestinationStatus, ...]


def alive() -> QuerySet[Worker]:
    """Return the processes that deliver, by their heartbeats."""
    now, rest = clock.now(), timedelta(seconds=3 * conf.settings().scan_seconds + 30)
    return Worker.objects.filter(seen__range=(now - rest, now + rest)).order_by("name")


def workers() -> tuple[str, ...]:
    """Return the names of the processes that deliver."""
    return tuple(str(each) for each in alive())


def nobody_delivers() -> str:
    """Return what to do when there is work and no worker; empty when all is well."""
    try:
        idle = bool(workers()) or not (
            Outbox.objects.filter(look_now=True).exists()
            or Outbox.objects.filter(Exists(_open())).exists()
            or unseen()  # A save outside of a server leaves no mark with the default runner.
        )
    except DatabaseError:
        return ""  # The tables do not exist yet, which Django reports itself.
    if idle:
        return ""
    return site.halted() or how_to_deliver()


def how_to_deliver() -> str:
    """Return how to start a worker of this TOM."""
    if conf.settings().runner == "thread":
        return "Start the web server and open a page of the TOM, or run `manage.py sharing deliver`."
    if conf.settings().runner == "celery":
        return "Start a worker and the beat of the TOM's Celery app, or run `manage.py sharing deliver`."
    return "Run `manage.py sharing deliver`, or `manage.py sharing deliver --once` from cron."


def _open() -> QuerySet[Delivery]:
    """Return the open deliveries of an outbox: an index has them by outbox, and none has them all."""
    return Delivery.objects.filter(outbox=OuterRef("pk"), state__in=OPEN)


def without_destination() -> list[Problem]:
    """Return a problem for each address of shares whose destination `DATA_SHARING` does not have."""
    known = {*site.destinations(), *site.destinations().broken}
    shares = PersistentShare.objects.values_list("destination").annotate(number=Count("pk")).order_by()
    try:
        lost = {text: number for text, number in shares if not {text, Address.parse(text).name} & known}
    except DatabaseError:
        return []  # The tables do not exist yet, which Django reports itself.
    return [
        Problem(
            where="DATA_SHARING",
            what=f"has no destination {text!r}, to which {number:,} share{'s go' if number > 1 else ' goes'}",
            hint="Add it again, move the shares to another destination, or delete them. Their data wait.",
        )
        for text, number in sorted(lost.items())
    ]


def read() -> Status:
    """Read the status now."""
    counts: dict[int, Counter[str]] = {}
    # Count rows, not primary keys: for these PostgreSQL would read each row beside the index.
    for row in Delivery.objects.values("outbox", "state").annotate(number=Count("*")):
        counts.setdefault(row["outbox"], Counter())[row["state"]] = row["number"]
    edited = Delivery.objects.filter(OUTDATED).values("outbox").annotate(number=Count("*"))
    outdated = {row["outbox"]: row["number"] for row in edited}
    tried = Delivery.objects.filter(state=State.PENDING, failures__gt=0)
    reasons = {
        row["outbox"]: row["reason"]
        for row in tried.values("outbox", "reason")
        .annotate(number=Count("*"))
        .order_by("number")  # so that the most frequent reason is the last one, which stays in the dict
    }
    rows = list(Outbox.objects.order_by("destination", "topic", "target_id"))
    targets = BaseTarget.objects.filter(pk__in={row.target_id for row in rows})
    names: dict[int, str] = dict(targets.values_list("pk", "name"))
    waiting = _open().filter(delivered_at__isnull=True).order_by("created").values("created")[:1]
    oldest = Outbox.objects.aggregate(oldest=Min(Subquery(waiting)))["oldest"]
    return Status(
        paused=conf.settings().paused,
        runner=conf.settings().runner,
        workers=workers(),
        advice=nobody_delivers(),
        oldest=oldest,
        oldest_seconds=max((clock.now() - oldest).total_seconds(), 0.0) if oldest else None,
        outboxes=tuple(
            OutboxStatus(
                id=row.pk,
                share_id=row.share_id,
                target=names.get(row.target_id, f"(deleted target {row.target_id})"),
                destination=str(row.address),
                counts=dict(counts.get(row.pk, {})),
                outdated=outdated.get(row.pk, 0),
                problem=row.paused or row.problem,
                tried=reasons.get(row.pk, ""),
                next_at=row.next_at,
                delivered_at=row.delivered_at,
            )
            for row in rows
        ),
        destinations=tuple(
            DestinationStatus(
                address=str(row),
                failures=row.failures,
                open_until=row.open_until,
                paused=row.paused,
                last_error=row.last_error,
                last_success_at=row.last_success_at,
            )
            for row in DestinationHealth.objects.order_by("destination", "topic")
        ),
    )
