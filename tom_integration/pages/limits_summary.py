"""Tell what a share sends, and when: its filters and dates, who set them, and what they keep here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from sharecore.exceptions import ConfigurationError
from sharecore.release import FIELD, Release
from tom_integration import site
from tom_integration.models import Delivery, Limited, Outbox, ShareRule
from tom_integration.outbox import limits
from tom_integration.pages import phrases
from tom_integration.pages.counts import LATER
from tom_integration.services import passing_data

DAYS = 5
"""Days of release that the page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Hold what one of the destination, the rule and the share lets through."""

    who: str
    text: str
    fault: str = ""
    """Why the filter cannot be read; nothing is sent then."""
    rule: ShareRule | None = None


def limits_of(outbox: Outbox) -> list[Said]:
    """Return what each that limits a share lets through, the widest first."""
    found = list(_destination(outbox))
    found += [each for each in map(of_level, reversed(outbox.levels)) if each.text or each.fault]
    return found


def _destination(outbox: Outbox) -> Iterator[Said]:
    whole = limits.of_destination(site.destinations().get(outbox.destination))
    text = " ".join(map(str, whole.filters))
    for release in whole.releases:
        text = phrases.join(text, _release(release))
    if text:
        yield Said(who=f"{site.label(str(outbox.address))} takes", text=text)


def _release(release: Release) -> str:
    said = []
    if release.after_days:
        said.append(phrases.after_observation(release.after_days))
    if release.field not in ("", FIELD):
        said.append(f"not before the date in {release.field}")
    text = ", ".join(said)
    return text[:1].upper() + text[1:]


def of_level(limited: Limited) -> Said:
    """Return what a share or a rule lets through, and when."""
    rule = limited if isinstance(limited, ShareRule) else None
    who = f"The rule {rule.name} sends" if rule else "This share sends"
    try:
        text = str(limited.chosen) if limited.chosen else ""
    except ConfigurationError as error:
        return Said(who=who, text="", fault=str(error), rule=rule)
    return Said(who=who, text=phrases.join(text, phrases.dates(limited)), rule=rule)


def staying(user: Any, outbox: Outbox) -> passing_data.Passing | None:
    """Return how many data of the target the filters keep here; None when a filter cannot be read."""
    try:
        filters = limits.of_outbox(outbox).filters
    except ConfigurationError:
        return None
    return (
        passing_data.count(user, Q(target_id=outbox.target_id), filters)
        if filters
        else passing_data.Passing()
    )


def upcoming(rows: QuerySet[Delivery]) -> list[str]:
    """Return which of these deliveries go when, for the first days."""
    days = rows.filter(LATER).order_by().annotate(day=TruncDate("next_at", tzinfo=UTC)).values("day")
    numbers = list(days.annotate(number=Count("pk")).order_by("day")[: DAYS + 1])
    said = [
        f"{phrases.number(each['number'])} {'goes' if each['number'] == 1 else 'go'} on {each['day']}"
        for each in numbers[:DAYS]
    ]
    return [*said, "others go later"] if len(numbers) > DAYS else said
