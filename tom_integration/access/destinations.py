"""Check who may share to a destination with `GROUPS`."""

from __future__ import annotations

from typing import Any

from sharecore.exceptions import Problem
from sharecore.texts import listed
from tom_integration import site
from tom_integration.access.targets import acts


def may_use(user: Any, destination: str) -> bool:
    """Return True when the user may share to a destination; None is the site, which is in no group."""
    groups = _groups_of(destination)
    if not groups:
        return True
    if not acts(user):
        return False
    return bool(user.is_superuser) or user.groups.filter(name__in=groups).exists()


def closed_to(user: Any) -> list[str]:
    """Return the destinations to which a user may not share."""
    restricted = {name: set(each.groups) for name, each in site.destinations().items() if each.groups}
    if not restricted or (acts(user) and user.is_superuser):
        return []
    mine = set(user.groups.values_list("name", flat=True)) if acts(user) else set()
    return [name for name, groups in restricted.items() if not groups & mine]


def refusal_to_use(user: Any, destination: str) -> Problem | None:
    """Return the problem of a user who may not share to a destination, in words that show no other one."""
    if may_use(user, destination):
        return None
    return Problem(
        where=f"The destination {destination!r}",
        what="is not one to which you may share",
        hint="Ask an operator of this TOM.",
    )


def _groups_of(destination: str) -> tuple[str, ...]:
    known = site.destinations().get(destination)
    return known.groups if known else ()


def groups_in_words(destination: str) -> str:
    """Return `the group A or B` for those whose members may share to a destination; empty for everybody."""
    groups = _groups_of(destination)
    return f"the group {listed(groups, 'or')}" if groups else ""
