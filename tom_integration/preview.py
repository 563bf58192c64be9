"""What exactly would be sent: for a share that is being made, and for one that is there. No network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Batch, Preview
from sharecore.exceptions import InvalidRecord, Problem
from sharecore.records import Record
from tom_integration import rights, site
from tom_integration.models import Channel
from tom_integration.rows import DATUM_MODELS, model_name, record_of
from tom_integration.targets import find_target, target_of

SAMPLE = 20
"""How many of the newest data a preview shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A batch as it would be sent to an address. left_out: data that cannot be sent, with the reason."""

    batch: Batch
    left_out: tuple[str, ...] = ()

    def preview(self) -> Preview:
        """The payload. Raises `ConfigurationError` when the destination cannot be used."""
        _, destination = site.destinations().resolve(str(self.batch.address))
        return site.adapters.get(destination).preview(self.batch)

    def validate(self) -> Sequence[Problem]:
        """Ask the destination what is wrong with it; nothing is stored there. Raises `DeliveryError`."""
        _, destination = site.destinations().resolve(str(self.batch.address))
        return site.adapters.get(destination).validate(self.batch)


def sample(
    address_text: str, target: Any, *, user_id: int | None, kinds: Iterable[str] = (), limit: int = SAMPLE
) -> Sample:
    """The newest data of a target that the user may see, as they would be sent.

    kinds: only these kinds of record; all if none is named. Raises `ConfigurationError`.
    """
    address, _ = site.destinations().resolve(address_text)
    chosen = set(kinds)
    records: list[Record] = []
    left_out: list[str] = []
    for row in _newest(target, user_id, limit):
        try:
            record = record_of(row, origin=site.origin())
        except InvalidRecord as error:
            left_out.append(f"{model_name(row)} {row.pk}: {error}")
            continue
        if not chosen or record.key.kind in chosen:
            records.append(record)
    user = rights.find_user(user_id)
    batch = Batch(
        site=site.this_site(),
        address=address,
        target=target_of(target),
        records=tuple(sorted(records, key=lambda record: record.timestamp)),
        shared_by=user.get_username() if user else "",
    )
    return Sample(batch=batch, left_out=tuple(left_out))


def sample_of(channel: Channel) -> Sample:
    """The newest data of a channel's target. Raises `ConfigurationError`, or LookupError without a target."""
    target = find_target(channel.target_id)
    if target is None:
        raise LookupError(f"The target {channel.target_id} of this share is gone.")
    sampled = sample(channel.destination, target, user_id=channel.creator_id, kinds=channel.kinds)
    sampled.batch.memory.update(channel.memory)
    return sampled


def _newest(target: Any, user_id: int | None, limit: int) -> list[Any]:
    found: list[Any] = []
    for name, model in DATUM_MODELS.items():
        rows = list(model._default_manager.filter(target_id=target.pk).order_by("-timestamp")[:limit])
        unseen = rights.hidden(user_id, name, [row.pk for row in rows])
        found += [row for row in rows if row.pk not in unseen]
    return sorted(found, key=lambda row: row.timestamp, reverse=True)[:limit]
