"""Share data of another site under the key that the site of their observer gave them.

So every site in a chain or a ring recognises a record, and no record goes back to the site that relayed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from django.db.models import F, Value

from sharecore.records import Kind, RecordKey, Report, Shareable, with_key
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.shareable_rows import existing
from tom_integration.models import Delivery, InboxRecord
from tom_integration.models import Report as ReportRow

CHUNK = 1000
_BROUGHT = InboxRecord.objects.exclude(content="")
"""Records that another site gave. A datum that this TOM had before stays its own when a site sends it."""
_Kept = TypeVar("_Kept", bound=Shareable)


def keys_of(rows: Sequence[tuple[Delivery, Kind]]) -> dict[int, RecordKey]:
    """Return the original keys of data that another site gave, by primary key of the ledger row.

    A record that has left under a key of the ledger keeps that key, since other sites know it by that.

    Args:
        rows: ledger rows, with the identity of their content, and the kinds of their records.
    """
    found = _by_place([row for row, _ in rows])
    found |= _by_content(row for row, _ in rows if (row.model, row.datum_pk) not in found)
    keys: dict[int, RecordKey] = {}
    for row, kind in rows:
        known = found.get((row.model, row.datum_pk))
        if known is not None and known.kind == kind and row.record_id in ("", known.record_id):
            keys[row.pk] = _key(known)
    return keys


def with_original_keys(rows: Sequence[tuple[Delivery, _Kept]]) -> list[tuple[Delivery, _Kept]]:
    """Return the rows with their records, under the original keys where there are."""
    keys = keys_of([(row, record.key.kind) for row, record in rows])
    return [(row, with_key(record, keys[row.pk]) if row.pk in keys else record) for row, record in rows]


def of_report(report: Report, row: ReportRow) -> Report:
    """Return the report of a row, with the data of other sites under their original keys."""
    found = _by_place([Delivery(model=model, datum_pk=pk) for model, pk in row.places])
    if not found:
        return report
    data = {
        name: tuple(
            with_key(each, _key(found[place])) if (place := tuple(chosen)) in found else each
            for each, chosen in zip(records, row.data[name], strict=True)
        )
        for name, records in report.data.items()
    }
    return replace(report, data=data)


def relaying_sites(
    target_id: int, rows: Mapping[RecordKey, Delivery], *, origin: str
) -> Mapping[RecordKey, str]:
    """Return the site that relayed each record of this target, without records of this TOM's own origin."""
    wanted = {key: (row.model, row.datum_pk) for key, row in rows.items() if key.origin != origin}
    if not wanted:
        return {}
    ranked: list[tuple[bool, bool, RecordKey, str]] = []
    for row in _BROUGHT.filter(record_id__in={key.id for key in wanted}).order_by("pk"):
        key = _key(row)
        if key in wanted:
            # Several sites may have given this key, and a merge of targets leaves the old target_id.
            here = (row.model, row.datum_pk) == wanted[key]
            ranked.append((here, row.target_id == target_id, key, row.relayed_by))
    return {key: site for *_, key, site in sorted(ranked, key=lambda each: each[:2])}


def _key(row: InboxRecord) -> RecordKey:
    return RecordKey(kind=Kind(row.kind), origin=row.origin, id=row.record_id)


def _by_place(rows: Iterable[Delivery]) -> dict[tuple[str, int], InboxRecord]:
    places = {(row.model, row.datum_pk) for row in rows}
    known = _BROUGHT.filter(model__in={model for model, _ in places}, datum_pk__in={pk for _, pk in places})
    # The first key of a datum stays its key.
    return {(row.model, row.datum_pk): row for row in known.order_by("-pk")}


def _by_content(rows: Iterable[Delivery]) -> dict[tuple[str, int], InboxRecord]:
    """Find data by content that were made again under other primary keys (a merge, a restored row)."""
    identities = {(row.model, row.datum_pk): row.identity for row in rows}
    known = _gone(_BROUGHT.filter(identity__in=set(identities.values())))
    by_identity = {row.identity: row for row in known}
    return {place: by_identity[digest] for place, digest in identities.items() if digest in by_identity}


def _gone(rows: Iterable[InboxRecord]) -> list[InboxRecord]:
    """Return the rows whose datum has been deleted."""
    data = [row for row in rows if row.model in DATUM_MODELS]
    there = existing((row.model, row.datum_pk) for row in data)
    return [row for row in data if (row.model, row.datum_pk) not in there]


def forget_gone(then: datetime) -> int:
    """Delete the keys of deleted data that were received before this time; return how many.

    Until then such data may be made again, and are recognised by content. Their `datum_pk` becomes negative,
    since a database may give the same primary key to another datum.
    """
    number, after = 0, 0
    while rows := list(InboxRecord.objects.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        after = rows[-1].pk
        gone = _gone(rows)
        old = [row.pk for row in gone if row.created < then]
        number += InboxRecord.objects.filter(pk__in=old).delete()[0] if old else 0
        young = [row.pk for row in gone if row.created >= then and row.datum_pk > 0]
        if young:
            InboxRecord.objects.filter(pk__in=young).update(datum_pk=Value(0) - F("pk"))
    return number
