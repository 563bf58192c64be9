"""End the shares of a rule, or hand them on to another rule that means the same target."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.delivery import DeliveryState, State
from sharecore.exceptions import ConfigurationError
from sharecore.texts import one_line
from tom_integration import clock
from tom_integration.models import Activity, Outbox, ShareRule
from tom_integration.outbox import activity, limits, transitions, versions
from tom_integration.outbox.backlog import register
from tom_integration.outbox.open_outboxes import PORTION, detach
from tom_integration.outbox.rule_scope import shares_of, targets


def end_shares(
    rule: ShareRule, chosen: Callable[[ShareRule], QuerySet[Outbox]], *, reason: str, stop_at: float
) -> bool:
    """End shares of a rule in portions, and forget their rule; return False when stopped.

    Args:
        rule: the rule, as it was when this look began.
        chosen: returns the outboxes of the rule whose shares end; none that has left the rule.
        reason: why their open deliveries are cancelled.
        stop_at: stop after the first portion that ends beyond this monotonic time.
    """
    others = ShareRule.objects.filter(ending=False).exclude(pk=rule.pk).order_by("pk")
    while some := list(chosen(rule).order_by("pk")[:PORTION]):
        with transaction.atomic():
            # Write first, see `attach_new`. A person may have changed the rule since it was read.
            if not ShareRule.objects.filter(pk=rule.pk).update(applied_at=F("applied_at")):
                return True  # Another worker has ended it.
            rule = ShareRule.objects.get(pk=rule.pk)
            here = chosen(rule).filter(pk__in=[each.pk for each in some])
            here.update(look_now=True)
            versions.renew(each.pk for each in some)
            for address in {each.address for each in some}:
                same = {"destination": address.name, "topic": address.topic}
                for other in others.filter(**same):
                    for outbox in here.filter(**same, target_id__in=targets(other).values("pk")):
                        _hand_on(outbox, other)
            ended = dict(here.values_list("pk", "share_id"))
            share_ids = list(filter(None, ended.values()))
            detach(*share_ids, reason=reason)
            Outbox.objects.filter(pk__in=ended).update(rule=None)
            PersistentShare.objects.filter(pk__in=share_ids).delete()
        if time.monotonic() > stop_at:
            return False
    return True


def _hand_on(outbox: Outbox, other: ShareRule) -> None:
    """Let a share go on under another rule: to end it and to make it again would lose what is on its way.

    What the new rule lets through beyond that counts as from before its share, which it may share as well.
    """
    now = clock.now()
    if outbox.takes_up(now):
        pending = DeliveryState(state=State.PENDING, next_at=now)
        with suppress(ConfigurationError):  # A filter that cannot be read lets nothing through.
            register(outbox, pending, selection=limits.of_outbox(outbox).selection)
    if other.existing:
        existing = outbox.deliveries.filter(state=State.BASELINE)
        transitions.apply(existing, delivery.replay(now=now))
    PersistentShare.objects.filter(pk=outbox.share_id).update(user=other.creator_id)
    Outbox.objects.filter(pk=outbox.pk).update(
        rule=other,
        creator_id=other.creator_id,
        existing_to={} if other.existing else limits.highest_keys(),
        settings_digest=limits.changed_digest(),
        look_now=True,
    )
    activity.of_shares(Activity.What.CHANGED, [outbox], detail=f"it goes on under the rule {other.name}")


def on_rule_deleted(sender: type[ShareRule], instance: ShareRule, **_: Any) -> None:
    """Pause the shares of a rule that is deleted without being ended: its filter and dates are gone."""
    reason = (
        f"the rule {instance.name} was deleted, and with it its filter and dates; "
        "check those of this share, then resume it"
    )
    paused = shares_of(instance).filter(paused="")
    with activity.acting(rule=instance):
        activity.of_shares(Activity.What.PAUSED, list(paused), detail=reason)
    paused.update(paused=one_line(reason))
    Outbox.objects.filter(rule=instance).update(rule=None)
    if not instance.ending:  # else it was told when a person asked for it
        activity.of_rule(Activity.What.ENDED, instance)
