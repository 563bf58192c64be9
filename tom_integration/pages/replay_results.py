"""Say what came of the records that somebody sent again, from the ledger as it is now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Count, QuerySet

from sharecore.delivery import NEEDS_PERSON, OPEN, State
from tom_integration import access
from tom_integration.models import Activity, Delivery, Outbox
from tom_integration.pages import phrases


def results(rows: Collection[Activity], user: Any) -> Mapping[int, str]:
    """Return a sentence for each replay among these entries, by primary key.

    It counts the records that the user may see, by an index. What was sent again once more counts there.

    Args:
        rows: entries of the activity.
        user: the user; None for the operator, who may see all.
    """
    pks = [row.pk for row in rows if row.what == Activity.What.REPLAYED]
    if not pks:
        return {}
    found: QuerySet[Delivery] = Delivery.objects.filter(replayed__in=pks)
    if user is not None:
        mine = access.outboxes_for(user, "view").order_by().values("pk")
        found = access.of_visible_data(user, found.filter(outbox__in=mine))
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for pk, state, number in found.order_by().values_list("replayed", "state").annotate(number=Count("pk")):
        counts[pk][state] = number
    waiting = Outbox.objects.exclude(replay="")
    begun = {pk: not waiting.filter(replay__contains=f'"entry": {pk},').exists() for pk in pks}
    return {pk: _sentence(counts[pk], begun=begun[pk]) for pk in pks}


def _sentence(counts: Counter[str], *, begun: bool) -> str:
    """Return how many are there; without `begun`, workers have more to look at."""
    if not (total := counts.total()):
        return "" if begun else "A worker begins when it looks next"
    there = counts[State.DELIVERED]
    said = [f"{there:,} of {total:,} {'is' if total == 1 else 'are'} there{'' if begun else ' so far'}"]
    if number := sum(counts[state] for state in NEEDS_PERSON):
        said.append(phrases.action_needed(number))
    if number := sum(counts[state] for state in OPEN | {State.TO_APPROVE}):
        said.append(f"{number:,} {'waits' if number == 1 else 'wait'}")
    if number := total - there - sum(counts[state] for state in NEEDS_PERSON | OPEN | {State.TO_APPROVE}):
        said.append(f"{number:,} {'was' if number == 1 else 'were'} not sent")
    return ", ".join(said)
