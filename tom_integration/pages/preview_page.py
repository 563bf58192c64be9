"""Exactly what would be sent: part by part to read, all of it as a file; through the site's own rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.records import Kind
from sharecore.targets import Target
from tom_integration.pages import inventory, one_time, phrases
from tom_integration.services.preview import Outlook

PART = 20
"""Records in one part: enough to see what is sent, few enough to read."""
LONGEST = 40_000
"""Characters of a part that are shown; the file holds them all."""
_NOTHING = ("", "[]", "{}", "null")
"""Payloads without any content."""


@dataclass(slots=True)
class Shown:
    """What a person sees of one part.

    body: the payload; empty where nothing is sent of a target without data, then `target` tells of it.
    first, last, total: which records these are, counted from 1; kept: data that stay, and why; asked:
    whether they would be sent, or are only shown as examples; held: whether the target has such data at all;
    problem: why there is no payload.
    """

    body: str = ""
    content_type: str = ""
    note: str = ""
    records: int = 0
    first: int = 0
    last: int = 0
    total: int = 0
    part: int = 1
    cut: bool = False
    asked: bool = True
    kept: tuple[str, ...] = ()
    held: bool = True
    target: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return max(-(-self.total // PART), 1)


def show(
    user: Any, target: Any, address: str, kinds: Collection[Kind], *, existing: bool, part: int = 1
) -> Shown:
    """One part of the payload for data of these kinds. No network.

    existing: those that the address does not have, as "share existing data" would send them; otherwise all,
    as examples of what would be sent of new data.
    """
    shown = Shown(asked=existing)
    try:
        outlook = _outlook(user, target, address, kinds, existing=existing)
        shown.total = outlook.count()
        shown.part = min(max(part, 1), shown.parts)
        start = (shown.part - 1) * PART
        shown.first, shown.last = min(start + 1, shown.total), min(start + PART, shown.total)
        sample = outlook.part(start, PART)
        shown.kept = sample.left_out
        made = sample.preview()
    except (ConfigurationError, DeliveryError) as error:
        shown.problem = str(error)
        return shown
    shown.records = len(sample.batch.records)
    shown.content_type, shown.note = made.content_type, made.note
    shown.body, shown.cut = made.body[:LONGEST], len(made.body) > LONGEST
    if not shown.total:
        shown.held = bool(inventory.count(user, target.pk, kinds))
        if existing and shown.held:
            shown.body = ""
        elif made.body.strip() in _NOTHING:
            shown.body, shown.target = "", tuple(_told(sample.batch.target))
    return shown


def _told(target: Target) -> Iterator[tuple[str, str]]:
    """What a destination learns of a target, by name."""
    yield "Name", target.name
    if target.aliases:
        yield "Aliases", ", ".join(target.aliases)
    if target.sidereal and target.position.ra is not None and target.position.dec is not None:
        yield "RA, Dec", f"{target.position.ra:.6f} {target.position.dec:+.6f} deg"
    yield from target.extras.items()


def whole(user: Any, target: Any, address: str, kinds: Collection[Kind], *, existing: bool) -> Iterator[str]:
    """All parts, as one call after the other would send them, each under a line of its own.

    Raises `ConfigurationError` before the first line.
    """
    return _lines(_outlook(user, target, address, kinds, existing=existing))


def _outlook(user: Any, target: Any, address: str, kinds: Collection[Kind], *, existing: bool) -> Outlook:
    blind = not one_time.may_follow(user, target, address)
    return Outlook(address, target, user_id=user.pk, kinds=kinds, unsent=existing, blind=blind)


def _lines(outlook: Outlook) -> Iterator[str]:
    for number, sample in enumerate(outlook.calls(), start=1):
        yield f"--- call {number}: {phrases.number(len(sample.batch.records))}\n"
        for left in sample.left_out:
            yield f"--- stays here: {left}\n"
        if not sample.batch.records:
            continue
        try:
            made = sample.preview()
        except (ConfigurationError, DeliveryError) as error:
            yield f"--- cannot be made: {error}\n"
            return
        yield f"{made.body}\n"
