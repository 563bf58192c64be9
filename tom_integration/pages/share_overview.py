"""Summarize many shares in one query: how many are in each state, and what a destination holds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet

from sharecore.addresses import Address
from sharecore.times import minute
from tom_integration import site
from tom_integration.models import Outbox
from tom_integration.pages import phrases, removed_destinations
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_cause import OF_DESTINATION, Cause
from tom_integration.pages.share_status import STATUS, ShareStatus
from tom_integration.pages.status_reasons import common


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold the shares of one state; those that wait for a destination which is down are a part each."""

    status: ShareStatus
    number: int
    text: str
    destination: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Hold what is true of all shares that a user has chosen."""

    parts: tuple[Part, ...]
    blocked: Counter[str]
    """The number of shares by the text on the destination that holds them up."""

    def number(self, state: str) -> int:
        """Return the number of shares in a state; that of all for an empty text."""
        return sum(each.number for each in self.parts if state in ("", each.status))


def overview(shares: QuerySet[Any], around: Around) -> Overview:
    """Return the overview of shares that the user may view."""
    outboxes = Outbox.objects.filter(share_id__in=shares.order_by().values("pk"))
    rows = around.annotated(outboxes).order_by().values_list("destination", "topic", "cause")
    numbers: Counter[tuple[ShareStatus, str]] = Counter()
    blocked: Counter[str] = Counter()
    for name, topic, text, number in rows.annotate(number=Count("pk")):
        cause, address = Cause(text), Address(name, topic)
        numbers[STATUS[cause], name if cause is Cause.DOWN else ""] += number
        if cause in OF_DESTINATION and removed_destinations.is_known(str(address)):
            blocked[common(cause, address, around)] += number
    # A share that was made in bulk has no outbox until a worker looks at it.
    numbers[ShareStatus.WAITING, ""] += shares.count() - numbers.total()
    parts = [_part(status, name, number, around) for (status, name), number in numbers.items() if number > 0]
    order = list(reversed(ShareStatus))
    parts.sort(key=lambda part: (order.index(part.status), not part.destination, part.destination))
    return Overview(parts=tuple(parts), blocked=blocked)


def _part(status: ShareStatus, name: str, number: int, around: Around) -> Part:
    text = phrases.of_shares(number, status.label)
    if status is ShareStatus.ACTION_NEEDED:
        text = phrases.action_needed(number, "share").capitalize()
    row = around.failing(Address(name)) if name else None
    if row is not None:
        text += f" for {site.display_name(name)}"
        if row.down_since is not None:
            text += f" since {minute(row.down_since, around.now)}"
    return Part(status=status, number=number, text=text, destination=name)
