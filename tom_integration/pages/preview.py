"""Exactly what would be sent: the newest data, through the site's own rules, as the adapter writes them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.records import Kind
from tom_integration import preview
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
    kept: tuple[str, ...] = ()
    problem: str = ""


def show(user: Any, target: Any, address: str, kinds: Collection[Kind]) -> Shown:
    """The payload for the newest data of these kinds. No network."""
    shown = Shown(total=holdings.count(user, target.pk, kinds))
    try:
        sample = preview.sample(address, target, user_id=user.pk, kinds=kinds, limit=LIMIT)
        shown.kept = sample.left_out
        made = sample.preview()
    except (ConfigurationError, DeliveryError) as error:
        shown.problem = str(error)
        return shown
    shown.records = len(sample.batch.records)
    shown.content_type, shown.note = made.content_type, made.note
    shown.body, shown.cut = made.body[:LONGEST], len(made.body) > LONGEST
    return shown
