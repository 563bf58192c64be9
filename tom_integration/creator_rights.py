"""A share acts with the rights of the user who made it, as they are when something is about to leave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from tom_integration.access import single_data_have_rights, targets_for_shares, visible
from tom_integration.mapping.data_files import SHARED_MODELS


def find_user(user_id: int | None) -> Any | None:
    """The user as the database has them now, so that no right is remembered; None when they are gone."""
    return None if user_id is None else get_user_model().objects.filter(pk=user_id).first()


def objection(user_id: int | None, target: Any) -> str:
    """Why a share of this user may send nothing of this target; empty when it may.

    A share without a user (older than this app, or made by the site) acts as the site.
    """
    if user_id is None:
        return ""
    user = find_user(user_id)
    if user is None:
        return "the user who made this share is gone; somebody with rights has to adopt it"
    if not user.is_active:
        return f"{user.get_username()}, who made this share, has no active account; somebody has to adopt it"
    if not targets_for_shares(user).filter(pk=target.pk).exists():
        return f"{user.get_username()}, who made this share, has no right to change the target"
    return ""


def hidden(user_id: int | None, model: str, pks: Iterable[int]) -> set[int]:
    """Which of these data the user may not see: none, unless the TOM gives rights for each datum."""
    pks = set(pks)
    user = find_user(user_id)
    if user is None or not single_data_have_rights():
        return set()
    seen = visible(user, SHARED_MODELS[model]._default_manager.filter(pk__in=pks))
    return pks - set(seen.values_list("pk", flat=True))
