"""Recognise observations that the ledger has under another row, so that they are not sent again.

A primary key does not identify an observation: `migrate_reduced_datums` and a reload of a file make the same
data again under other keys, all at once. The content does, so the old ledger row is linked to the new datum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from sharecore.delivery import LEFT, State, replay
from tom_integration.mapping.shareable_rows import existing
from tom_integration.models import RENAMED, Delivery, Outbox
from tom_integration.outbox import transitions, versions

_SHARED = LEFT | {State.PENDING, State.TO_APPROVE, State.DELIVERED, State.FAILED}
_WITHDRAWN = {State.WITHDRAWING, State.WITHDRAWN}


class Deduplication:
    """Hold the ledger rows of an outbox that new rows may repeat, read once for a batch."""

    def __init__(self, outbox: Outbox, rows: Iterable[Delivery]) -> None:
        """Read the ledger for new rows, given in the order in which they are passed to `settle`.

        Their data exist, and they have identity, content and record id.
        """
        rows = list(rows)
        self._by_identity: dict[str, list[Delivery]] = defaultdict(list)
        self._unread: dict[datetime, list[Delivery]] = defaultdict(list)
        self._record_ids: set[str] = set()
        identities = {row.identity for row in rows}
        earlier = _known(outbox, rows, identities) if rows else []
        self._there = {(row.model, row.datum_pk) for row in rows}
        self._there |= existing((known.model, known.datum_pk) for known in earlier)
        for known in earlier:
            self._record_ids.add(known.record_id)
            if known.identity in identities:
                self._by_identity[known.identity].append(known)
            elif not known.identity:
                self._unread[known.timestamp].append(known)

    def settle(self, row: Delivery, *, now: datetime) -> str | None:
        """Return None when a new row is to be sent, else the reason why not.

        The reason is empty when an earlier row was linked to the datum and the new row is deleted.
        """
        for known in self._by_identity[row.identity]:
            if self._replaces(row, known):
                self._relink(row, known, now)
                return ""
            if known.fingerprint == row.fingerprint and State(known.state) in _SHARED:
                return f"the same as datum {known.datum_pk}, which is shared already"
            if known.fingerprint == row.fingerprint and State(known.state) in _WITHDRAWN:
                return f"the same as datum {known.datum_pk}, which was withdrawn"
        for known in self._unread[row.timestamp]:
            if known.model in (row.model, "reduceddatum") and self._replaces(row, known):
                # The datum was made again before its content was read, so only its time can be compared.
                self._unread[row.timestamp].remove(known)
                self._relink(row, known, now)
                return ""
        if row.record_id in self._record_ids:
            row.record_id = f"{row.record_id[:40]}-{row.datum_pk}"
        self._record_ids.add(row.record_id)
        self._by_identity[row.identity].append(row)
        return None

    def _replaces(self, row: Delivery, known: Delivery) -> bool:
        """Return True when the datum of the new row is that of the known row, made again."""
        if known.state == State.CANCELLED and not known.delivered_at:
            return False
        migrated = known.model == "reduceddatum" and row.model != known.model
        return migrated or (known.model, known.datum_pk) not in self._there

    def _relink(self, row: Delivery, known: Delivery, now: datetime) -> None:
        """Link the known row to the datum of the new row, and delete the new row."""
        # The content is no edit when it changed in a migration between models, which loses fields, or when
        # the data were there before the share.
        same = known.model != row.model or known.state == State.BASELINE
        values = {name: getattr(row, name) for name in ("model", "datum_pk", "kind", "identity")}
        if same:
            values["fingerprint"] = row.fingerprint
            values["arrived"] = row.fingerprint if known.delivered_at else ""
        else:
            values["named"] = known.fingerprint != row.fingerprint
        state = transitions.state_of(known)
        if row.one_time_share_id is not None and known.state == State.BASELINE:
            state = replay(now=now)(state)
            values["one_time_share_id"] = row.one_time_share_id
        with transaction.atomic():
            versions.delete(Delivery.objects.filter(pk=row.pk))
            transitions.write(known, state, **values)
        for name, value in (transitions.columns(state) | values).items():
            setattr(known, name, value)
        if known not in self._by_identity[row.identity]:
            self._by_identity[row.identity].append(known)


def _known(outbox: Outbox, rows: list[Delivery], identities: set[str]) -> list[Delivery]:
    """Return other rows of the outbox with the identity, the record id or, if unread, the time of a row.

    Use a query for each condition: no database answers all of them, joined by OR, from its indexes.
    """
    known = outbox.deliveries.all()
    record_ids = {row.record_id for row in rows}
    found = [
        *known.filter(identity__in=identities | record_ids),
        *known.filter(RENAMED, record_id__in=record_ids),
        *known.filter(state=State.BASELINE, identity="", timestamp__in={row.timestamp for row in rows}),
    ]
    others = {row.pk: row for row in found}
    for row in rows:
        others.pop(row.pk, None)
    return [others[pk] for pk in sorted(others)]
