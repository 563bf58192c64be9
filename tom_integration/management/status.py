"""Read the status of all sharing of this TOM, for `manage.py sharing status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Min, Q, QuerySet, Subquery
from tom_targets.models import BaseTarget

from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import clock, conf, site_status
from tom_integration.management import key_status
from tom_integration.management.key_status import KeyStatus
from tom_integration.models import OUTDATED, Delivery, DestinationHealth, Outbox
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_cause import Cause
from tom_integration.pages.share_status import STATUS, ShareStatus, causes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStatus:
    """Hold the status of one target at one address."""

    id: int
    share_id: int | None
    target: str
    destination: str
    state: str
    """The state of the share, as on the pages and in REST."""
    counts: Mapping[str, int]
    """The number of deliveries by state."""
    outdated: int
    """The number of delivered records that were edited here since."""
    problem: str
    """The reason why nothing is sent, or an empty text."""
    refused: str
    """The most frequent reason of records that failed, or an empty text."""
    tried: str
    """The most frequent reason of records that wait for another try, or an empty text."""
    next_at: datetime | None
    """The time of the next look."""
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStatus:
    """Hold the shares to one destination or topic, and its health."""

    address: str
    states: Mapping[str, int]
    """The number of shares by state."""
    failures: int = 0
    down_since: datetime | None = None
    open_until: datetime | None = None
    paused: str = ""
    last_error: str = ""
    last_success_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Hold the status of all sharing of this TOM, or of the shares that were chosen."""

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
    states: Mapping[str, int]
    """The number of shares by state."""
    destinations: tuple[DestinationStatus, ...]
    keys: tuple[KeyStatus, ...]
    """The people for whose key records wait."""
    outboxes: tuple[OutboxStatus, ...]
    """The most urgent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenShares:
    """Choose shares; empty fields choose all."""

    destination: str = ""
    """`name` with any topic, or `name:topic`."""
    state: str = ""
    target: str = ""
    """A part of a name or alias of the target."""

    def outboxes(self) -> QuerySet[Outbox]:
        """Return the outboxes of these shares, in any state."""
        found = Outbox.objects.all()
        if self.destination:
            found = found.matching(self.destination)
        if self.target:
            named = Q(name__icontains=self.target) | Q(aliases__name__icontains=self.target)
            found = found.filter(target_id__in=BaseTarget.objects.filter(named).values("pk"))
        return found


def read(chosen: ChosenShares | None = None, *, most: int | None = None) -> Status:
    """Read the status now.

    Args:
        chosen: the shares.
        most: the number of `outboxes` at most; None for all.
    """
    chosen = chosen or ChosenShares()
    # Who reads this may read the database: single data without a right are no secret here.
    around = Around.read(get_user_model()(is_superuser=True))
    annotated = around.annotated(chosen.outboxes())
    by_address: dict[str, Counter[str]] = {}
    for name, topic, cause, number in (
        annotated.order_by().values_list("destination", "topic", "cause").annotate(number=Count("pk"))
    ):
        if chosen.state in ("", status := STATUS[Cause(cause)].value):
            by_address.setdefault(str(Address(name, topic)), Counter())[status] += number
    states: Counter[str] = sum(by_address.values(), Counter())
    oldest = chosen.outboxes().aggregate(oldest=Min(Subquery(site_status.oldest())))["oldest"]
    return Status(
        paused=conf.settings().paused,
        runner=conf.settings().runner,
        workers=site_status.workers(),
        advice=site_status.nobody_delivers(),
        oldest=oldest,
        oldest_seconds=max((clock.now() - oldest).total_seconds(), 0.0) if oldest else None,
        states={each.value: states[each.value] for each in ShareStatus if each.value in states},
        destinations=_destinations(by_address, chosen),
        keys=key_status.of(chosen.outboxes()),
        outboxes=_outboxes(annotated, states, most),
    )


def _destinations(
    by_address: Mapping[str, Counter[str]], chosen: ChosenShares
) -> tuple[DestinationStatus, ...]:
    """Return the destinations and topics with shares, and, if all are meant, those with a health."""
    health = {str(row): row for row in DestinationHealth.objects.all()}
    addresses = {*by_address, *(health if chosen == ChosenShares() else ())}
    columns = ("failures", "down_since", "open_until", "paused", "last_error", "last_success_at")
    return tuple(
        DestinationStatus(
            address=address,
            states=dict(by_address.get(address, {})),
            **{name: getattr(health[address], name) for name in columns if address in health},
        )
        for address in sorted(addresses)
    )


def _outboxes(annotated: QuerySet[Any], states: Counter[str], most: int | None) -> tuple[OutboxStatus, ...]:
    """Return the outboxes in these states, the most urgent first."""
    found: list[Any] = []
    for each in ShareStatus:
        if not states[each.value]:
            continue
        rows = annotated.filter(cause__in=causes_of(each.value)).select_related("rule")
        rows = rows.order_by("destination", "topic", "target_id")
        found += rows if most is None else rows[: most - len(found)]
    mine = Q() if most is None else Q(outbox__in=[row.pk for row in found])
    counts: dict[int, Counter[str]] = {}
    # Count rows, not primary keys: for these PostgreSQL would read each row beside the index.
    for row in Delivery.objects.filter(mine).values("outbox", "state").annotate(number=Count("*")):
        counts.setdefault(row["outbox"], Counter())[row["state"]] = row["number"]
    edited = Delivery.objects.filter(mine).filter(OUTDATED).values("outbox").annotate(number=Count("*"))
    outdated = {row["outbox"]: row["number"] for row in edited}
    refused = _reasons(Delivery.objects.filter(mine, state=State.FAILED))
    tried = _reasons(Delivery.objects.filter(mine, state=State.PENDING, failures__gt=0))
    targets = BaseTarget.objects.filter(pk__in={row.target_id for row in found})
    names: dict[int, str] = dict(targets.values_list("pk", "name"))
    return tuple(
        OutboxStatus(
            id=row.pk,
            share_id=row.share_id,
            target=names.get(row.target_id, f"(deleted target {row.target_id})"),
            destination=str(row.address),
            state=STATUS[Cause(row.cause)].value,
            counts=dict(counts.get(row.pk, {})),
            outdated=outdated.get(row.pk, 0),
            problem=row.pause or row.problem,
            refused=refused.get(row.pk, ""),
            tried=tried.get(row.pk, ""),
            next_at=row.next_at,
            delivered_at=row.delivered_at,
        )
        for row in found
    )


def _reasons(rows: QuerySet[Delivery]) -> dict[int, str]:
    """Return the most frequent reason of each outbox: the last one in this order stays in the dict."""
    counted = rows.order_by().values("outbox", "reason").annotate(number=Count("*")).order_by("number")
    return {row["outbox"]: row["reason"] for row in counted}
