"""Count what needs somebody, for the navigation bar of each page of the TOM."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.models import CharField, Count, IntegerField, QuerySet, Value

from sharecore.addresses import Address
from tom_integration import access
from tom_integration.models import Outbox
from tom_integration.pages.share_cause import OF_DESTINATION, OF_SITE, Around, Cause

_RULE = "rule"
_APPROVAL = "approvals"


def number(user: Any) -> int:
    """Return how many things need somebody, of those that the user may view.

    These are shares, outboxes with records to approve, rules that make no shares, and what stops
    many shares: a destination counts once, and so does a TOM without a worker.
    """
    try:
        return _count(user)
    except DatabaseError:
        return 0  # The tables do not exist yet, and no page of the TOM may fail for that.


def _count(user: Any) -> int:
    around = Around.read(user)
    shares = access.shares_for(user, "view").values("pk")
    found = around.needing(Outbox.objects.filter(share_id__in=shares)).order_by()
    rows = found.values_list("destination", "topic", "cause").annotate(number=Count("pk"))
    rules = access.rules_for(user, "view").exclude(problem="").order_by()
    one = {
        "cause": Value(_RULE, output_field=CharField()),
        "number": Value(1, output_field=IntegerField()),
    }
    alone, causes = 0, set()
    rules = rules.annotate(**one).values_list("destination", "topic", *one)
    every = rows.union(rules, *_to_approve(user), all=True)
    for name, topic, text, number in every:
        cause = text if text in (_RULE, _APPROVAL) else Cause(text)
        if cause == Cause.MISCONFIGURED:
            causes.add((cause, name))
        elif cause in OF_DESTINATION:
            causes.add((cause, str(around.refusing(Address(name, topic)))))
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
