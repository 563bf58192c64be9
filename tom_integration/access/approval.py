"""Check who may approve what is sent to destinations with `APPROVAL`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet
from tom_targets.base_models import get_target_model_app_label

from tom_integration.access.data import of_visible_data
from tom_integration.access.destinations import closed_to
from tom_integration.access.targets import acts, targets_for_shares
from tom_integration.models import TO_APPROVE, Delivery


def may_approve(user: Any) -> bool:
    """Return True when the user may approve what is sent to destinations with `APPROVAL`, of some targets."""
    return acts(user) and bool(user.has_perm("sharecore.approve_share"))


def approvers() -> QuerySet[Any]:
    """Return the users to whom the right to approve was given, by themselves or by a group."""
    given = Q(codename="approve_share", content_type__app_label="sharecore")
    right = Permission.objects.filter(given)
    by_either = Q(user_permissions__in=right) | Q(groups__permissions__in=right)
    return get_user_model()._default_manager.filter(by_either, is_active=True)


def approvable(user: Any) -> QuerySet[Delivery]:
    """Return the deliveries that wait for approval and that the user may approve or decline.

    It needs the right to approve, the right to change the target, and a destination that is open to the user;
    no right on the share.
    """
    return _of_approver(user, Delivery.objects.filter(TO_APPROVE))


def asked_before(user: Any) -> QuerySet[Delivery]:
    """Return the deliveries for which approval was ever asked, of those that the user would have approved."""
    return _of_approver(user, Delivery.objects.exclude(asked=""))


def _of_approver(user: Any, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    if not may_approve(user):
        return rows.none()
    rows = rows.exclude(destination__in=closed_to(user))
    if not user.has_perm(f"{get_target_model_app_label()}.change_target"):
        rows = rows.filter(outbox__target_id__in=targets_for_shares(user).values("pk"))
    return of_visible_data(user, rows)
