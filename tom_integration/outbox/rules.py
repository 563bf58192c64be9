"""Apply the rules: share the targets in their scope, and end the shares of those that have left it.

Nothing here depends on a signal: each look compares a rule with the shares that exist. What ends a share is
decided by the scope alone. Lost rights, a deleted list or a broken destination end nothing, since a mistake
would cost the data of the time until it is corrected; those shares stop by themselves, or go on as they are.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Q
from tom_targets.models import PersistentShare

from sharecore.exceptions import ConfigurationError
from sharecore.texts import one_line
from tom_integration import access, clock, site
from tom_integration.models import ShareRule
from tom_integration.outbox import activity
from tom_integration.outbox.limits import highest_keys
from tom_integration.outbox.new_shares import attach_new, few
from tom_integration.outbox.rule_ends import end_shares
from tom_integration.outbox.rule_scope import left, list_is_gone, out_of_reach, shares_of, unshared

logger = logging.getLogger(__name__)

_CLASHES = 3
"""Times that somebody else may make one of the same shares at the same moment, until the next look."""


def objection(rule: ShareRule) -> str:
    """Return the reason why a rule can make no shares, which a person has to correct; empty when it can."""
    if problem := access.maker_objection(rule.creator_id, rule.destination):
        return problem
    if list_is_gone(rule):
        return "its target list was deleted: choose another list, or end the rule; its shares go on"
    try:
        site.destinations().resolve(str(rule.address))
    except ConfigurationError as error:
        return str(error)
    return str(site.refusal_of_records(str(rule.address)) or "")


def asked() -> bool:
    """Return True when a rule was made or changed that no worker has looked at since."""
    return ShareRule.objects.filter(applied_at__isnull=True).exists()


def ask(lists: Collection[int] | None = None) -> None:
    """Have the rules of these lists looked at soon; those of all lists without an argument."""
    rules = ShareRule.objects.filter(scope=ShareRule.Scope.LIST, applied_at__isnull=False)
    if lists is not None:
        rules = rules.filter(target_list_id__in=lists)
    if rules.exists():  # An UPDATE of no rows locks SQLite all the same.
        rules.update(applied_at=None)


def apply_rules(*, since: datetime | None = None, seconds: float = math.inf) -> bool:
    """Apply the rules that were made or changed, and those not looked at since a time.

    Stop after the first portion that ends beyond these seconds; return True when all rules are applied.
    """
    stop_at = time.monotonic() + seconds
    waiting = Q(applied_at__isnull=True)
    if since is not None:  # A time in the future was written by a clock that was wrong.
        waiting |= Q(applied_at__lt=since) | Q(applied_at__gt=clock.now())
    for rule in ShareRule.objects.filter(waiting).order_by(F("applied_at").asc(nulls_first=True), "pk"):
        try:
            with activity.acting(rule=rule):
                done = _apply(rule, stop_at)
            if not done:
                _note(rule, applied_at=None)  # Whichever process looks next goes on.
                return False
        except DatabaseError:
            raise
        except Exception:
            logger.exception("The rule %s could not be applied", rule)
            _note(
                rule, problem="an error in sharecore, it will be tried again; the log of the TOM tells more"
            )
    return True


def _apply(rule: ShareRule, stop_at: float) -> bool:
    """End the shares of targets that have left, share those that have come; return False when stopped."""
    if rule.ending:
        return _end(rule, stop_at)
    marks = highest_keys()
    reason = f"the target left the rule {rule.name}"
    if not end_shares(rule, left, reason=reason, stop_at=stop_at):
        return False
    problem = objection(rule)
    waits = unshared(rule).exists()  # Read first: most looks find nothing to write.
    if waits and not problem and _makes_shares(rule):
        if not _share_all(rule, stop_at):
            return False
        waits = unshared(rule).exists()
    shares_of(rule).filter(scanned_at=None, look_now=False).update(look_now=True)
    _note(rule, problem=one_line(problem), skipped=out_of_reach(rule))
    # Of a target that still waits the data since it came are shared, too.
    if not waits and rule.existing_to != marks:
        ShareRule.objects.filter(pk=rule.pk, existing_to=rule.existing_to).update(existing_to=marks)
    return True


def _end(rule: ShareRule, stop_at: float) -> bool:
    """End the shares of a rule, then delete it; return False when stopped."""
    if not end_shares(rule, shares_of, reason=f"the rule {rule.name} was ended", stop_at=stop_at):
        return False
    ShareRule.objects.filter(pk=rule.pk).delete()
    return True


def _share_all(rule: ShareRule, stop_at: float) -> bool:
    """Share the targets of a rule, unless others are faster each time; return False when stopped."""
    after, clashes = 0, 0
    while clashes < _CLASHES:
        try:
            last = _share_some(rule.pk, after)
        except IntegrityError:  # A person or another worker was faster.
            clashes += 1
            continue
        if last is None:
            return True
        after = last
        if time.monotonic() > stop_at:
            return False
    return True


def _share_some(pk: int, after: int) -> int | None:
    """Share the next targets of a rule; return the primary key of the last one, None when none is left."""
    with transaction.atomic():
        # Write first: it locks the rule against other workers, and against a person who pauses or ends it.
        if not ShareRule.objects.filter(pk=pk).update(applied_at=F("applied_at")):
            return None
        rule = ShareRule.objects.get(pk=pk)
        if not _makes_shares(rule):
            return None
        chosen = unshared(rule).filter(pk__gt=after).order_by("pk")
        pks = few(chosen.values_list("pk", flat=True))
        if not pks:
            return None
        same = {"destination": str(rule.address), "user_id": rule.creator_id}
        shares = [PersistentShare(target_id=target_id, **same) for target_id in pks]
        attach_new(PersistentShare.objects.bulk_create(shares), rule=rule)
        return max(pks)


def _makes_shares(rule: ShareRule) -> bool:
    return not rule.halted and (rule.until is None or clock.now() < rule.until)


def _note(rule: ShareRule, **columns: Any) -> None:
    ShareRule.objects.filter(pk=rule.pk).update(**{"applied_at": clock.now()} | columns)
