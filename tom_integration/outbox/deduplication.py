"""Deduplication: ledger rows that tell of the same observation as a new one.

Data are made again under other keys (`migrate_reduced_datums`, a reload of a file). What was known of the
old row then holds for the new one, and nothing is sent again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from sharecore.delivery import State, replay
from tom_integration.mapping.data_files import SHARED_MODELS
from tom_integration.models import RENAMED, Delivery, Outbox
from tom_integration.outbox import transitions

_SHARED = frozenset(
    {State.PENDING, State.SENDING, State.DELIVERED, State.UNCONFIRMED, State.NEEDS_REVIEW, State.FAILED}
)


class Deduplication:
    """The rows of one address that new ones may repeat, read at once for a batch."""

    def __init__(self, outbox: Outbox, rows: Iterable[Delivery]) -> None:
        """rows: new ones, in the order in which they are asked for. Their data are there, and they have
        identity, content and record id.
        """
        rows = list(rows)
        self._by_identity: dict[str, list[Delivery]] = defaultdict(list)
        self._unread: dict[datetime, list[Delivery]] = defaultdict(list)
        self._record_ids: set[str] = set()
        identities = {row.identity for row in rows}
        earlier = _known(outbox, rows, identities) if rows else []
        self._there = _existing(earlier) | {(row.model, row.datum_pk) for row in rows}
        for known in earlier:
            self._record_ids.add(known.record_id)
            if known.identity in identities:
                self._by_identity[known.identity].append(known)
            elif not known.identity:
                self._unread[known.timestamp].append(known)

    def settle(self, row: Delivery, *, now: datetime) -> str | None:
        """What becomes of a new row: None when it is to be sent, else why not.

        The reason is empty when a known row has taken its place, and the new one is gone.
        """
        for known in self._by_identity[row.identity]:
            if self._replaces(row, known):
                self._adopt(row, known, now)
                return ""
            if known.fingerprint == row.fingerprint and State(known.state) in _SHARED:
                return f"the same as datum {known.datum_pk}, which is shared already"
        for known in self._unread[row.timestamp]:
            if known.model in (row.model, "reduceddatum") and self._replaces(row, known):
                # Nobody had read it before it was made again, so its time is all that is known of it.
                self._unread[row.timestamp].remove(known)
                self._adopt(row, known, now)
                return ""
        if row.record_id in self._record_ids:
            row.record_id = f"{row.record_id[:40]}-{row.datum_pk}"
        self._record_ids.add(row.record_id)
        self._by_identity[row.identity].append(row)
        return None

    def _replaces(self, row: Delivery, known: Delivery) -> bool:
        """Is the known row's datum now that of the new one?"""
        if known.state == State.CANCELLED and not known.delivered_at:
            return False
        migrated = known.model == "reduceddatum" and row.model != known.model
        return migrated or (known.model, known.datum_pk) not in self._there

    def _adopt(self, row: Delivery, known: Delivery, now: datetime) -> None:
        """Point the known row at the datum's new place; the new row is not needed."""
        # The generic model loses fields on its way to the typed one: that is no edit. Nor is it one of
        # data from before the share.
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
            Delivery.objects.filter(pk=row.pk).delete()
            transitions.write(known, state, **values)
        for name, value in (transitions.columns(state) | values).items():
            setattr(known, name, value)
        if known not in self._by_identity[row.identity]:
            self._by_identity[row.identity].append(known)


def _known(outbox: Outbox, rows: list[Delivery], identities: set[str]) -> list[Delivery]:
    """The other rows of the outbox with the identity, the record id or, unread, the time of one of these.

    Each by a query of its own: together, no database finds them by its indexes.
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


def _existing(rows: Iterable[Delivery]) -> set[tuple[str, int]]:
    """Those places to which the rows point where there is a datum."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        wanted[row.model].add(row.datum_pk)
    return {
        (model, pk)
        for model, pks in wanted.items()
        for pk in SHARED_MODELS[model]._default_manager.filter(pk__in=pks).values_list("pk", flat=True)
    }
