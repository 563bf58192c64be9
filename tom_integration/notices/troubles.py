"""Find what is wrong now: one trouble for each cause, however many shares it stops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import access, conf, site
from tom_integration.models import Delivery, DestinationHealth, KeyRefusal, Outbox


class Kind(StrEnum):
    """Name the kinds of trouble, in the order of a mail."""

    REFUSES = "refuses"
    """The destination, or a topic of it, refuses us."""
    DOWN = "down"
    """The destination has not answered for `SHARECORE_NOTIFY_AFTER_MINUTES`."""
    KEY = "key"
    """The destination refuses keys of single people: their own, or those of others for an operator."""
    STOPPED = "stopped"
    """Shares stopped, and need a person."""
    FAILED = State.FAILED.value
    """Records were refused, or tried too often."""
    NEEDS_REVIEW = State.NEEDS_REVIEW.value
    """Records may have arrived; a person decides."""
    TO_APPROVE = State.TO_APPROVE.value
    """Records wait for approval."""


OF_DESTINATION = (Kind.REFUSES, Kind.DOWN)
AT_WORK = Q(share_id__isnull=False) | Q(next_at__isnull=False)
"""Select the outboxes that may have something to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Hold one trouble as one person may see it."""

    kind: Kind
    destination: str
    topic: str | None = None
    """A topic; None for the whole destination, empty for no topic."""
    shares: int = 0
    """The shares, one-time shares included, that it concerns by themselves; 0 for that of a destination."""
    records: int = 0
    """The records that failed, need review or wait for approval."""
    only: int | None = None
    """The outbox, if it is one."""
    reason: str = ""
    """The most frequent reason, in one line."""
    reasons: int = 1
    """The number of different reasons."""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """Return what identifies it from mail to mail."""
        return "|".join((self.kind, self.destination, "*" if self.topic is None else f":{self.topic}"))

    @property
    def address(self) -> Address:
        """Return the destination with its topic."""
        return Address(self.destination, self.topic or "")

    @property
    def concerned(self) -> Q:
        """Return a condition for the outboxes that it may concern."""
        there = Q(destination=self.destination)
        return there if self.topic is None else there & Q(topic=self.topic)


def of_destinations(now: datetime) -> list[Trouble]:
    """Return the destinations and topics that refuse us, or have been down for long enough."""
    since = now - timedelta(minutes=conf.settings().notify_after_minutes)
    found = []
    for row in DestinationHealth.objects.exclude(failures=0, paused="").order_by("destination", "topic"):
        if row.destination not in site.destinations():
            continue
        about: dict[str, Any] = {"destination": row.destination, "topic": row.topic}
        if row.paused:
            found.append(Trouble(kind=Kind.REFUSES, reason=row.paused, since=row.last_error_at, **about))
        elif row.failures and row.down_since is not None and row.down_since <= since:
            found.append(Trouble(kind=Kind.DOWN, reason=row.last_error, since=row.down_since, **about))
    return found


def of_shares(outboxes: QuerySet[Outbox], user: Any = None) -> list[Trouble]:
    """Return the troubles of these outboxes by themselves, in one query.

    Args:
        outboxes: those that the user may view.
        user: the user, whose rights on single data count as well; None to count all data.
    """
    # Whose key is refused is told so by itself.
    refused = KeyRefusal.objects.filter(user_id=OuterRef("creator_id"), destination=OuterRef("destination"))
    stopped = Q(needs_person=True, share_id__isnull=False) & ~Q(Exists(refused))
    # By the index of each outbox: there is none of all deliveries in these states, which are millions.
    counted = outboxes.annotate(
        failed=_number_of(Kind.FAILED, user), in_review=_number_of(Kind.NEEDS_REVIEW, user)
    )
    rows = (
        counted.filter(stopped | Q(failed__gt=0) | Q(in_review__gt=0))
        .order_by()
        .values(
            "destination",
            "topic",
            cause=Case(When(stopped, then=F("problem")), default=Value("")),
            is_stopped=Case(When(stopped, then=Value(1)), default=Value(0)),
        )
        .annotate(
            number=Count("pk"),
            only=Min("pk"),
            failing=Count("pk", filter=Q(failed__gt=0)),
            failures=Sum("failed"),
            one_failing=Min("pk", filter=Q(failed__gt=0)),
            reviewed=Count("pk", filter=Q(in_review__gt=0)),
            reviews=Sum("in_review"),
            one_reviewed=Min("pk", filter=Q(in_review__gt=0)),
        )
    )
    by_address: dict[Address, list[dict[str, Any]]] = {}
    for row in rows:
        by_address.setdefault(Address(row["destination"], row["topic"]), []).append(dict(row))
    return [each for address, group in by_address.items() for each in _of_address(address, group)]


def of_keys(rows: QuerySet[KeyRefusal]) -> list[Trouble]:
    """Return one trouble for each destination that refuses these keys of people.

    Args:
        rows: the refusals of which the person may know.
    """
    found: dict[str, list[KeyRefusal]] = {}
    personal = [name for name, each in site.destinations().items() if each.personal]
    for row in rows.filter(destination__in=personal).order_by("destination", "since"):
        found.setdefault(row.destination, []).append(row)
    return [
        Trouble(
            kind=Kind.KEY,
            destination=name,
            shares=len({row.user_id for row in group}),
            reason=group[-1].reason,
            since=group[0].since,
        )
        for name, group in found.items()
    ]


def of_approvals(rows: QuerySet[Delivery]) -> list[Trouble]:
    """Return one trouble for each address at which these deliveries wait for approval.

    Args:
        rows: those of which the person may know.
    """
    if not any(each.approval for each in site.destinations().values()):
        return []
    counted = rows.order_by().values("destination", "topic")
    counted = counted.annotate(records=Count("pk"), shares=Count("outbox", distinct=True), only=Min("outbox"))
    return [
        Trouble(
            kind=Kind.TO_APPROVE,
            destination=row["destination"],
            topic=row["topic"],
            shares=row["shares"],
            records=row["records"],
            only=row["only"] if row["shares"] == 1 else None,
        )
        for row in counted
    ]


def _number_of(kind: Kind, user: Any) -> Coalesce:
    rows: QuerySet[Delivery] = Delivery.objects.filter(outbox=OuterRef("pk"), state=kind.value)
    if user is not None:
        rows = access.of_visible_data(user, rows)
    number = rows.order_by().values("outbox").annotate(number=Count("*")).values("number")
    return Coalesce(Subquery(number), 0)


def _of_address(address: Address, rows: list[dict[str, Any]]) -> list[Trouble]:
    found = []
    about: dict[str, Any] = {"destination": address.name, "topic": address.topic}
    if stopped := [row for row in rows if row["is_stopped"]]:
        number, most = sum(row["number"] for row in stopped), max(stopped, key=lambda row: row["number"])
        found.append(
            Trouble(
                kind=Kind.STOPPED,
                shares=number,
                only=most["only"] if number == 1 else None,
                reason=most["cause"],
                reasons=len(stopped),
                **about,
            )
        )
    for kind, shares, records, one in (
        (Kind.FAILED, "failing", "failures", "one_failing"),
        (Kind.NEEDS_REVIEW, "reviewed", "reviews", "one_reviewed"),
    ):
        if number := sum(row[shares] for row in rows):
            only = next(row[one] for row in rows if row[one] is not None) if number == 1 else None
            total = sum(row[records] for row in rows)
            found.append(Trouble(kind=kind, shares=number, records=total, only=only, **about))
    return found
