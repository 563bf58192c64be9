"""Count what needs somebody, for the navigation bar of each page of the TOM: in two queries."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.db.models import CharField, Count, IntegerField, Value

from sharecore.addresses import Address
from tom_integration import access
from tom_integration.models import Outbox
from tom_integration.pages.share_cause import OF_DESTINATION, OF_SITE, Around, Cause

_RULE = "rule"


def number(user: Any) -> int:
    """Return how many things need somebody, of those that the user may view.

    These are shares, rules that make no shares, and what stops many shares: a destination counts once, and so
    does a TOM without a worker.
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
    every = rows.union(rules.annotate(**one).values_list("destination", "topic", *one), all=True)
    for name, topic, text, number in every:
        cause = text if text == _RULE else Cause(text)
        if cause == Cause.MISCONFIGURED:
            causes.add((cause, name))
        elif cause in OF_DESTINATION:
            causes.add((cause, str(around.refusing(Address(name, topic)))))
        elif cause in OF_SITE:
            causes.add((cause, ""))
        elif cause in (Cause.RECORDS, Cause.STOPPED, _RULE):
            alone += number
    return alone + len(causes)
