"""Find in SQL why outboxes have their status, so that rows, filters and numbers always agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.lookups import IsNull
from django.utils import timezone

from sharecore.addresses import Address
from sharecore.delivery import DECLINED, OPEN, State
from tom_integration import access, conf, site, site_status
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.models import (
    NEEDY,
    OUTDATED,
    TO_APPROVE,
    Delivery,
    DestinationHealth,
    OneTimeShare,
    Outbox,
)
from tom_integration.pages.existing_data import existing_data
from tom_integration.pages.share_cause import Cause
from tom_integration.worker import breaker

_LONG_DELAY = timedelta(minutes=1)
"""The time after which a delay that a destination asked for is told to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Hold what the causes of all outboxes have in common, and the user who asks."""

    user: Any
    now: datetime
    unwell: Mapping[breaker.Part, DestinationHealth]
    """Destinations and topics that are down or refuse us."""
    delays: Mapping[str, datetime]
    """The time of the next call of each destination that asked for no call for more than a minute."""
    rows: QuerySet[Delivery]
    """The deliveries of an outbox of the query around, without data that the user may not see."""

    @classmethod
    def read(cls, user: Any) -> Around:
        """Return what is true now, by one query, and more where the TOM gives rights on single data."""
        now = timezone.now()
        delayed = Q(next_call_at__gt=now, topic=None)
        known = list(DestinationHealth.objects.filter(~Q(failures=0, paused="") | delayed))
        ill = [row for row in known if row.failures or row.paused]
        return cls(
            user=user,
            now=now,
            unwell={(row.destination, row.topic): row for row in ill if _is_unwell(row)},
            delays={row.destination: until for row in known if (until := long_delay(row, now)) is not None},
            rows=access.of_visible_data(user, Delivery.objects.filter(outbox=OuterRef("pk"))),
        )

    def refusing(self, address: Address) -> DestinationHealth | None:
        """Return the health of the destination or topic that refuses what goes to an address."""
        return next((row for row in self._at(address) if row.paused), None)

    def failing(self, address: Address) -> DestinationHealth | None:
        """Return the health of the destination or topic that is down."""
        return next((row for row in self._at(address) if row.failures), None)

    def _at(self, address: Address) -> Iterator[DestinationHealth]:
        return (self.unwell[part] for part in breaker.parts(address) if part in self.unwell)

    def annotated(self, outboxes: QuerySet[Outbox]) -> QuerySet[Any]:
        """Return the outboxes with `cause`."""
        return outboxes.annotate(cause=_first_of(*self._needing(), *self._others(outboxes)))

    def needing(self, outboxes: QuerySet[Outbox]) -> QuerySet[Any]:
        """Return the outboxes that may need a person, with `cause`; those that are well cost next to nothing.

        A cause that is not in `NEEDING` may be `OK` here.
        """
        needy = Delivery.objects.filter(NEEDY)
        may_need = Q(pk__in=needy.values("outbox")) | Q(needs_person=True)
        may_need |= Q(pk__in=access.approvable(self.user).values("outbox"))
        may_need |= self._unusable() | _at(self.refusing_us) | _at(self.long_down)
        may_need |= ~Q(Exists(site_status.alive())) & Q(Exists(self.rows.filter(state__in=OPEN)))
        if not site.halted():
            outboxes = outboxes.filter(may_need)
        return outboxes.annotate(cause=_first_of(*self._needing()))

    @property
    def refusing_us(self) -> list[breaker.Part]:
        """Return the destinations and topics that refuse us."""
        return [part for part, row in self.unwell.items() if row.paused]

    @property
    def long_down(self) -> list[breaker.Part]:
        """Return the destinations and topics that are down for so long that a mail says so."""
        since = self.now - timedelta(minutes=conf.settings().notify_after_minutes)
        failing = [(part, row.down_since) for part, row in self.unwell.items() if row.failures]
        return [part for part, down_since in failing if down_since is not None and down_since <= since]

    def _unusable(self) -> Q:
        return ~Q(destination__in=list(site.destinations()))

    def _needing(self) -> Iterator[When]:
        """Yield the conditions that come first; a database stops at the first that is true."""
        opened = Q(Exists(self.rows.filter(state__in=OPEN)))
        work = Q(look_now=True) | Q(replay__gt="") | opened | Q(Exists(_introductions()))
        follows = Q(share_id__isnull=False) | work  # A finished one-time share needs no destination.
        yield _when(Q(paused__gt="") | Q(rule__paused__gt="") | Q(rule__ending=True), Cause.PAUSED)
        yield _when(self._unusable() & follows, Cause.MISCONFIGURED)
        if self.refusing_us:
            yield _when(_at(self.refusing_us) & follows, Cause.REFUSED)
        if site.halted():
            yield _when(follows, Cause.SWITCHED_OFF if conf.settings().paused else Cause.HALTED)
        yield _when(Q(Exists(self.rows.filter(NEEDY))), Cause.RECORDS)
        if access.may_approve(self.user):
            mine = access.approvable(self.user).filter(outbox=OuterRef("pk"))
            yield _when(Q(Exists(mine)), Cause.TO_APPROVE)
        if failing := [part for part, row in self.unwell.items() if row.failures]:
            yield _when(_at(failing) & work, Cause.DOWN)
        yield _when(Q(needs_person=True) & ~Q(problem=""), Cause.STOPPED)
        nobody = ~Q(Exists(site_status.alive()))
        yield _when(nobody & opened, Cause.NO_WORKER)
        yield _when(nobody & work, Cause.NO_LOOK)

    def _others(self, outboxes: QuerySet[Outbox]) -> Iterator[When]:
        rows = self.rows
        opened = Q(Exists(rows.filter(state__in=OPEN)))
        ours = OPEN - {State.SUBMITTED}
        waits = Q(Exists(rows.filter(state__in=ours, next_at__gt=self.now)))
        at_work = Exists(rows.filter(Q(state=State.SENDING) | Q(state__in=ours, next_at__lte=self.now)))
        sending = Case(
            _when(waits & ~Q(at_work), Cause.LATER),
            _when(Q(at_work), Cause.SENDING),
            default=Value(Cause.ANSWER.value),
        )
        if self.delays:
            yield _when(opened & Q(destination__in=list(self.delays)), Cause.DELAYED)
        yield When(opened, then=sending)
        yield _when(Q(Exists(rows.filter(TO_APPROVE))), Cause.APPROVAL)
        yield _when(Q(Exists(_introductions())), Cause.INTRODUCING)
        yield _when(Q(replay__gt=""), Cause.REPLAYING)
        yield _when(Q(look_now=True), Cause.LOOKING)
        yield _when(Q(until__lte=self.now) | Q(rule__until__lte=self.now), Cause.ENDED)
        kept = Q(Exists(rows.filter(state__in=_NOT_THERE).exclude(_replaced())))
        kept |= Q(_outdated(rows))
        for condition, existing in existing_data(outboxes, rows.filter(state=State.BASELINE)):
            kept |= Q(share_id__isnull=False) & condition & Q(Exists(existing))
        yield _when(kept, Cause.PARTLY)


_NOT_THERE = (State.WITHHELD, State.UNSUPPORTED, State.WITHDRAWING, State.WITHDRAWN)
"""States of records that the destination does not have, or will not have, as they are here."""


def _replaced() -> Q:
    """Return a condition for a report that a person declined, and after which another one arrived."""
    later = Delivery.objects.filter(
        outbox=OuterRef("outbox"), model=REPORT_MODEL, state=State.DELIVERED, pk__gt=OuterRef("pk")
    )
    return Q(model=REPORT_MODEL, state=State.WITHHELD, field=DECLINED) & Q(Exists(later))


def _outdated(rows: QuerySet[Delivery]) -> IsNull:
    """Return a condition that one of these deliveries is outdated, asked of its index.

    PostgreSQL takes every second row for edited, and would look for the first one in the whole ledger.
    """
    first = rows.filter(OUTDATED).order_by("arrived").values("arrived")[:1]
    return IsNull(Subquery(first), False)


def _first_of(*conditions: When) -> Case:
    return Case(*conditions, default=Value(Cause.OK.value), output_field=CharField())


def _when(condition: Q, cause: Cause) -> When:
    return When(condition, then=Value(cause.value))


def _at(parts: Iterable[breaker.Part]) -> Q:
    """Return a condition for the outboxes at these destinations and topics."""
    return reduce(
        or_,
        (Q(destination=name) if topic is None else Q(destination=name, topic=topic) for name, topic in parts),
        Q(pk__in=()),
    )


def _introductions() -> QuerySet[OneTimeShare]:
    return OneTimeShare.objects.filter(outbox=OuterRef("pk"), introduce=True)


def long_delay(row: DestinationHealth | None, now: datetime) -> datetime | None:
    """Return the time of the next call of a destination that asked for none for more than a minute."""
    until = breaker.delayed_until(row, now=now)
    return until if until is not None and until - now > _LONG_DELAY else None


def _is_unwell(row: DestinationHealth) -> bool:
    """Return True when a destination is down, or refuses the present credentials."""
    destination = site.destinations().get(row.destination)
    if destination is None:
        return row.failures > 0 and not row.paused
    known = row.health.under(site.credentials_digest(destination))
    return bool(known.failures or known.paused)
