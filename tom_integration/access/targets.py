"""Check the rights of users on targets and target lists."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from guardian.shortcuts import get_objects_for_user
from tom_targets.models import TargetList, get_target_model_class


def targets_for_shares(user: Any) -> QuerySet[Any]:
    """Return the targets that a user may change, and so may share and see the shares of, if at all."""
    targets: QuerySet[Any] = get_target_model_class().objects.all()
    if not acts(user):
        return targets.none()
    permitted: QuerySet[Any] = get_objects_for_user(user, "change_target", klass=targets)
    return permitted


def lists_for(user: Any) -> QuerySet[Any]:
    """Return the target lists that a user may view, by tomtoolkit's own right."""
    if not acts(user):
        return TargetList.objects.none()  # type: ignore[no-any-return]
    right = "tom_targets.view_targetlist"
    permitted: QuerySet[Any] = get_objects_for_user(user, right, klass=TargetList)
    return permitted


def acts(user: Any) -> bool:
    return bool(user is not None and user.is_authenticated and user.is_active)
