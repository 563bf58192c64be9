"""Choose shares by name, state, destination, creator and rule, as the page of shares and its buttons do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from tom_targets.models import PersistentShare

from sharecore.addresses import Address
from tom_integration import access, site
from tom_integration.models import Outbox, at_destination
from tom_integration.pages import form_values
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_status import ShareStatus, causes_of

FIELDS = ("q", "state", "destination", "creator", "rule")
"""The fields of a form or query that choose shares."""
SITE = "site"
"""The value of `creator` for shares without a user."""


def filtered(shares: QuerySet[Any], chosen: Mapping[str, Any], around: Around) -> QuerySet[Any]:
    """Return the shares that fit all fields."""
    return in_states(fitting(shares, chosen), [chosen.get("state", "")], around)


def in_states(shares: QuerySet[Any], states: Collection[str], around: Around) -> QuerySet[Any]:
    """Return the shares in any of these states, none in an unknown one; all for no state."""
    states = [each for each in states if each]
    if not states:
        return shares
    found = around.annotated(Outbox.objects.filter(share_id__in=shares.order_by().values("pk")))
    fits = Q(pk__in=found.filter(cause__in=causes_of(*states)).values("share_id"))
    if ShareStatus.WAITING in states:
        fits |= ~Q(Exists(Outbox.objects.filter(share_id=OuterRef("pk"))))
    return shares.filter(fits)


def fitting(shares: QuerySet[Any], chosen: Mapping[str, Any]) -> QuerySet[Any]:
    """Return the shares that fit all fields but the state."""
    # A page of the TOM with our tags takes any text, but PostgreSQL fails on a NUL.
    q, destination, creator, rule = (
        chosen.get(name, "").replace("\0", "").strip() for name in ("q", "destination", "creator", "rule")
    )
    if q:
        named = Q(target__name__icontains=q) | Q(target__aliases__name__icontains=q)
        named |= Q(destination__icontains=q)
        for name, known in site.destinations().items():
            if q.lower() in known.display_name.lower():
                named |= at_destination(name)
        shares = shares.filter(pk__in=PersistentShare.objects.filter(named).values("pk"))
    if destination:
        shares = shares.filter(at_destination(destination))
    if creator:
        shares = shares.filter(user_id=None if creator == SITE else form_values.pk(creator) or 0)
    if rule:
        of_rule = Outbox.objects.filter(rule=form_values.pk(rule) or 0)
        shares = shares.filter(pk__in=of_rule.values("share_id"))
    return shares


def choices(shares: QuerySet[Any], user: Any) -> dict[str, list[tuple[str, str]]]:
    """Return the values with labels that can be chosen among the shares that a user may view."""
    found = set(shares.order_by().values_list("destination", "user_id", "user__username").distinct())
    destinations = {Address.parse(text).name for text, _, _ in found}
    creators = {SITE if pk is None else str(pk): name or "this TOM" for _, pk, name in found}
    rules = access.rules_for(user, "view").order_by("name", "pk").values_list("pk", "name")
    return {
        "destination": sorted((name, site.display_name(name)) for name in destinations),
        "creator": sorted(creators.items(), key=lambda each: each[1]),
        "rule": [(str(pk), name) for pk, name in rules],
    }
