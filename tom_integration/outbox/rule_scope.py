"""Find the targets that a rule means, those that its creator may share, and those that are not shared yet."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from tom_targets.models import PersistentShare, TargetExtra, TargetList, get_target_model_class

from tom_integration import access
from tom_integration.models import Outbox, ShareRule

_LISTED = TargetList.targets.through._default_manager
_Scope = ShareRule.Scope


def in_scope(rule: ShareRule) -> QuerySet[Any]:
    """Return the targets that a rule means, whoever may share them."""
    return get_target_model_class().objects.filter(_condition(rule))  # type: ignore[no-any-return]


def targets(rule: ShareRule) -> QuerySet[Any]:
    """Return the targets in the scope of a rule that its creator may change, and so share."""
    permitted = access.targets_for_shares(access.find_creator(rule.creator_id))
    return permitted.filter(_condition(rule))


def _condition(rule: ShareRule) -> Q:
    members = _members(rule)
    return Q() if members is None else Q(pk__in=members)


def _members(rule: ShareRule) -> QuerySet[Any, Any] | None:
    """Return the primary keys of the targets that a rule means; None for all targets."""
    match _Scope(rule.scope):
        case _Scope.LIST:
            listed: QuerySet[Any, Any] = _LISTED.filter(targetlist_id=rule.target_list_id)
            pks: QuerySet[Any, Any] = listed.annotate(target=F("basetarget_id")).values("target")
            return pks
        case _Scope.EXTRA:
            tagged: QuerySet[Any, Any] = TargetExtra.objects.filter(key=rule.extra_key)
            if rule.extra_value:
                tagged = tagged.filter(value=rule.extra_value)
            return tagged.values("target")
        case _Scope.ALL:
            return None


def out_of_reach(rule: ShareRule) -> int:
    """Return how many targets in the scope of a rule its creator may not share."""
    return 0 if rule.scope == _Scope.ALL else in_scope(rule).count() - targets(rule).count()


def shares_of(rule: ShareRule) -> QuerySet[Outbox]:
    """Return the outboxes of the shares that a rule made and that have not been ended."""
    return Outbox.objects.filter(rule=rule, share_id__isnull=False)


def unshared(rule: ShareRule) -> QuerySet[Any]:
    """Return the targets that a rule would share now.

    Leave out targets that are shared there already, and those whose share by any rule a person has ended:
    two rules would make it again in turn.
    """
    shared = PersistentShare.objects.filter(target_id=OuterRef("pk"), destination=str(rule.address))
    ended = Outbox.objects.at(rule.address).filter(
        target_id=OuterRef("pk"), share_id__isnull=True, rule__isnull=False
    )
    return targets(rule).filter(~Exists(shared), ~Exists(ended))


def left(rule: ShareRule) -> QuerySet[Outbox]:
    """Return the outboxes of a rule whose shares are to be ended: elsewhere, or of targets that have left."""
    gone = ~Q(destination=rule.destination, topic=rule.topic)
    members = _members(rule)
    if rule.ends and members is not None and not list_is_gone(rule):
        gone |= ~Q(target_id__in=members)
    return shares_of(rule).filter(gone)


def left_objection(outbox: Outbox) -> str:
    """Return the reason why a share sends nothing until the next look at its rule; empty when it sends."""
    rule = outbox.rule
    if rule is None or not _has_left(outbox, rule):
        return ""
    return f"it does not belong to the rule {rule.name} any more, which will end it at its next look"


def _has_left(outbox: Outbox, rule: ShareRule) -> bool:
    """Return whether `left` selects an outbox, without reading the whole list."""
    if outbox.address != rule.address:
        return True
    members = _members(rule)
    if not rule.ends or members is None or members.filter(target=outbox.target_id).exists():
        return False
    return not list_is_gone(rule)


def list_is_gone(rule: ShareRule) -> bool:
    """Return True when the target list of a rule was deleted: which targets it had is not known any more."""
    return rule.scope == _Scope.LIST and not TargetList.objects.filter(pk=rule.target_list_id).exists()
