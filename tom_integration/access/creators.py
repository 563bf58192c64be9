"""Check whether a share or rule may still act for the user who made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from tom_integration import site
from tom_integration.access.data import permitted
from tom_integration.access.destinations import groups_in_words, may_use
from tom_integration.access.shares import holds
from tom_integration.access.targets import targets_for_shares


def find_creator(user_id: int | None) -> Any | None:
    """Return the user with whose rights a share acts, read anew; None for a deleted user."""
    return None if user_id is None else get_user_model().objects.filter(pk=user_id).first()


def creator_objection(user_id: int | None, target: Any, destination: str) -> str:
    """Return the reason why a share of this user may send nothing of this target; empty when it may.

    A share acts with the rights that its creator has at the time of sending. A share without a user (older
    than this app, or made by the site) acts as the site.

    Args:
        user_id: the primary key of the creator; None for the site.
        target: the target.
        destination: the name of the destination.
    """
    if user_id is None:
        if only := groups_in_words(destination):
            return f"only members of {only} may share there; one of them must adopt it"
        known = site.destinations().get(destination)
        told = "each person shares there with their own key, and this share has no user; one must adopt it"
        return told if known is not None and known.personal else ""
    user: Any = find_creator(user_id)
    if objection := _objection(user, "share", "adopt it", destination):
        return objection
    if not targets_for_shares(user).filter(pk=target.pk).exists():
        return f"{user.get_username()}, who made this share, has no right to change the target"
    return ""


def maker_objection(user_id: int | None, destination: str) -> str:
    """Return the reason why a rule of this user makes no shares at a destination; empty when it may."""
    user: Any = find_creator(user_id)
    if objection := _objection(user, "rule", "save it", destination):
        return objection
    if not holds(user, "add"):
        return f"{user.get_username()}, who made this rule, has no right to add shares any more"
    return ""


def _objection(user: Any, made: str, remedy: str, destination: str) -> str:
    if user is None:
        return f"the user who made this {made} was deleted; a user with rights must {remedy}"
    who = f"{user.get_username()}, who made this {made},"
    if not user.is_active:
        return f"{who} has no active account; another user must {remedy}"
    if not may_use(user, destination):
        return f"{who} is not a member of {groups_in_words(destination)}; a member must {remedy}"
    return ""


def hidden_from_creator(user_id: int | None, model: str, pks: Iterable[int]) -> set[int]:
    """Return the data that the user may not see: none, unless the TOM gives rights on single data."""
    pks = set(pks)
    user: Any = find_creator(user_id)
    if user is None:
        return set()
    return pks - {pk for _, pk in permitted(user, ((model, pk) for pk in pks), "view")}
