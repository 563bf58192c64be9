"""Exactly what would be sent: the newest data, through the site's own rules, as the adapter writes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from sharecore.adapter import Batch
from sharecore.exceptions import ConfigurationError, DeliveryError, InvalidRecord, PluginError
from sharecore.hooks import ConvertRequest, WithholdRequest
from sharecore.records import Kind, Record
from tom_integration import preview, site
from tom_integration.pages import holdings

LIMIT = 10
"""Records in one preview: enough to see what is sent, few enough to read."""
LONGEST = 40_000
"""Characters of a preview that are shown."""


@dataclass(slots=True)
class Shown:
    """What a person sees. body: the payload; kept: data that stay, and why; problem: why there is none."""

    body: str = ""
    content_type: str = ""
    note: str = ""
    records: int = 0
    total: int = 0
    cut: bool = False
    kept: list[str] = field(default_factory=list)
    problem: str = ""


def show(user: Any, target: Any, address: str, kinds: Collection[Kind]) -> Shown:
    """The payload for the newest data of these kinds. No network."""
    shown = Shown(total=holdings.count(user, target.pk, kinds))
    try:
        sample = preview.sample(address, target, user_id=user.pk, kinds=kinds, limit=LIMIT)
        shown.kept += sample.left_out
        leaving = tuple(each for each in sample.batch.records if _may_leave(sample.batch, each, shown))
        converted = tuple(_converted(sample.batch, each, shown) for each in leaving)
        ready = tuple(record for record in converted if record is not None)
        made = replace(sample, batch=replace(sample.batch, records=ready)).preview()
    except (ConfigurationError, DeliveryError) as error:
        shown.problem = str(error)
        return shown
    except Exception as error:
        # An adapter is other people's code: its bug must not take the page away.
        shown.problem = f"The adapter could not make a preview ({type(error).__name__})."
        return shown
    shown.records = len(ready)
    shown.content_type, shown.note = made.content_type, made.note
    shown.body, shown.cut = made.body[:LONGEST], len(made.body) > LONGEST
    return shown


def _may_leave(batch: Batch, record: Record, shown: Shown) -> bool:
    request = WithholdRequest(
        site=batch.site,
        address=batch.address,
        target=batch.target,
        record=record,
        shared_by=batch.shared_by,
    )
    try:
        reason = site.registry().withhold(request)
    except PluginError as error:
        reason = str(error)
    if reason is not None:
        shown.kept.append(f"{_named(record)}: {reason}")
    return reason is None


def _converted(batch: Batch, record: Record, shown: Shown) -> Record | None:
    request = ConvertRequest(site=batch.site, address=batch.address, target=batch.target, record=record)
    try:
        return site.registry().convert(request)
    except (InvalidRecord, PluginError) as error:
        shown.kept.append(f"{_named(record)}: {error}")
        return None


def _named(record: Record) -> str:
    return f"{holdings.KIND_LABELS[record.key.kind]} of {record.timestamp:%Y-%m-%d %H:%M} UTC"
