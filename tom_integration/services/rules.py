"""Make, preview, change, pause and end rules, for REST, pages and commands, which check the rights."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import transaction
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.filters import Filter
from sharecore.texts import one_line
from tom_integration import access, clock, share_conflict
from tom_integration.models import Activity, Delivery, Outbox, ShareRule, write_filter
from tom_integration.outbox import activity, limits, transitions
from tom_integration.outbox.rule_scope import shares_of
from tom_integration.portions import portions
from tom_integration.services.shares import TIME_OVER, NotPossible

_SCOPE = ("scope", "target_list_id", "extra_key", "extra_value")
_PORTION = 100
"""Shares of one transaction: on SQLite nobody else can save during it."""
_LIMITS = ("filter", "until", "release_days", "not_before")


def faults(rule: ShareRule, *, by: Any) -> dict[str, str]:
    """Return what is wrong with a rule that a user is about to make or change, by field.

    Args:
        rule: the rule as it would be saved.
        by: the user, who would be its creator.
    """
    found: dict[str, str] = {}
    match ShareRule.Scope(rule.scope):
        case ShareRule.Scope.LIST if not access.lists_for(by).filter(pk=rule.target_list_id).exists():
            found["target_list"] = "Choose one of the target lists that you may view."
        case ShareRule.Scope.EXTRA if not rule.extra_key:
            found["extra_key"] = "Name the tag or extra field that the targets have."
    if fault := share_conflict.unusable(by, str(rule.address)):
        found["destination"] = fault
    kept = ShareRule.objects.filter(pk=rule.pk, until=rule.until).exists()
    if rule.until is not None and rule.until <= clock.now() and not kept:
        found["until"] = TIME_OVER
    return found


class RuleFields(TypedDict, total=False):
    """Hold what a person says of a rule."""

    name: str
    """Its name, for people."""
    address: Address
    """The destination."""
    scope: str
    """A value of `ShareRule.Scope`."""
    target_list_id: int | None
    """The list, for the scope `list`."""
    extra_key: str
    """The tag or extra field, for the scope `extra`."""
    extra_value: str
    """Its value; empty for any."""
    filter: Filter
    """The data that pass."""
    until: datetime | None
    """The time until which new data and new targets are shared."""
    release_days: float
    """Days from the time of a datum until it is sent."""
    not_before: datetime | None
    """Nothing is sent before then."""
    existing: bool
    """Share the data that are there already, too."""
    ends: bool
    """End the share of a target that leaves the scope."""


def draft(rule: ShareRule | None = None, *, creator: Any, **fields: Unpack[RuleFields]) -> ShareRule:
    """Return a rule as `make` or `change` would save it, for `faults` and `outlook`.

    Args:
        rule: the rule that is to be changed; None for a new one.
        creator: the user who makes or changes it.
        **fields: the fields; those that are not given stay as they are, or have the defaults of `ShareRule`.
    """
    made = copy(rule) if rule is not None else ShareRule()
    for name, value in (_columns(fields) | {"creator_id": creator.pk}).items():
        setattr(made, name, value)
    return made


def make(*, creator: Any, **fields: Unpack[RuleFields]) -> ShareRule:
    """Make a rule. Its shares are made by the next look of a worker, which is about a second away.

    Args:
        creator: the user with whose rights it and its shares act.
        **fields: the fields; at least name, address and scope.
    """
    rule = draft(creator=creator, **fields)
    rule.existing_to = limits.highest_keys()
    with transaction.atomic():
        rule.save()
        activity.of_rule(Activity.What.MADE, rule, by=creator)
    return rule


def change(rule: ShareRule, *, by: Any, **fields: Unpack[RuleFields]) -> ShareRule:
    """Change a rule: the user becomes its creator, and the one of its shares; return the new state.

    Its shares are compared with its new filter and dates at once, with its new scope and destination at the
    next look. What a destination has stays there. When `existing` becomes true, the data that are there
    already go as well.

    Args:
        rule: the rule.
        by: the user who changes it, who needs the right to add shares.
        **fields: the fields that change.

    Raises:
        NotPossible: it is being ended.
    """
    _not_ending(rule)
    columns = _columns(fields)
    changed = {name for name, value in columns.items() if getattr(rule, name) != value}
    if changed & {*_SCOPE, "destination", "topic"}:
        columns["existing_to"] = limits.highest_keys()
    with transaction.atomic():
        ShareRule.objects.filter(pk=rule.pk).update(**columns, creator_id=by.pk, applied_at=None, problem="")
        if changed & {"destination", "topic"}:
            # Where a person ended one of its shares at the former destination is forgotten.
            Outbox.objects.filter(rule=rule, share_id__isnull=True).update(rule=None)
        if rule.creator_id != by.pk:
            _hand_over(rule, by)
        if changed & {*_LIMITS} or rule.creator_id != by.pk:
            shares_of(rule).update(settings_digest=limits.changed_digest(), look_now=True)
        if changed:
            activity.of_rule(Activity.What.CHANGED, rule, detail=activity.named(sorted(changed)), by=by)
    if "existing" in changed and columns["existing"]:
        _ask_for_existing(rule)
    return ShareRule.objects.get(pk=rule.pk)


def pause(rule: ShareRule, *, by: Any) -> None:
    """Send nothing of the shares of a rule, and make no more, until a user resumes it.

    Raises:
        NotPossible: it is being ended.
    """
    _not_ending(rule)
    reason = one_line(f"the rule {rule.name} is paused by {by.get_username()}")
    if ShareRule.objects.filter(pk=rule.pk, paused="").update(paused=reason):
        activity.of_rule(Activity.What.PAUSED, rule, by=by)


def resume(rule: ShareRule) -> None:
    """Go on with a paused rule, and send the new data of the meantime.

    Raises:
        NotPossible: it is being ended.
    """
    _not_ending(rule)
    with transaction.atomic():
        if ShareRule.objects.filter(pk=rule.pk).exclude(paused="").update(paused=""):
            activity.of_rule(Activity.What.RESUMED, rule)
        ShareRule.objects.filter(pk=rule.pk).update(applied_at=None)
        shares_of(rule).update(look_now=True, next_at=None)


def end(rule: ShareRule) -> None:
    """Send nothing of the shares of a rule from now on; the next look of a worker ends them, then deletes it.

    A share of a target that another rule means goes on under that one. What the destination has stays there.
    """
    rule.ending = True
    with transaction.atomic():
        if ShareRule.objects.filter(pk=rule.pk, ending=False).update(ending=True, applied_at=None):
            activity.of_rule(Activity.What.ENDED, rule)


def _not_ending(rule: ShareRule) -> None:
    if ShareRule.objects.filter(pk=rule.pk, ending=True).exists():
        raise NotPossible(f"The rule {rule.name} is being ended.")


def _columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(fields)
    if "address" in columns:
        address: Address = columns.pop("address")
        columns |= {"destination": address.name, "topic": address.topic}
    if "filter" in columns:
        columns["filter"] = write_filter(columns["filter"])
    return columns


def _hand_over(rule: ShareRule, by: Any) -> None:
    """Let the shares of a rule act with the rights of another user, but for those adopted by a third one."""
    theirs = shares_of(rule).filter(creator_id=rule.creator_id)
    PersistentShare.objects.filter(pk__in=theirs.values("share_id")).update(user=by)
    theirs.update(creator_id=by.pk)


def _ask_for_existing(rule: ShareRule) -> None:
    """Make due the data from before the shares of a rule."""
    pks = list(shares_of(rule).order_by("pk").values_list("pk", flat=True))
    for portion in portions(pks, _PORTION):
        some = shares_of(rule).filter(pk__in=portion)
        with transaction.atomic():
            some.update(existing_to={}, settings_digest=limits.changed_digest(), look_now=True)
            existing = Delivery.objects.filter(outbox__in=some, state=State.BASELINE)
            transitions.apply(existing, delivery.replay(now=clock.now()))
