"""Count where action is needed, for the navigation bar of each page of the TOM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.db.models import CharField, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value
from django.urls import reverse
from tom_targets.models import BaseTarget

from sharecore.addresses import Address
from tom_integration import access, site
from tom_integration.models import Outbox
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_cause import NEEDING, OF_SITE, Cause
from tom_integration.pages.share_status import StatusSummary, summaries

_RULE = "rule"
_APPROVAL = "approvals"
LISTED = 10
"""One-time shares that the page of shares lists, the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Hold the one-time shares of a target at a destination that need action."""

    name: str
    page: str
    state: StatusSummary


def number(user: Any) -> int:
    """Return how many things need action, of those that the user may view.

    These are shares, one-time shares, outboxes with records to approve, rules that make no shares, and what
    stops many shares: a destination counts once, when it refuses us or is down for so long that a mail says
    so, and so does a TOM without a worker.
    """
    try:
        return _count(user)
    except DatabaseError:
        return 0  # The tables do not exist yet, and no page of the TOM may fail for that.


def shared_once(user: Any, around: Around, target: Any | None) -> list[Once]:
    """Return the one-time shares (of a target) that need action, the newest first: no share shows them."""
    outboxes = _viewed(user).filter(share_id=None)
    if target is not None:
        outboxes = outboxes.filter(target_id=target.pk)
    found = around.needing(outboxes).filter(cause__in=NEEDING).order_by("-pk")
    rows = list(Outbox.objects.filter(pk__in=list(found.values_list("pk", flat=True)[:LISTED])))
    states = summaries(rows, user, around)
    targets = BaseTarget.objects.filter(pk__in=[each.target_id for each in rows])
    names = dict(targets.values_list("pk", "name"))
    return [
        Once(
            name=f"{names[each.target_id]} to {site.label(str(each.address))}",
            page=reverse("sharing:history", args=[each.target_id, each.pk]),
            state=states[each.pk],
        )
        for each in sorted(rows, key=lambda row: -row.pk)
        if each.pk in states and each.target_id in names
    ]


def _viewed(user: Any) -> QuerySet[Outbox]:
    """Return the outboxes with a page that the user may view: without a share, it is that of the target."""
    there = Exists(BaseTarget.objects.filter(pk=OuterRef("target_id")))
    return access.outboxes_for(user, "view").filter(Q(share_id__isnull=False) | Q(there))


def _count(user: Any) -> int:
    around = Around.read(user)
    found = around.needing(_viewed(user)).order_by()
    rows = found.values_list("destination", "topic", "cause").annotate(number=Count("pk"))
    rules = access.rules_for(user, "view").exclude(problem="").order_by()
    one = {
        "cause": Value(_RULE, output_field=CharField()),
        "number": Value(1, output_field=IntegerField()),
    }
    alone, causes, long_down = 0, set(), around.long_down
    rules = rules.annotate(**one).values_list("destination", "topic", *one)
    every = rows.union(rules, *_to_approve(user), all=True)
    for name, topic, text, number in every:
        cause = text if text in (_RULE, _APPROVAL) else Cause(text)
        if cause == Cause.MISCONFIGURED:
            causes.add((cause, name))
        elif cause == Cause.REFUSED:
            causes.add((cause, str(around.refusing(Address(name, topic)))))
        elif cause == Cause.DOWN:
            row = around.failing(Address(name, topic))
            if row is not None and (row.destination, row.topic) in long_down:
                causes.add((cause, str(row)))
        elif cause in OF_SITE:
            causes.add((cause, ""))
        elif cause in (Cause.RECORDS, Cause.STOPPED, _RULE, _APPROVAL):
            alone += number
    return alone + len(causes)


def _to_approve(user: Any) -> list[QuerySet[Any, Any]]:
    """Count the outboxes with records that the user may approve, by address; the shares may be
    hidden from the user."""
    if not access.may_approve(user):
        return []
    found = Outbox.objects.filter(pk__in=access.approvable(user).values("outbox")).order_by()
    named = found.annotate(cause=Value(_APPROVAL, output_field=CharField()))
    return [
        named.values("destination", "topic", "cause")
        .annotate(number=Count("pk"))
        .values_list("destination", "topic", "cause", "number")
    ]
