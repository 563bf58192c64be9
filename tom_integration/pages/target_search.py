"""Find targets by a part of a name or alias, and show only a few, since a TOM can have millions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from tom_targets.models import TargetName

from sharecore.targets import simple_name
from tom_integration import access
from tom_integration.mapping.target_fields import SIMPLE_NAME

SHOWN = 10
SHORTEST = 2
"""Characters that a person must type before a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Hold one target that was found."""

    pk: int
    name: str
    aliases: tuple[str, ...] = ()
    """The aliases that match the typed text."""


def search(user: Any, text: str) -> tuple[list[Found], bool]:
    """Return targets that the user may share, and whether there are more."""
    text = text.strip()
    if len(text) < SHORTEST:
        return [], False
    contained = Q(name__icontains=text)
    if len(simple := simple_name(text)) >= SHORTEST:
        contained |= Q(simple__contains=simple)
    named, matching = _by(user, contained)
    rows = list(matching.order_by("name")[: SHOWN + 1])
    aliases: dict[int, list[str]] = {}
    for alias in named.filter(target_id__in=[row.pk for row in rows]).order_by("name"):
        aliases.setdefault(alias.target_id, []).append(alias.name)
    found = [Found(pk=row.pk, name=row.name, aliases=tuple(aliases.get(row.pk, ()))) for row in rows]
    return found[:SHOWN], len(rows) > SHOWN


def exact(user: Any, text: str) -> Any | None:
    """Return the only target with this name or alias that the user may share; None for none or several."""
    for equal in (Q(name__iexact=text), Q(simple=simple_name(text)) & ~Q(simple="")):
        rows = list(_by(user, equal)[1][:2])
        if rows:
            return rows[0] if len(rows) == 1 else None
    return None


def _by(user: Any, condition: Q) -> tuple[QuerySet[TargetName], QuerySet[Any]]:
    """Return the aliases for which a condition holds, and the targets with such a name or alias."""
    named = TargetName.objects.alias(simple=SIMPLE_NAME).filter(condition)
    targets = access.targets_for_shares(user).alias(simple=SIMPLE_NAME)
    return named, targets.filter(condition | Q(pk__in=named.values("target_id")))
