"""Data that another site gave to this TOM are shared on under the key that their observer gave them.

So every site in a chain or a ring knows a record again, and nothing is offered to the site that brought it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Exists, F, OuterRef, Value

from sharecore.records import Kind, RecordKey, Shareable, with_key
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Delivery, InboxRecord

CHUNK = 1000
_BROUGHT = InboxRecord.objects.exclude(content="")
"""A datum that this TOM had before stays its own, whoever sends the same again."""
_Kept = TypeVar("_Kept", bound=Shareable)


def keys_of(rows: Sequence[tuple[Delivery, Shareable]]) -> dict[int, RecordKey]:
    """The original keys of those data that another site gave, by primary key of the ledger row.

    rows: with the identity of their content.

    The key that the ledger has given to a record stays: a site that has it knows it by that.
    """
    found = _by_place([row for row, _ in rows])
    found |= _by_content(row for row, _ in rows if (row.model, row.datum_pk) not in found)
    keys: dict[int, RecordKey] = {}
    for row, record in rows:
        known = found.get((row.model, row.datum_pk))
        if known is not None and known.kind == record.key.kind and row.record_id in ("", known.record_id):
            keys[row.pk] = RecordKey(kind=Kind(known.kind), origin=known.origin, id=known.record_id)
    return keys


def with_original_keys(rows: Sequence[tuple[Delivery, _Kept]]) -> list[tuple[Delivery, _Kept]]:
    """The same, where a record has the key that the site which observed it gave it."""
    keys = keys_of(rows)
    return [(row, with_key(record, keys[row.pk]) if row.pk in keys else record) for row, record in rows]


def relaying_sites(
    target_id: int, rows: Mapping[RecordKey, Delivery], *, origin: str
) -> Mapping[RecordKey, str]:
    """Return the sites that relayed records of this target. origin: of this TOM, whose own are omitted."""
    wanted = {key: (row.model, row.datum_pk) for key, row in rows.items() if key.origin != origin}
    if not wanted:
        return {}
    ranked: list[tuple[bool, bool, RecordKey, str]] = []
    for row in _BROUGHT.filter(record_id__in={key.id for key in wanted}).order_by("pk"):
        key = RecordKey(kind=Kind(row.kind), origin=row.origin, id=row.record_id)
        if key in wanted:
            # Several sites may have given this key. A merge of targets leaves the old number.
            here = (row.model, row.datum_pk) == wanted[key]
            ranked.append((here, row.target_id == target_id, key, row.relayed_by))
    return {key: site for *_, key, site in sorted(ranked, key=lambda each: each[:2])}


def _by_place(rows: Iterable[Delivery]) -> dict[tuple[str, int], InboxRecord]:
    places = {(row.model, row.datum_pk) for row in rows}
    known = _BROUGHT.filter(model__in={model for model, _ in places}, datum_pk__in={pk for _, pk in places})
    # The first key of a datum stays its key.
    return {(row.model, row.datum_pk): row for row in known.order_by("-pk")}


def _by_content(rows: Iterable[Delivery]) -> dict[tuple[str, int], InboxRecord]:
    """Data that were made again under other primary keys (a merge of targets, a restored row)."""
    identities = {(row.model, row.datum_pk): row.identity for row in rows}
    known = _gone(_BROUGHT.filter(identity__in=set(identities.values())))
    by_identity = {row.identity: row for row in known}
    return {place: by_identity[digest] for place, digest in identities.items() if digest in by_identity}


def _gone(rows: Any) -> list[InboxRecord]:
    """Those of the rows whose datum is not where it was."""
    return [
        row
        for name, model in DATUM_MODELS.items()
        for row in rows.filter(~Exists(model._default_manager.filter(pk=OuterRef("datum_pk"))), model=name)
    ]


def forget_gone(then: datetime) -> int:
    """Drop the keys of data that are gone and were received before; how many.

    Until then such data may be made again, and are known by their content. Their rows are led away from the
    primary key (`datum_pk` becomes negative), which a database may give to another datum.
    """
    number, after = 0, 0
    while rows := list(InboxRecord.objects.filter(pk__gt=after).order_by("pk")[:CHUNK]):
        after = rows[-1].pk
        gone = _gone(InboxRecord.objects.filter(pk__in=[row.pk for row in rows]))
        old = [row.pk for row in gone if row.created < then]
        number += InboxRecord.objects.filter(pk__in=old).delete()[0] if old else 0
        young = [row.pk for row in gone if row.created >= then and row.datum_pk > 0]
        if young:
            InboxRecord.objects.filter(pk__in=young).update(datum_pk=Value(0) - F("pk"))
    return number
