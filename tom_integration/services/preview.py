"""Preview what exactly a new or existing share would send, without the network."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.db.models import OuterRef, QuerySet, Value

from sharecore.adapter import Batch, Preview
from sharecore.delivery import ASKABLE
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, InvalidRecord, Problem
from sharecore.filters import Filter
from sharecore.records import Record, RecordKey
from sharecore.release import Release, UnreadableRelease
from sharecore.withhold_and_convert import prepare
from tom_integration import access, clock, personal_keys, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.own_data import own_rows
from tom_integration.mapping.row_to_record import model_name, record_of
from tom_integration.mapping.shareable_rows import RowKey, by_model
from tom_integration.mapping.target_fields import find_target, target_of
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import limits, target_keys
from tom_integration.outbox.backlog import absent
from tom_integration.outbox.echoes import echoes
from tom_integration.services import shares

SAMPLE = 20
"""The number of newest data in the preview of a share."""
_CHUNK = 200
"""Rows of each model that are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold a batch as it would be sent to an address."""

    batch: Batch
    left_out: tuple[str, ...] = ()
    """Data that would not leave, each with the reason."""
    user_id: int | None = None
    """The user whose key is used for questions where each person shares with their own."""

    def preview(self) -> Preview:
        """Return the payload.

        Raises:
            ConfigurationError: the destination cannot be used.
            DeliveryError: the adapter cannot make the payload.
        """
        return site.adapters.get(self._destination).preview(self.batch)

    def validate(self) -> Sequence[Problem]:
        """Ask the destination for problems of the batch, without storing it; raise as `preview` does."""
        if site.registry().missing:
            raise ConfigurationError(site.registry().missing)
        reached = personal_keys.with_key_of(self._destination, self.user_id)
        return site.adapters.get(reached).validate(self.batch)

    @property
    def _destination(self) -> Destination:
        return site.destinations().resolve(str(self.batch.address))[1]


class Outlook:
    """Read the data of a target that a share would send to an address, in the order of sending.

    Only a part of the data is in memory at a time.

    Args:
        address_text: `name` or `name:topic`.
        target: the target as a row of the TOM.
        user_id: the user whose rights limit the data; None for all data.
        filters: the filters of the share, beside that of the destination.
        releases: the dates of the share, beside that of the destination.
        unsent: leave out data that the address has or a worker is sending.
        blind: read nothing from the ledger, for users who may not see what was shared before.

    Raises:
        ConfigurationError: there is no such destination.
    """

    def __init__(
        self,
        address_text: str,
        target: Any,
        *,
        user_id: int | None,
        filters: Iterable[Filter] = (),
        releases: Iterable[Release] = (),
        unsent: bool = False,
        blind: bool = False,
    ) -> None:
        self._address, self._destination = site.destinations().resolve(address_text)
        self._target = target
        self._user = access.find_creator(user_id)
        whole = limits.of_destination(self._destination)
        self._limits = limits.Limits((*whole.filters, *filters), (*whole.releases, *releases))
        self._unsent = unsent and not blind
        outbox = None if blind else Outbox.objects.at(self._address).filter(target_id=target.pk).first()
        self._adapter_state = dict(outbox.adapter_state) if outbox else {}

    def count(self) -> int:
        """Return the number of data."""
        return sum(rows.count() for rows in self._rows().values())

    def part(self, start: int, size: int) -> Sample:
        """Return up to `size` of the data, from position `start` on."""
        keys = [
            rows.order_by().annotate(kept_in=Value(name)).values_list("timestamp", "kept_in", "id")
            for name, rows in self._rows().items()
        ]
        ordered = keys[0].union(*keys[1:], all=True).order_by("timestamp", "kept_in", "id")
        chosen = list(ordered[start : start + size])
        wanted = by_model((name, pk) for _, name, pk in chosen)
        found = {name: DATUM_MODELS[name]._default_manager.in_bulk(pks) for name, pks in wanted.items()}
        return self._sample([found[name][pk] for _, name, pk in chosen if pk in found[name]])

    def newest(self, size: int) -> Sample:
        """Return the newest of the data."""
        return self.part(max(self.count() - size, 0), size)

    def calls(self) -> Iterator[Sample]:
        """Yield all data, in batches as the calls of the adapter would have them."""
        size = site.adapters.get(self._destination).max_batch
        streams = [
            rows.order_by("timestamp", "pk").iterator(chunk_size=_CHUNK) for rows in self._rows().values()
        ]
        merged = heapq.merge(*streams, key=lambda row: (row.timestamp, model_name(row), row.pk))
        while rows := list(islice(merged, size)):
            yield self._sample(rows)

    def _rows(self) -> dict[str, QuerySet[Any]]:
        found = {}
        for name, condition in self._limits.selection.items():
            rows = DATUM_MODELS[name]._default_manager.filter(condition, target_id=self._target.pk)
            if self._unsent:
                known = Delivery.objects.at(self._address).filter(model=name, datum_pk=OuterRef("pk"))
                settled = known.exclude(state__in=ASKABLE)
                rows = rows.filter(absent(settled))
            found[name] = rows if self._user is None else access.visible(self._user, rows)
        return found

    def _sample(self, rows: list[Any]) -> Sample:
        batch = Batch(
            site=site.this_site(),
            address=self._address,
            target=target_of(self._target),
            records=(),
            shared_by=self._user.get_username() if self._user else "",
            state=dict(self._adapter_state),
            target_keys=target_keys.keys_of(self._target),
        )
        repeated = _echoes(rows)
        own = own_rows(rows) if self._limits.by_origin else set()
        asked: list[tuple[Any, Record]] = []
        left_out: list[str] = []
        for row in rows:
            try:
                record = record_of(row, origin=batch.site.origin)
            except InvalidRecord as error:
                left_out.append(f"{_named(row)}: {error}")
                continue
            if self._limits.objection(record, own=(model_name(row), row.pk) in own):
                continue  # The conditions of the query let a few rows through that do not pass.
            if (model_name(row), row.pk) in repeated:
                left_out.append(f"{_named(row)}: came back from another TOM")
                continue
            if waits := self._waits(record):
                left_out.append(f"{_named(row)}: {waits}")
                continue
            asked.append((row, record))
        with site.call_threads():
            answers = prepare(
                site.registry(),
                replace(batch, records=tuple(record for _, record in asked)),
                self._destination.maps,
            )
        records: list[Record] = []
        originals: dict[RecordKey, Any] = {}
        for (row, _), ready in zip(asked, answers, strict=True):
            if isinstance(ready, Record):
                records.append(ready)
                originals[ready.key] = row
            else:
                left_out.append(f"{_named(row)}: {ready.reason}")
        batch = replace(batch, records=tuple(records), original=originals.get)
        user_id = None if self._user is None else self._user.pk
        return Sample(batch=batch, left_out=tuple(left_out), user_id=user_id)

    def _waits(self, record: Record) -> str:
        """Return until when a record waits for its release; empty for one that may leave."""
        try:
            moment = self._limits.moment(record)
        except UnreadableRelease as error:
            return str(error)
        released = moment is None or moment <= clock.now()
        return "" if released or moment is None else f"goes on {moment:%Y-%m-%d %H:%M} UTC"


def of_outbox(outbox: Outbox) -> Outlook:
    """Return the outlook of an existing share.

    Raises:
        ConfigurationError: there is no such destination.
        shares.NotPossible: the target was deleted.
    """
    target = find_target(outbox.target_id)
    if target is None:
        raise shares.NotPossible(f"The target {outbox.target_id} of this share was deleted.")
    return Outlook(
        str(outbox.address),
        target,
        user_id=outbox.creator_id,
        filters=[each.chosen for each in outbox.levels],
        releases=[each.release for each in outbox.levels],
    )


def _echoes(rows: list[Any]) -> set[RowKey]:
    by_model: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_model[model_name(row)].append(row)
    return {(name, pk) for name, group in by_model.items() for pk in echoes(name, group)}


def _named(row: Any) -> str:
    return f"datum {row.pk} of {row.timestamp:%Y-%m-%d %H:%M:%S} UTC"
