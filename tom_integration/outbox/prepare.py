"""Make records that may leave of the ledger rows that are due.

Each row is compared with its datum: a deleted datum cancels it, data that moved or were made again are
recognised by content, edits become revisions, echoes and data that the share's user may not see are withheld,
and what a person has to approve first is stopped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sharecore import delivery
from sharecore.exceptions import InvalidRecord
from sharecore.identity import fingerprint
from sharecore.outcomes import Rejected, Unsupported
from sharecore.records import RecordKey, Report, Shareable, with_key
from sharecore.release import UnreadableRelease
from sharecore.retry_schedule import Retry
from tom_integration import access, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.own_data import own_rows
from tom_integration.mapping.report_rows import REPORT_MODEL, chosen_rows
from tom_integration.mapping.row_to_record import model_name
from tom_integration.mapping.shareable_rows import SHARED_MODELS, shareable_identity, shareable_of
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.outbox import limits, named_data, observer_keys, transitions
from tom_integration.outbox.approved_content import approved
from tom_integration.outbox.echoes import echoes
from tom_integration.outbox.limits import Limits
from tom_integration.outbox.sent_before import Deduplication


def load(rows: Iterable[Delivery]) -> dict[int, Any]:
    """Return the data of ledger rows by primary key of the row, without data that were deleted."""
    wanted: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows:
        wanted[row.model][row.datum_pk] = row.pk
    return {
        pointers[pk]: datum
        for model, pointers in wanted.items()
        for pk, datum in SHARED_MODELS[model]._default_manager.in_bulk(list(pointers)).items()
    }


def originals(rows: Mapping[RecordKey, Delivery]) -> Callable[[RecordKey], Any]:
    """Return a function that reads the datum of a record by key; it returns None for a deleted datum."""

    def original(key: RecordKey) -> Any:
        return next(iter(load([rows[key]]).values()), None) if key in rows else None

    return original


class Preparer:
    """Prepare the deliveries of one outbox."""

    def __init__(
        self,
        outbox: Outbox,
        target: Any,
        *,
        origin: str,
        retry: Retry,
        can_update: Callable[[], bool],
        takes_records: bool,
        permitted: Collection[int | None],
    ) -> None:
        """Read the limits of the outbox.

        Args:
            outbox: the outbox of the deliveries.
            target: its target, as a row of the TOM.
            origin: the UUID of this TOM.
            retry: the time of the next try.
            can_update: called to know whether the destination takes edits.
            takes_records: False for a destination that takes reports alone.
            permitted: the users who may share the target there, as was read just now.
        """
        self._outbox = outbox
        self._target = target
        self._origin = origin
        self._retry = retry
        self._can_update = can_update
        self._takes_records = takes_records
        self._permitted = permitted
        self._sharers: dict[int, int | None] = {}
        self._limits = limits.of_outbox(outbox)
        self._destination = site.destinations().get(outbox.destination)
        self._for_all = limits.of_destination(self._destination)

    def prepare(self, rows: list[Delivery]) -> list[tuple[Delivery, Shareable]]:
        """Return the rows to be sent, filled in, with their records; settle the others."""
        data = load(rows)
        there = [row for row in rows if row.pk in data]
        withheld = self._withheld(there, data)
        own = self._own(data.values())
        news: list[tuple[Delivery, Shareable]] = []
        for row in there:
            record = self._record(row, data[row.pk])
            if record is None:
                continue
            if outside := self._limits_of(row).objection(record, own=(row.model, row.datum_pk) in own):
                self._withhold(row, (outside, False))
            elif row.pk in withheld:
                self._withhold(row, withheld[row.pk])
            elif self._may_leave(row, record) and self._is_news(row, record):
                news.append((row, record))
        sendable = approved(
            self._without_duplicates(news), destination=self._destination, target=self._target
        )
        # Cancel last: deduplication may link the row of a deleted datum to the same datum made again.
        for row in rows:
            if row.pk not in data:
                gone = delivery.cancel("the datum was deleted")
                transitions.write(row, gone(transitions.state_of(row)))
        return sendable

    def _record(self, row: Delivery, datum: Any) -> Shareable | None:
        if datum.target_id != self._outbox.target_id:
            named_data.mark(datum.target_id, row.model, [row.datum_pk])
            return None
        if row.model in DATUM_MODELS and not self._takes_records and self._destination is not None:
            problem = site.takes_no_records(self._destination)
            self._refuse(row, Unsupported(reason=str(problem), feature="records"))
            return None
        try:
            record = shareable_of(datum, origin=self._origin, record_id=row.record_id)
            return observer_keys.of_report(record, datum) if isinstance(record, Report) else record
        except InvalidRecord as error:
            # A report has to be made anew; a datum may be corrected.
            faulty: Rejected | Unsupported = Unsupported(reason=str(error), feature=error.field)
            if row.model == REPORT_MODEL:
                faulty = Rejected(reason=error.reason, field=error.field)
            self._refuse(row, faulty)
            return None

    def _refuse(self, row: Delivery, why: Rejected | Unsupported) -> None:
        before = transitions.state_of(row)
        transitions.write(row, delivery.settle(before, why, self._retry, settle_time=0))

    def _limits_of(self, row: Delivery) -> Limits:
        return self._limits if row.one_time_share_id is None else self._for_all

    def _own(self, data: Iterable[Any]) -> set[tuple[str, int]]:
        """Return the data that this TOM observed, and the reports of such data alone, if a filter asks."""
        if not (self._limits.by_origin or self._for_all.by_origin):
            return set()
        data = list(data)
        own = own_rows(each for each in data if model_name(each) in DATUM_MODELS)
        for report in (each for each in data if model_name(each) == REPORT_MODEL):
            chosen = chosen_rows(report)
            if own_rows(chosen.values()) == chosen.keys():
                own.add((REPORT_MODEL, report.pk))
        return own

    def _may_leave(self, row: Delivery, record: Shareable) -> bool:
        """Return True when the record is released; else withhold it until it is."""
        try:
            moment = self._limits_of(row).moment(record)
        except UnreadableRelease as error:
            self._withhold(row, (str(error), False))
            return False
        if moment is None or moment <= self._retry.now:
            return True
        kept = delivery.embargo(until=moment, reason=f"released on {moment:%Y-%m-%d %H:%M} UTC")
        transitions.write(row, kept(transitions.state_of(row)))
        return False

    def _withheld(self, rows: list[Delivery], data: dict[int, Any]) -> dict[int, tuple[str, bool]]:
        """Return, for each row to withhold, the reason and whether it may change by itself."""
        reasons: dict[int, tuple[str, bool]] = {}
        one_time_shares = OneTimeShare.objects.filter(pk__in={row.one_time_share_id for row in rows})
        self._sharers = dict(one_time_shares.values_list("pk", "user_id"))
        groups: dict[tuple[str, int | None], list[Delivery]] = defaultdict(list)
        for row in rows:
            groups[row.model, self._actor(row)].append(row)
        for (model, actor), group in groups.items():
            forbidden = self._objection_to(actor)
            unseen = access.hidden_from_creator(actor, model, [row.datum_pk for row in group])
            repeated = echoes(model, [data[row.pk] for row in group if not row.delivered_at])
            for row in group:
                if row.datum_pk in repeated:
                    original = repeated[row.datum_pk]
                    reasons[row.pk] = (f"came back from another TOM: repeats datum {original}", False)
                elif forbidden:
                    reasons[row.pk] = (forbidden, True)
                elif row.datum_pk in unseen:
                    what = "all data of this report" if model == REPORT_MODEL else "this datum"
                    reasons[row.pk] = (f"the user who shares may not see {what}", True)
        return reasons

    def _objection_to(self, actor: int | None) -> str:
        if actor in self._permitted:
            return ""
        return access.creator_objection(actor, self._target, self._outbox.destination)

    def _actor(self, row: Delivery) -> int | None:
        """Return the id of the user with whose rights the row leaves."""
        if row.one_time_share_id is None:
            return self._outbox.creator_id
        return self._sharers.get(row.one_time_share_id)

    def _withhold(self, row: Delivery, why: tuple[str, bool]) -> None:
        reason, may_change = why
        before = transitions.state_of(row)
        transitions.write(row, delivery.kept_here(before, reason, self._retry, again=may_change))

    def _is_news(self, row: Delivery, record: Shareable) -> bool:
        """Fill in identity and content; return False when the address has them, or takes no edit."""
        content = fingerprint(record)
        if row.delivered_at and (row.arrived == content or not self._can_update()):
            note = "edited since; this destination cannot change what it has, so the edit was not sent"
            there = delivery.keep_there("" if row.arrived == content else note)
            transitions.write(row, there(transitions.state_of(row)), fingerprint=content)
            return False
        # The id of a new record is its identity.
        row.identity = shareable_identity(row.model, record) if row.record_id else record.key.id
        row.fingerprint = content
        row.kind = record.key.kind.value
        return True

    def _without_duplicates(self, news: list[tuple[Delivery, Shareable]]) -> list[tuple[Delivery, Shareable]]:
        """Return the rows of observations that the ledger does not have, each with a key of its own."""
        news = observer_keys.with_original_keys(news)
        new = [(row, record) for row, record in news if not row.record_id]
        for row, record in new:
            row.record_id = record.key.id
        fresh = {row.pk for row, _ in new}
        deduplication = Deduplication(self._outbox, [row for row, _ in new])
        sendable: list[tuple[Delivery, Shareable]] = []
        for row, record in news:
            reason = deduplication.settle(row, now=self._retry.now) if row.pk in fresh else None
            if reason is None:
                sendable.append((row, self._keyed(row, record)))
            elif reason:
                self._withhold(row, (reason, False))
        return sendable

    def _keyed(self, row: Delivery, record: Shareable) -> Shareable:
        if row.record_id == record.key.id:
            return record
        # Another row of the ledger has this key.
        return with_key(record, replace(record.key, origin=self._origin, id=row.record_id))
