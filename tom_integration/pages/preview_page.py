"""Show exactly what would be sent, after the rules of the site: in parts to read, or all as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.targets import Target
from tom_integration.outbox.limits import Limits
from tom_integration.pages import one_time, passing, phrases
from tom_integration.services import passing_data
from tom_integration.services.preview import Outlook

PART = 20
"""Records in one part."""
LONGEST = 40_000
"""Characters of a part that are shown; the file has all."""
_NOTHING = ("", "[]", "{}", "null")
"""Payloads without any content."""


@dataclass(slots=True)
class PreviewPart:
    """Hold one part of the preview."""

    body: str = ""
    """The payload; empty for a target without data, which `target` describes then."""
    content_type: str = ""
    note: str = ""
    records: int = 0
    first: int = 0
    """The number of the first record of the part, counted from 1."""
    last: int = 0
    total: int = 0
    """The number of records in all parts."""
    part: int = 1
    cut: bool = False
    asked: bool = True
    """True when the records would be sent, False when they are examples."""
    kept: tuple[str, ...] = ()
    """Data that would not leave, each with the reason."""
    has_data: bool = True
    """False when the target has no such data."""
    target: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    """The reason why there is no payload."""

    @property
    def parts(self) -> int:
        """Return the number of parts."""
        return max(-(-self.total // PART), 1)


def show(
    user: Any, target: Any, address: str, limits: Limits, *, existing: bool, part: int = 1
) -> PreviewPart:
    """Return one part of the payload for the data that pass these limits, without the network.

    Args:
        user: the user, whose rights limit the data.
        target: the target.
        address: `name` or `name:topic`.
        limits: the filters and dates of the share, beside those of the destination.
        existing: True for the data that "share existing data" would send, False for all data, as examples of
            what would be sent of new ones.
        part: the number of the part, from 1.
    """
    shown = PreviewPart(asked=existing)
    try:
        outlook = _outlook(user, target, address, limits, existing=existing)
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
        filters = [*passing.of_address(address).filters, *limits.filters]
        shown.has_data = bool(passing_data.count(user, Q(target_id=target.pk), filters).passing)
        if existing and shown.has_data:
            shown.body = ""
        elif made.body.strip() in _NOTHING:
            shown.body, shown.target = "", tuple(_description(sample.batch.target))
    return shown


def _description(target: Target) -> Iterator[tuple[str, str]]:
    """Yield what a destination learns of a target, by name."""
    yield "Name", target.name
    if target.aliases:
        yield "Aliases", ", ".join(target.aliases)
    if target.sidereal and target.position.ra is not None and target.position.dec is not None:
        yield "RA, Dec", f"{target.position.ra:.6f} {target.position.dec:+.6f} deg"
    yield from target.extras.items()


def whole(user: Any, target: Any, address: str, limits: Limits, *, existing: bool) -> Iterator[str]:
    """Return all parts, in the batches of the calls, each under a line of its own.

    Raises:
        ConfigurationError: there is no such destination; raised before the first line.
    """
    return _lines(_outlook(user, target, address, limits, existing=existing))


def _outlook(user: Any, target: Any, address: str, limits: Limits, *, existing: bool) -> Outlook:
    blind = not one_time.may_follow(user, target, address)
    return Outlook(
        address,
        target,
        user_id=user.pk,
        filters=limits.filters,
        releases=limits.releases,
        unsent=existing,
        blind=blind,
    )


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
