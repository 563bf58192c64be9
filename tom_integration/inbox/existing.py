"""Find the records of a batch that this TOM has already, with a few queries for the whole batch."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Model, UniqueConstraint

from sharecore.exceptions import InvalidRecord
from sharecore.identity import alike
from sharecore.records import OtherDatum, Record, RecordKey
from tom_integration.access import permitted
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.record_to_row import model_for
from tom_integration.mapping.row_to_record import identity_of, record_of
from tom_integration.mapping.shareable_rows import RowKey, by_model
from tom_integration.models import RENAMED, Delivery, InboxRecord

_GENERIC = "reduceddatum"
_NOT_COMPARED = frozenset({"key", "source_name", "source_location", "reduction_version"})
_OF_ANY_DATUM = frozenset(
    {"timestamp", "telescope", "instrument", "reduction_version", "bandpass", "data_type"}
)


class Keys:
    """Hold the keys that were received before for data of one target.

    Each site has its own keys: a key from another site counts when the user may view its datum.
    """

    def __init__(self, target_id: int, keys: Iterable[RecordKey], *, origin: str, user: Any) -> None:
        """Read the keys for a batch from the site of this origin, sent with the account of this user."""
        wanted = set(keys)
        rows = [
            row
            for row in InboxRecord.objects.filter(record_id__in={key.id for key in wanted}).order_by("pk")
            if _key(row) in wanted
        ]
        targets = _targets(rows)
        seen = permitted(user, (place for place, there in targets.items() if there == target_id), "view")
        self._known: dict[RecordKey, InboxRecord] = {}
        self.stale: list[int] = []
        """Rows of this site that are out of date: the datum was deleted or moved, or is no longer hidden."""
        for row in sorted(rows, key=lambda row: row.relayed_by != origin):
            place, own = (row.model, row.datum_pk), row.relayed_by == origin
            if targets.get(place) != target_id:
                if own and row.target_id == target_id:
                    self.stale.append(row.pk)
            elif not row.identity and place in seen:
                if own:
                    self.stale.append(row.pk)
            elif own or place in seen:
                self._known.setdefault(_key(row), row)

    def has(self, key: RecordKey, fingerprint: str) -> bool:
        """Return True when this key was received with this content."""
        known = self._known.get(key)
        return known is not None and known.fingerprint == fingerprint

    def get(self, key: RecordKey) -> InboxRecord | None:
        """Return the row of a key whose datum exists."""
        return self._known.get(key)


def _key(row: InboxRecord) -> RecordKey:
    return RecordKey(kind=row.kind, origin=row.origin, id=row.record_id)  # type: ignore[arg-type]


def _targets(rows: Iterable[InboxRecord | Delivery]) -> dict[RowKey, int]:
    return {
        (name, pk): target_id
        for name, pks in by_model((row.model, row.datum_pk) for row in rows).items()
        if name in DATUM_MODELS
        for pk, target_id in DATUM_MODELS[name]
        ._default_manager.filter(pk__in=pks)
        .values_list("pk", "target_id")
    }


def ours(target_id: int, records: Iterable[Record], user: Any) -> dict[str, RowKey]:
    """Return the data of a target that this TOM has sent and the user may view, by the id in their keys."""
    wanted = {record.key.id for record in records}
    mine = Delivery.objects.filter(outbox__target_id=target_id)
    # Use a query for each condition, so that each is answered from an index.
    sent = [*mine.filter(~RENAMED, identity__in=wanted), *mine.filter(RENAMED, record_id__in=wanted)]
    targets = _targets(sent)
    places = {row.record_id: (row.model, row.datum_pk) for row in sent}
    there = {name: place for name, place in places.items() if targets.get(place) == target_id}
    seen = permitted(user, there.values(), "view")
    return {name: place for name, place in there.items() if place in seen}


class Contents:
    """Hold the data of one target that records may repeat."""

    def __init__(self) -> None:
        self._by_identity: dict[str, tuple[RowKey, Record]] = {}
        self._generic: dict[str, tuple[RowKey, Record]] = {}
        self._taken: dict[tuple[Any, ...], int] = {}

    def note(self, name: str, row: Any) -> None:
        """Add a row of the model of this name."""
        for rule in unique_fields(DATUM_MODELS[name]):
            self._taken.setdefault(_signature(name, rule, row.__dict__), row.pk)
        try:
            record = record_of(row, origin="")
        except InvalidRecord:
            return
        typed = name == _GENERIC and not isinstance(record, OtherDatum)
        found = self._generic if typed else self._by_identity
        found.setdefault(identity_of(name, record), ((name, row.pk), record))

    def find(self, record: Record, identity: str) -> tuple[RowKey, Record] | None:
        """Return the datum of the same observation and its record, or None."""
        found = self._by_identity.get(identity)
        if found is None and self._generic:
            found = self._generic.get(identity_of(_GENERIC, record))
        return found

    def clash(
        self, model: type[Model], values: Mapping[str, Any], *, own: int | None = None
    ) -> tuple[str, RowKey | None] | None:
        """Return the field in which these values break a unique constraint and the datum in the way, or None.

        Note values that fit, since other records of the batch may clash with them.

        Args:
            model: the model of the row.
            values: the values of the row, by column.
            own: the primary key of the row that is to get the values; None for a new row.
        """
        name = str(model._meta.model_name)
        signatures = [(rule, _signature(name, rule, values)) for rule in unique_fields(model)]
        for rule, signature in signatures:
            if None not in signature and (pk := self._taken.get(signature, own)) != own:
                field = next((field for field in rule if field not in _OF_ANY_DATUM), rule[0])
                return field, (name, pk) if pk else None
        for _, signature in signatures:
            self._taken[signature] = own or 0
        return None


def contents(target_id: int, records: Iterable[Record], user: Any) -> tuple[Contents, Contents]:
    """Return the data of a target at the times of these records: those that the user may view, and others."""
    times: dict[str, set[datetime]] = defaultdict(set)
    for record in records:
        times[model_name_for(record)].add(record.timestamp)
        times[_GENERIC].add(record.timestamp)  # for data that come from tomtoolkit 2.x
    seen, unseen = Contents(), Contents()
    for name, moments in times.items():
        data = DATUM_MODELS[name]._default_manager.filter(target_id=target_id, timestamp__in=moments)
        rows = list(data.order_by("pk"))
        visible = permitted(user, [(name, row.pk) for row in rows], "view")
        for row in rows:
            (seen if (name, row.pk) in visible else unseen).note(name, row)
    return seen, unseen


def difference(record: Record, there: Record) -> str | None:
    """Return the first field in which two records of one observation differ, or None.

    The source and the fields that a generic row of tomtoolkit 2.x cannot store are not compared.
    """
    names = (each.name for each in fields(record) if each.name not in _NOT_COMPARED)
    return next((name for name in names if alike(getattr(record, name)) != alike(getattr(there, name))), None)


def model_name_for(record: Record) -> str:
    """Return the name of the model that holds records of this kind."""
    return str(model_for(record)._meta.model_name)


@cache
def unique_fields(model: type[Model]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of fields that are unique among the data of a target; NULL equals nothing."""
    if model is DATUM_MODELS[_GENERIC]:
        return (("data_type", "timestamp", "value"),)  # as in its `validate_unique` in tomtoolkit 3.1.0
    rules = [each for each in model._meta.constraints if isinstance(each, UniqueConstraint)]
    return tuple(
        tuple(field for field in rule.fields if field != "target")
        for rule in rules
        if "target" in rule.fields and rule.condition is None
    )


def _signature(name: str, rule: tuple[str, ...], values: Mapping[str, Any]) -> tuple[Any, ...]:
    return (name, rule, *(_comparable(values[field]) for field in rule))


def _comparable(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value
