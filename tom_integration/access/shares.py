"""Check the rights of users on shares, rules and the ledger."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, Q, QuerySet
from guardian.shortcuts import get_objects_for_user
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model
from tom_targets.base_models import get_target_model_app_label
from tom_targets.models import PersistentShare

from tom_integration.access.destinations import closed_to, may_use
from tom_integration.access.targets import acts, targets_for_shares
from tom_integration.models import (
    Activity,
    AtAddress,
    Outbox,
    ShareRule,
    at_destination,
)

Action = Literal["view", "add", "change", "delete"]
REFUSAL = "You have no permission to do this with continuous shares."


def shares_for(user: Any, action: Action) -> QuerySet[Any]:
    """Return the shares that a user may view, change or delete; none for "add", which needs no share."""
    shares: QuerySet[Any] = PersistentShare.objects.all()
    if not acts(user) or action == "add":
        return shares.none()
    for name in closed_to(user):
        shares = shares.exclude(at_destination(name))
    permitted: QuerySet[Any] = get_objects_for_user(user, f"{action}_persistentshare", klass=shares)
    if user.has_perm(f"{get_target_model_app_label()}.change_target"):
        return permitted  # The right is on every target: save a condition over millions of them.
    return permitted.filter(target_id__in=targets_for_shares(user).values("pk"))


def everywhere(user: Any, action: Action) -> bool:
    """Return True when the user has this right on all shares."""
    return acts(user) and bool(user.has_perm(f"tom_targets.{action}_persistentshare"))


def holds(user: Any, action: Action) -> bool:
    """Return True when the user has this right globally or (unless it is `add`) for any share.

    The answer depends on the rights of the user only, and shows nothing of existing shares.
    """
    if not acts(user):
        return False
    if everywhere(user, action):
        return True
    if action == "add":
        return False
    codename = f"{action}_persistentshare"
    permission = Q(
        permission__codename=codename,
        permission__content_type=ContentType.objects.get_for_model(PersistentShare),
    )
    given = get_user_obj_perms_model(PersistentShare).objects.filter(permission, user=user)
    by_group = get_group_obj_perms_model(PersistentShare).objects.filter(permission, group__user=user)
    return bool(given.exists() or by_group.exists())


def outboxes_for(user: Any, action: Action) -> QuerySet[Outbox]:
    """Return the outboxes whose deliveries a user may view or change, one-time shares included."""
    outboxes = Outbox.objects.all()
    if not acts(user) or action == "add":
        return outboxes.none()
    if user.is_superuser:
        return outboxes
    outboxes = outboxes.exclude(destination__in=closed_to(user))
    permitted = Q(share_id__in=shares_for(user, action).values("pk"))
    if everywhere(user, action):
        permitted |= Q(share_id=None, target_id__in=targets_for_shares(user).values("pk"))
    return outboxes.filter(permitted)


def sees_all_shares(user: Any, target: Any = None) -> bool:
    """Return True when no share (of this target) is hidden from the user."""
    if not everywhere(user, "view") or closed_to(user):
        return False
    if target is None:
        return bool(user.has_perm(f"{get_target_model_app_label()}.change_target"))
    return targets_for_shares(user).filter(pk=target.pk).exists()


def may(
    user: Any, action: Action, share: Any = None, target: Any = None, outbox: Outbox | None = None
) -> bool:
    """Return True when the user has the right to act on a share, an outbox or some share of a target.

    With none of them, return `holds`.

    Args:
        user: the user.
        action: the right.
        share: the continuous share.
        target: a target, of the TOM's target model or its base.
        outbox: an outbox with target and address, which need not be in the database.
    """
    if share is not None:
        return shares_for(user, action).filter(pk=share.pk).exists()
    if outbox is not None:
        return _may_with_outbox(user, action, outbox)
    if not holds(user, action):
        return False
    return target is None or targets_for_shares(user).filter(pk=target.pk).exists()


def _may_with_outbox(user: Any, action: Action, outbox: Outbox) -> bool:
    if not may_use(user, outbox.destination):
        return False
    known = Outbox.objects.at(outbox.address).filter(target_id=outbox.target_id).first()
    if known is not None:
        return outboxes_for(user, action).filter(pk=known.pk).exists()
    # The answer must not show whether anything was ever shared there.
    return everywhere(user, action) and targets_for_shares(user).filter(pk=outbox.target_id).exists()


def rules_for(user: Any, action: Action) -> QuerySet[ShareRule]:
    """Return the rules that a user may view, change or delete: their own; all, with that right on all shares.

    None for "add", which needs the right to add shares; the right on each target is checked with the target.
    """
    if not acts(user) or action == "add":
        return ShareRule.objects.none()
    rules = ShareRule.objects.exclude(destination__in=closed_to(user))
    return rules if everywhere(user, action) else rules.filter(creator_id=user.pk)


def activity_for(user: Any) -> AtAddress[Activity]:
    """Return the activity of the shares, rules and destinations that a user may view.

    A row of a target has the rights of the ledger of the target at its destination.
    """
    rows = Activity.objects.all()
    if not acts(user):
        return rows.none()
    if user.is_superuser or sees_all_shares(user):
        return rows
    ledger = outboxes_for(user, "view").filter(
        destination=OuterRef("destination"), topic=OuterRef("topic"), target_id=OuterRef("target_id")
    )
    rules = rules_for(user, "view").values("pk")
    # The number of records that were sent again is told to those who may view them all, or sent them.
    counted = Q(what=Activity.What.REPLAYED) & ~Q(user_id=user.pk)
    whole = Q(rule_id=None) & ~counted | Q(rule_id__in=rules)
    whole = Q() if everywhere(user, "view") else whole
    return rows.exclude(destination__in=closed_to(user)).filter(Exists(ledger) | Q(target_id=None) & whole)
