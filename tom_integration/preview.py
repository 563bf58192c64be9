"""What exactly would be sent: for a share that is being made, and for one that is there. No network."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sharecore.adapter import Adapter, Batch, Preview
from sharecore.dispatch import prepare
from sharecore.exceptions import ConfigurationError, InvalidRecord, Problem
from sharecore.faults import as_plugin_error
from sharecore.records import Kind, Record
from tom_integration import permissions, rights, site
from tom_integration.data.kinds import conditions
from tom_integration.data.rows import DATUM_MODELS, record_of
from tom_integration.data.targets import find_target, target_of
from tom_integration.models import Channel

logger = logging.getLogger(__name__)

SAMPLE = 20
"""How many of the newest data a preview shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A batch as it would be sent to an address. left_out: data that would not leave, with the reason."""

    batch: Batch
    left_out: tuple[str, ...] = ()

    def preview(self) -> Preview:
        """The payload. Raises `ConfigurationError`, or `DeliveryError` when the adapter cannot make it."""
        with as_plugin_error(logger, f"the preview of {self.batch.address}"):
            return self._adapter.preview(self.batch)

    def validate(self) -> Sequence[Problem]:
        """Ask the destination what is wrong with it; nothing is stored there. Raises as `preview`."""
        if site.registry().missing:
            raise ConfigurationError(site.registry().missing)
        with as_plugin_error(logger, f"the validation at {self.batch.address}"):
            return self._adapter.validate(self.batch)

    @property
    def _adapter(self) -> Adapter:
        return site.adapters.get(site.destinations().resolve(str(self.batch.address))[1])


def sample(
    address_text: str,
    target: Any,
    *,
    user_id: int | None,
    kinds: Collection[Kind] = (),
    limit: int = SAMPLE,
) -> Sample:
    """The newest data of a target that the user may see, as the site's plugins let them leave.

    kinds: only these kinds of record; all if none is named. Raises `ConfigurationError`.
    """
    address, _ = site.destinations().resolve(address_text)
    user = rights.find_user(user_id)
    batch = Batch(
        site=site.this_site(),
        address=address,
        target=target_of(target),
        records=(),
        shared_by=user.get_username() if user else "",
    )
    records: list[Record] = []
    left_out: list[str] = []
    for row in reversed(_newest(target, user, kinds, limit)):
        try:
            record = record_of(row, origin=batch.site.origin)
        except InvalidRecord as error:
            left_out.append(f"{_named(row)}: {error}")
            continue
        if kinds and record.key.kind not in kinds:
            continue  # detections and limits of tomtoolkit 2.x are told apart only here
        ready = prepare(site.registry(), batch, record)
        if isinstance(ready, Record):
            records.append(ready)
        else:
            left_out.append(f"{_named(row)}: {ready.reason}")
    return Sample(batch=replace(batch, records=tuple(records)), left_out=tuple(left_out))


def sample_of(channel: Channel) -> Sample:
    """The newest data of a channel's target. Raises `ConfigurationError`, or LookupError without a target."""
    target = find_target(channel.target_id)
    if target is None:
        raise LookupError(f"The target {channel.target_id} of this share is gone.")
    kinds = [Kind(kind) for kind in channel.kinds]
    sampled = sample(channel.destination, target, user_id=channel.creator_id, kinds=kinds)
    sampled.batch.memory.update(channel.memory)
    return sampled


def _newest(target: Any, user: Any | None, kinds: Collection[Kind], limit: int) -> list[Any]:
    """Rows of any model, the newest first; without a user those that the site sees, which is all."""
    found: list[Any] = []
    for name, condition in conditions(kinds).items():
        rows = DATUM_MODELS[name]._default_manager.filter(condition, target_id=target.pk)
        seen = rows if user is None else permissions.visible(user, rows)
        found += seen.order_by("-timestamp")[:limit]
    return sorted(found, key=lambda row: row.timestamp, reverse=True)[:limit]


def _named(row: Any) -> str:
    return f"datum {row.pk} of {row.timestamp:%Y-%m-%d %H:%M:%S} UTC"
