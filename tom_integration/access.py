"""Check the rights of users on shares, in this place only, for REST, pages, tags and admin alike.

The rule: `tom_targets.{view,add,change,delete}_persistentshare`, given to the user or to a group of theirs,
globally or for one share, *and* `change_target` on the share's target, globally or for that target. A public
target gives nobody the right to change it. Anonymous and inactive users may do nothing.

A destination with `GROUPS` is for their members, and for superusers: nobody else may choose it, or see or act
on what is shared there.

What goes to a destination with `APPROVAL` is approved by a user with `sharecore.approve_share` who may change
the target.

The ledger of a target at a destination has the rights of the continuous share there. Where there is none (it
was deleted, or only one-time shares were made), a user needs the right on all shares. Sharing once needs only
`change_target`, so its user may not be shown which data the destination has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from guardian.shortcuts import get_objects_for_user
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model
from tom_targets.base_models import get_target_model_app_label
from tom_targets.models import PersistentShare, TargetList, get_target_model_class

from sharecore.exceptions import Problem
from sharecore.texts import listed
from tom_integration import conf, site
from tom_integration.mapping.data_files import CHOSEN_MODELS, SHARED_MODELS, by_model, existing
from tom_integration.models import (
    TO_APPROVE,
    Activity,
    AtAddress,
    Attempt,
    Delivery,
    InboxRecord,
    Outbox,
    Report,
    ShareRule,
    at_destination,
)

Action = Literal["view", "add", "change", "delete"]
REFUSAL = "You have no permission to do this with continuous shares."
Place = tuple[str, int]
"""A datum: model and primary key."""
_ALL = Q()
_Rows = TypeVar("_Rows", Delivery, InboxRecord)


def targets_for_shares(user: Any) -> QuerySet[Any]:
    """Return the targets that a user may change, and so may share and see the shares of, if at all."""
    targets: QuerySet[Any] = get_target_model_class().objects.all()
    if not _acts(user):
        return targets.none()
    permitted: QuerySet[Any] = get_objects_for_user(user, "change_target", klass=targets)
    return permitted


def lists_for(user: Any) -> QuerySet[Any]:
    """Return the target lists that a user may view, by tomtoolkit's own right."""
    if not _acts(user):
        return TargetList.objects.none()  # type: ignore[no-any-return]
    right = "tom_targets.view_targetlist"
    permitted: QuerySet[Any] = get_objects_for_user(user, right, klass=TargetList)
    return permitted


def shares_for(user: Any, action: Action) -> QuerySet[Any]:
    """Return the shares that a user may view, change or delete; none for "add", which needs no share."""
    shares: QuerySet[Any] = PersistentShare.objects.all()
    if not _acts(user) or action == "add":
        return shares.none()
    for name in closed_to(user):
        shares = shares.exclude(at_destination(name))
    permitted: QuerySet[Any] = get_objects_for_user(user, f"{action}_persistentshare", klass=shares)
    if user.has_perm(f"{get_target_model_app_label()}.change_target"):
        return permitted  # The right is on every target: save a condition over millions of them.
    return permitted.filter(target_id__in=targets_for_shares(user).values("pk"))


def holds(user: Any, action: Action) -> bool:
    """Return True when the user has this right globally or (unless it is `add`) for any share.

    The answer depends on the rights of the user only, and shows nothing of existing shares.
    """
    if not _acts(user):
        return False
    if _everywhere(user, action):
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
    if not _acts(user) or action == "add":
        return outboxes.none()
    if user.is_superuser:
        return outboxes
    outboxes = outboxes.exclude(destination__in=closed_to(user))
    permitted = Q(share_id__in=shares_for(user, action).values("pk"))
    if _everywhere(user, action):
        permitted |= Q(share_id=None, target_id__in=targets_for_shares(user).values("pk"))
    return outboxes.filter(permitted)


def may_approve(user: Any) -> bool:
    """Return True when the user may approve what is sent to destinations with `APPROVAL`, of some targets."""
    return _acts(user) and bool(user.has_perm("sharecore.approve_share"))


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
    rows = Delivery.objects.filter(TO_APPROVE)
    if not may_approve(user):
        return rows.none()
    rows = rows.exclude(destination__in=closed_to(user))
    if not user.has_perm(f"{get_target_model_app_label()}.change_target"):
        rows = rows.filter(outbox__target_id__in=targets_for_shares(user).values("pk"))
    return of_visible_data(user, rows)


def sees_all_shares(user: Any, target: Any = None) -> bool:
    """Return True when no share (of this target) is hidden from the user."""
    if not _everywhere(user, "view") or closed_to(user):
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
    return _everywhere(user, action) and targets_for_shares(user).filter(pk=outbox.target_id).exists()


def deliveries_for(user: Any, share: Any) -> QuerySet[Delivery]:
    """Return the deliveries of a share or outbox, without data that the user may not see.

    The right of the user on the share or outbox is checked before.
    """
    mine = Q(outbox=share) if isinstance(share, Outbox) else Q(outbox__share_id=share.pk)
    return of_visible_data(user, Delivery.objects.filter(mine), Q(target_id=share.target_id))


def visible_deliveries(user: Any, outboxes: Iterable[Outbox]) -> QuerySet[Delivery]:
    """Return the deliveries of several outboxes, without data that the user may not see."""
    outboxes = list(outboxes)
    targets = Q(target_id__in={each.target_id for each in outboxes})
    rows = Delivery.objects.filter(outbox__in=[each.pk for each in outboxes])
    return of_visible_data(user, rows, targets)


def of_visible_data(user: Any, rows: QuerySet[_Rows], condition: Q = _ALL) -> QuerySet[_Rows]:
    """Return the rows whose datum the user may see; a condition on the data makes the query faster."""
    if not single_data_have_rights():
        return rows
    seen = Q(pk__in=())
    for name, model in SHARED_MODELS.items():
        data = visible(user, model._default_manager.filter(condition))
        seen |= Q(model=name, datum_pk__in=data.values("pk"))
    return rows.filter(seen)


def single_data_have_rights() -> bool:
    """Return True when this TOM gives rights on single data, beside those on their target."""
    return not getattr(settings, "TARGET_PERMISSIONS_ONLY", True)


def visible(user: Any, data: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows of one model that the user may see, for a user who may see the target.

    A report may be seen by who may see its data.
    """
    if not single_data_have_rights():
        return data
    if data.model is Report:
        return data.exclude(pk__in=_with_hidden_data(user, data))
    right = f"tom_dataproducts.view_{data.model._meta.model_name}"
    permitted: QuerySet[Any] = get_objects_for_user(user, right, klass=data)
    return permitted


def with_calls(user: Any, attempts: QuerySet[Attempt]) -> QuerySet[Any]:
    """Return attempts of deliveries that the user may see, with `readable`: the call that they may read.

    A call holds all records that went in it. So nobody reads it from whom some of them may be hidden: who has
    no right on all data, where single data have rights, and anybody who finds the delivery under another
    target, to which its datum was moved.
    """
    nothing = Value(None, output_field=BigIntegerField())
    sees_all = not single_data_have_rights() or all(
        user.has_perm(f"tom_dataproducts.view_{name}") for name in CHOSEN_MODELS
    )
    if not sees_all or not conf.settings().keep_exchanges:
        return attempts.annotate(readable=nothing)
    same_target = When(call__outbox=F("delivery__outbox"), then="call_id")
    return attempts.annotate(readable=Case(same_target, default=nothing))


def permitted(user: Any, places: Iterable[Place], *actions: Action) -> set[Place]:
    """Return the data on which the user has all of these rights, for a user who may change the target.

    Return all data, unless the TOM gives rights on single data.
    """
    if not single_data_have_rights():
        return set(places)
    found: set[Place] = set()
    for name, pks in by_model(places).items():
        data = SHARED_MODELS[name]._default_manager.filter(pk__in=pks)
        if data.model is Report:
            found |= {(name, row.pk) for row in visible(user, data)}
            continue
        rights = [f"tom_dataproducts.{action}_{name}" for action in actions]
        seen = get_objects_for_user(user, rights, klass=data).values_list("pk", flat=True)
        found |= {(name, pk) for pk in seen}
    return found


def _with_hidden_data(user: Any, reports: Iterable[Report]) -> list[int]:
    chosen = {report.pk: set(report.places) for report in reports}
    there = existing(place for places in chosen.values() for place in places)
    hidden = there - permitted(user, there, "view")
    return [pk for pk, places in chosen.items() if places & hidden]


def find_creator(user_id: int | None) -> Any | None:
    """Return the user with whose rights a share acts, read anew; None for a deleted user."""
    return None if user_id is None else get_user_model().objects.filter(pk=user_id).first()


def may_use(user: Any, destination: str) -> bool:
    """Return True when the user may share to a destination; None is the site, which is in no group."""
    groups = _groups_of(destination)
    if not groups:
        return True
    if not _acts(user):
        return False
    return bool(user.is_superuser) or user.groups.filter(name__in=groups).exists()


def closed_to(user: Any) -> list[str]:
    """Return the destinations to which a user may not share."""
    restricted = {name: set(each.groups) for name, each in site.destinations().items() if each.groups}
    if not restricted or (_acts(user) and user.is_superuser):
        return []
    mine = set(user.groups.values_list("name", flat=True)) if _acts(user) else set()
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
        only = _named(_groups_of(destination))
        return f"only members of {only} may share there; one of them must adopt it" if only else ""
    user = find_creator(user_id)
    if user is None:
        return "the user who made this share was deleted; a user with rights must adopt it"
    if not user.is_active:
        return (
            f"{user.get_username()}, who made this share, has no active account; another user must adopt it"
        )
    if not may_use(user, destination):
        only = _named(_groups_of(destination))
        return (
            f"{user.get_username()}, who made this share, is not a member of {only}; a member must adopt it"
        )
    if not targets_for_shares(user).filter(pk=target.pk).exists():
        return f"{user.get_username()}, who made this share, has no right to change the target"
    return ""


def rules_for(user: Any, action: Action) -> QuerySet[ShareRule]:
    """Return the rules that a user may view, change or delete: their own; all, with that right on all shares.

    None for "add", which needs the right to add shares; the right on each target is checked with the target.
    """
    if not _acts(user) or action == "add":
        return ShareRule.objects.none()
    rules = ShareRule.objects.exclude(destination__in=closed_to(user))
    return rules if _everywhere(user, action) else rules.filter(creator_id=user.pk)


def activity_for(user: Any) -> AtAddress[Activity]:
    """Return the activity of the shares, rules and destinations that a user may view.

    A row of a target has the rights of the ledger of the target at its destination.
    """
    rows = Activity.objects.all()
    if not _acts(user):
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
    whole = Q() if _everywhere(user, "view") else whole
    return rows.exclude(destination__in=closed_to(user)).filter(Exists(ledger) | Q(target_id=None) & whole)


def maker_objection(user_id: int | None, destination: str) -> str:
    """Return the reason why a rule of this user makes no shares at a destination; empty when it may."""
    user = find_creator(user_id)
    if user is None:
        return "the user who made this rule was deleted; a user with rights must save it again"
    if not user.is_active:
        return f"{user.get_username()}, who made this rule, has no active account; another user must save it"
    if not holds(user, "add"):
        return f"{user.get_username()}, who made this rule, has no right to add shares any more"
    if not may_use(user, destination):
        only = _named(_groups_of(destination))
        return f"{user.get_username()}, who made this rule, is not a member of {only}; a member must save it"
    return ""


def hidden_from_creator(user_id: int | None, model: str, pks: Iterable[int]) -> set[int]:
    """Return the data that the user may not see: none, unless the TOM gives rights on single data."""
    pks = set(pks)
    user = find_creator(user_id)
    if user is None:
        return set()
    return pks - {pk for _, pk in permitted(user, ((model, pk) for pk in pks), "view")}


def _everywhere(user: Any, action: Action) -> bool:
    """Return True when the user has this right on all shares."""
    return _acts(user) and bool(user.has_perm(f"tom_targets.{action}_persistentshare"))


def _named(groups: tuple[str, ...]) -> str:
    return f"the group {listed(groups, 'or')}" if groups else ""


def _acts(user: Any) -> bool:
    return bool(user is not None and user.is_authenticated and user.is_active)
