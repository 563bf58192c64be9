"""From ledger rows that are ripe to records that may leave.

Here a row meets its datum: data that are gone cancel it, data that moved or were made again are recognised by
content, edits become revisions, and echoes and data that the share's user may not see stay at home.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from sharecore import delivery
from sharecore.delivery import State
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint, identity
from sharecore.outcomes import Unsupported, Withheld
from sharecore.records import Record
from sharecore.retry import RetryPolicy
from tom_integration import ledger
from tom_integration.echo import echoes
from tom_integration.models import Channel, Delivery, Request
from tom_integration.rights import hidden, objection
from tom_integration.rows import DATUM_MODELS, record_of


@dataclass(slots=True)
class Prepared:
    """What came of ripe rows. sendable: rows, identity and content filled in, with their records."""

    sendable: list[tuple[Delivery, Record]] = field(default_factory=list)
    kept: int = 0


def load(rows: Iterable[Delivery]) -> dict[int, Any]:
    """The data that ledger rows point at, by primary key of the ledger row; without those that are gone."""
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows:
        wanted[row.model][row.datum_pk] = row.pk
    return {
        pointers[pk]: datum
        for model, pointers in wanted.items()
        for pk, datum in DATUM_MODELS[model]._default_manager.in_bulk(list(pointers)).items()
    }


class Preparer:
    """Prepares the deliveries of one channel."""

    def __init__(
        self,
        channel: Channel,
        target: Any,
        *,
        origin: str,
        policy: RetryPolicy,
        can_update: bool,
        now: datetime,
    ) -> None:
        self._channel = channel
        self._target = target
        self._origin = origin
        self._policy = policy
        self._can_update = can_update
        self._now = now
        self._requesters: dict[int, int | None] = {}

    def prepare(self, rows: list[Delivery]) -> Prepared:
        """Fill in identity and content; settle at once what must not, or need not, be sent."""
        prepared = Prepared()
        data = load(rows)
        at_home = self._at_home(rows, data)
        twins = _Twins(self._channel, rows)
        for row in rows:
            record = self._record(row, data.get(row.pk))
            if record is not None and self._outside(row, record):
                self._keep(row, (f"this share sends {', '.join(self._channel.kinds)} only", False))
                record = None
            if record is not None and row.pk in at_home:
                self._keep(row, at_home[row.pk])
                record = None
            if record is not None and not self._is_news(row, record, twins):
                record = None
            if record is None:
                prepared.kept += 1
            else:
                prepared.sendable.append((row, record))
        return prepared

    def _record(self, row: Delivery, datum: Any | None) -> Record | None:
        if datum is None:
            self._write(row, delivery.cancel(ledger.standing(row), "the datum was deleted"))
            return None
        if datum.target_id != self._channel.target_id:
            Delivery.objects.filter(pk=row.pk).update(target_id=datum.target_id)
            return None
        try:
            return record_of(datum, origin=self._origin, record_id=row.record_id)
        except InvalidRecord as error:
            outcome = Unsupported(reason=str(error), feature=error.field)
            self._write(row, self._settled(row, outcome))
            return None

    def _outside(self, row: Delivery, record: Record) -> bool:
        """Is the record of a kind that the continuous share does not send?"""
        return (
            row.request_id is None
            and bool(self._channel.kinds)
            and record.key.kind not in self._channel.kinds
        )

    def _at_home(self, rows: list[Delivery], data: dict[int, Any]) -> dict[int, tuple[str, bool]]:
        """Why rows stay at home, and whether that may change by itself."""
        reasons: dict[int, tuple[str, bool]] = {}
        requests = Request.objects.filter(pk__in={row.request_id for row in rows})
        self._requesters = dict(requests.values_list("pk", "user_id"))
        groups: dict[tuple[str, int | None], list[Delivery]] = defaultdict(list)
        for row in rows:
            if row.pk in data:
                actor = self._actor(row)
                groups[row.model, actor].append(row)
        for (model, actor), group in groups.items():
            forbidden = objection(actor, self._target)
            unseen = hidden(actor, model, [row.datum_pk for row in group])
            repeated = echoes(model, [data[row.pk] for row in group if not row.delivered_at])
            for row in group:
                if row.datum_pk in repeated:
                    original = repeated[row.datum_pk]
                    reasons[row.pk] = (f"came back from another TOM: repeats datum {original}", False)
                elif forbidden:
                    reasons[row.pk] = (forbidden, True)
                elif row.datum_pk in unseen:
                    reasons[row.pk] = ("the user who shares may not see this datum", True)
        return reasons

    def _actor(self, row: Delivery) -> int | None:
        """With whose rights the row leaves."""
        if row.request_id is None:
            return self._channel.creator_id
        return self._requesters.get(row.request_id)

    def _keep(self, row: Delivery, why: tuple[str, bool]) -> None:
        reason, may_change = why
        standing = self._settled(row, Withheld(reason=reason))
        if may_change:
            # Rights on a new datum are often given a moment after it is saved.
            failures = standing.failures + 1
            wait = self._policy.wait(failures, retry_after=None, chance=ledger.chance())
            standing = replace(standing, failures=failures, next_at=self._now + wait if wait else None)
        self._write(row, standing)

    def _is_news(self, row: Delivery, record: Record, twins: _Twins) -> bool:
        """Fill in identity and content; False when the address has this already."""
        content = fingerprint(record)
        if row.delivered_at and row.fingerprint == content:
            self._write(row, replace(ledger.standing(row), state=State.DELIVERED, next_at=None, reason=""))
            return False
        if row.delivered_at and not self._can_update:
            Delivery.objects.filter(pk=row.pk).update(fingerprint=content)
            note = "edited since; this destination cannot change what it has, so the edit was not sent"
            self._write(row, replace(ledger.standing(row), state=State.DELIVERED, next_at=None, reason=note))
            return False
        fresh = not row.identity
        row.identity, row.fingerprint, row.kind = identity(record), content, record.key.kind.value
        row.record_id = row.record_id or record.key.id
        if fresh:
            twin = twins.take(row)
            if twin is not None and twins.adopt(row, twin):
                return False
            if twin is not None:
                self._keep(row, (f"the same as datum {twin.datum_pk}, which is shared already", False))
                return False
        return True

    def _settled(self, row: Delivery, outcome: Unsupported | Withheld) -> delivery.Standing:
        return delivery.settle(
            ledger.standing(row), outcome, now=self._now, policy=self._policy, settle_time=0, chance=0
        )

    def _write(self, row: Delivery, standing: delivery.Standing) -> None:
        values = {"state": standing.state, "next_at": standing.next_at, "reason": standing.reason}
        unchanged = Delivery.objects.filter(
            pk=row.pk, state=row.state, model=row.model, datum_pk=row.datum_pk
        )
        unchanged.update(**values, field=standing.field, failures=standing.failures)


class _Twins:
    """Ledger rows of the same address with the identity of a new one: the same observation, seen before."""

    def __init__(self, channel: Channel, rows: list[Delivery]) -> None:
        self._channel = channel
        self._rows = {row.pk for row in rows if not row.identity}
        self._batch: dict[str, Delivery] = {}

    def take(self, row: Delivery) -> Delivery | None:
        """The twin of a new row; a row without one gets a record id of its own."""
        known = ledger.of(self._channel).filter(identity=row.identity).exclude(pk=row.pk)
        twins = [*known.order_by("pk"), *filter(None, [self._batch.get(row.identity)])]
        for twin in twins:
            if self._replaces(row, twin) or (twin.fingerprint == row.fingerprint and twin.state in _SHARED):
                return twin
        if any(twin.record_id == row.record_id for twin in twins):
            row.record_id = f"{row.record_id[:40]}-{row.datum_pk}"
        self._batch[row.identity] = row
        return None

    def adopt(self, row: Delivery, twin: Delivery) -> bool:
        """Point the known row at the datum's new place, if the old one is gone; the new row is not needed."""
        if not self._replaces(row, twin):
            return False
        pointer = {"model": row.model, "datum_pk": row.datum_pk, "kind": row.kind}
        if twin.model != row.model:
            # The generic model loses fields on its way to the typed one: that is no edit.
            pointer["fingerprint"] = row.fingerprint
        with transaction.atomic():
            Delivery.objects.filter(pk=row.pk).delete()
            Delivery.objects.filter(pk=twin.pk).update(**pointer, named=twin.fingerprint != row.fingerprint)
        return True

    @staticmethod
    def _replaces(row: Delivery, twin: Delivery) -> bool:
        if twin.state == State.CANCELLED and not twin.delivered_at:
            return False
        migrated = twin.model == "reduceddatum" and row.model != twin.model
        if migrated:
            return True
        return not DATUM_MODELS[twin.model]._default_manager.filter(pk=twin.datum_pk).exists()


_SHARED = frozenset({State.DUE, State.SENDING, State.DELIVERED, State.UNCONFIRMED, State.HELD, State.PARKED})
