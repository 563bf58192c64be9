"""From ledger rows that are due to records that may leave.

Here a row meets its datum: data that are gone cancel it, data that moved or were made again are recognised by
content, edits become revisions, and echoes and data that the share's user may not see stay at home.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sharecore import delivery
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from sharecore.outcomes import Unsupported
from sharecore.records import RecordKey, Shareable, with_key
from sharecore.retry import RetryPolicy
from tom_integration import access
from tom_integration.mapping.data_files import SHARED_MODELS, shareable_identity, shareable_of
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import ledger, original_keys, transitions
from tom_integration.outbox.deduplication import Deduplication
from tom_integration.outbox.echoes import echoes


def load(rows: Iterable[Delivery]) -> dict[int, Any]:
    """The data that ledger rows point at, by primary key of the ledger row; without those that are gone."""
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows:
        wanted[row.model][row.datum_pk] = row.pk
    return {
        pointers[pk]: datum
        for model, pointers in wanted.items()
        for pk, datum in SHARED_MODELS[model]._default_manager.in_bulk(list(pointers)).items()
    }


def originals(rows: Mapping[RecordKey, Delivery]) -> Callable[[RecordKey], Any]:
    """Gives the datum behind the record of a key, read when it is asked for; None for one that is gone."""

    def original(key: RecordKey) -> Any:
        return next(iter(load([rows[key]]).values()), None) if key in rows else None

    return original


class Preparer:
    """Prepares the deliveries of one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        target: Any,
        *,
        origin: str,
        policy: RetryPolicy,
        can_update: Callable[[], bool],
        now: datetime,
    ) -> None:
        self._outbox = outbox
        self._target = target
        self._origin = origin
        self._policy = policy
        self._can_update = can_update
        self._now = now
        self._requesters: dict[int, int | None] = {}

    def prepare(self, rows: list[Delivery]) -> list[tuple[Delivery, Shareable]]:
        """Those to be sent, identity and content filled in; what must not, or need not, be is settled."""
        data = load(rows)
        there = [row for row in rows if row.pk in data]
        at_home = self._at_home(there, data)
        news: list[tuple[Delivery, Shareable]] = []
        for row in there:
            record = self._record(row, data[row.pk])
            if record is None:
                continue
            if self._outside(row, record):
                self._keep(row, (f"this share sends {', '.join(self._outbox.kinds)} only", False))
            elif row.pk in at_home:
                self._keep(row, at_home[row.pk])
            elif self._is_news(row, record):
                news.append((row, record))
        sendable = self._without_duplicates(news)
        # Last, since a datum that was made again takes the row of its old self.
        for row in rows:
            if row.pk not in data:
                gone = delivery.cancel("the datum was deleted")
                transitions.write(row, gone(transitions.state_of(row)))
        return sendable

    def _record(self, row: Delivery, datum: Any) -> Shareable | None:
        if datum.target_id != self._outbox.target_id:
            ledger.name(datum.target_id, row.model, [row.datum_pk])
            return None
        try:
            return shareable_of(datum, origin=self._origin, record_id=row.record_id)
        except InvalidRecord as error:
            unable = delivery.settle(
                transitions.state_of(row),
                Unsupported(reason=str(error), feature=error.field),
                now=self._now,
                policy=self._policy,
                settle_time=0,
                chance=0,
            )
            transitions.write(row, unable)
            return None

    def _outside(self, row: Delivery, record: Shareable) -> bool:
        """Is the record of a kind that the continuous share does not send?"""
        return (
            row.one_time_share_id is None
            and bool(self._outbox.kinds)
            and record.key.kind not in self._outbox.kinds
        )

    def _at_home(self, rows: list[Delivery], data: dict[int, Any]) -> dict[int, tuple[str, bool]]:
        """Why rows stay at home, and whether that may change by itself."""
        reasons: dict[int, tuple[str, bool]] = {}
        requests = OneTimeShare.objects.filter(pk__in={row.one_time_share_id for row in rows})
        self._requesters = dict(requests.values_list("pk", "user_id"))
        groups: dict[tuple[str, int | None], list[Delivery]] = defaultdict(list)
        for row in rows:
            groups[row.model, self._actor(row)].append(row)
        for (model, actor), group in groups.items():
            forbidden = access.creator_objection(actor, self._target)
            unseen = access.hidden_from_creator(actor, model, [row.datum_pk for row in group])
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
        if row.one_time_share_id is None:
            return self._outbox.creator_id
        return self._requesters.get(row.one_time_share_id)

    def _keep(self, row: Delivery, why: tuple[str, bool]) -> None:
        reason, may_change = why
        kept = delivery.kept_here(
            transitions.state_of(row),
            reason,
            again=may_change,
            now=self._now,
            policy=self._policy,
            chance=ledger.chance(),
        )
        transitions.write(row, kept)

    def _is_news(self, row: Delivery, record: Shareable) -> bool:
        """Fill in identity and content; False when the address has this already, or cannot take an edit."""
        content = fingerprint(record)
        if row.delivered_at and (row.arrived == content or not self._can_update()):
            note = "edited since; this destination cannot change what it has, so the edit was not sent"
            there = delivery.keep_there("" if row.arrived == content else note)
            transitions.write(row, there(transitions.state_of(row)), fingerprint=content)
            return False
        # a new record has its identity for an id
        row.identity = shareable_identity(row.model, record) if row.record_id else record.key.id
        row.fingerprint = content
        row.kind = record.key.kind.value
        return True

    def _without_duplicates(self, news: list[tuple[Delivery, Shareable]]) -> list[tuple[Delivery, Shareable]]:
        """Those that tell of no observation that the ledger knows already, each with a key of its own."""
        news = original_keys.with_original_keys(news)
        new = [(row, record) for row, record in news if not row.record_id]
        for row, record in new:
            row.record_id = record.key.id
        fresh = {row.pk for row, _ in new}
        deduplication = Deduplication(self._outbox, [row for row, _ in new])
        sendable: list[tuple[Delivery, Shareable]] = []
        for row, record in news:
            reason = deduplication.settle(row, now=self._now) if row.pk in fresh else None
            if reason is None:
                sendable.append((row, self._keyed(row, record)))
            elif reason:
                self._keep(row, (reason, False))
        return sendable

    def _keyed(self, row: Delivery, record: Shareable) -> Shareable:
        if row.record_id == record.key.id:
            return record
        # its key was taken by an earlier one
        return with_key(record, replace(record.key, origin=self._origin, id=row.record_id))
