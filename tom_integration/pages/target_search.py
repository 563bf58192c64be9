"""Finding a target by a part of its name or of an alias: a TOM can have millions, so only a few are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from tom_targets.models import TargetName

from tom_integration import access

SHOWN = 10
SHORTEST = 2
"""Characters that have to be typed before anything is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One target. aliases: those that match what was typed."""

    pk: int
    name: str
    aliases: tuple[str, ...] = ()


def search(user: Any, text: str) -> tuple[list[Found], bool]:
    """Targets that the user may share, and whether there are more than these."""
    text = text.strip()
    if len(text) < SHORTEST:
        return [], False
    named = TargetName.objects.filter(name__icontains=text)
    matching = _by(user, Q(name__icontains=text) | Q(pk__in=named.values("target_id")))
    rows = list(matching.order_by("name")[: SHOWN + 1])
    aliases: dict[int, list[str]] = {}
    for alias in named.filter(target_id__in=[row.pk for row in rows]).order_by("name"):
        aliases.setdefault(alias.target_id, []).append(alias.name)
    found = [Found(pk=row.pk, name=row.name, aliases=tuple(aliases.get(row.pk, ()))) for row in rows]
    return found[:SHOWN], len(rows) > SHOWN


def exact(user: Any, text: str) -> Any | None:
    """The one target with this name or alias that the user may share; None when there is none, or several."""
    named = TargetName.objects.filter(name__iexact=text)
    rows = list(_by(user, Q(name__iexact=text) | Q(pk__in=named.values("target_id")))[:2])
    return rows[0] if len(rows) == 1 else None


def _by(user: Any, condition: Q) -> QuerySet[Any]:
    return access.targets_for_shares(user).filter(condition)
