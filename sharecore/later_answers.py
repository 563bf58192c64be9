"""Weigh what a destination says of a delivery that was sent before: after a look-up, or under a ticket.

Pure steps of the state machine of `sharecore.delivery`. What may be there is never sent again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from sharecore.delivery import DeliveryState, State, settle, undecidable
from sharecore.outcomes import (
    Absent,
    Deferred,
    Found,
    Outcome,
    Present,
    Rejected,
    Submitted,
    Unconfirmed,
    Unsupported,
)
from sharecore.retry import RetryPolicy

LONGEST_PROCESSING = timedelta(days=7)
"""Time after which a person decides on a record of which the destination still says "not yet"."""


def looked_up(
    before: DeliveryState,
    found: Found | None,
    *,
    content: str,
    can_tell: bool = True,
    now: datetime,
    policy: RetryPolicy,
    chance: float,
) -> DeliveryState:
    """Return the state of an unconfirmed delivery after a look-up.

    Args:
        before: state so far.
        found: answer of the destination; None for no answer about this record.
        content: fingerprint that the record must have there.
        can_tell: False when the destination cannot be asked at all.
        now: present time.
        policy: waits between tries.
        chance: random number from 0 to 1.
    """
    if not can_tell:
        return replace(before, state=State.NEEDS_REVIEW, next_at=None)
    match found:
        case Present(content=there, remote_id=remote_id):
            named = replace(before, remote_id=remote_id or before.remote_id, ticket="")
            if there == content:
                return replace(named, state=State.DELIVERED, failures=0, next_at=None, reason="")
            named = replace(named, reason="the destination has it with other content")
            return _again(named, now=now, policy=policy, chance=chance)
        case Absent():
            return _again(replace(before, ticket=""), now=now, policy=policy, chance=chance)
        case Rejected() | Unsupported():
            return settle(before, found, now=now, policy=policy, settle_time=0, chance=chance)
        case Deferred(reason=reason, retry_after=wait):
            return unanswered(before, reason, now=now, policy=policy, retry_after=wait, chance=chance)
        case Unconfirmed(reason=reason):
            return unanswered(before, reason, now=now, policy=policy, chance=chance)
        case None:
            silence = "the destination did not say whether it has it"
            return unanswered(before, silence, now=now, policy=policy, chance=chance)
        case _:
            assert_never(found)


def followed(
    before: DeliveryState,
    answer: Outcome | None,
    *,
    sent_at: datetime,
    now: datetime,
    policy: RetryPolicy,
    settle_time: float,
    chance: float,
) -> DeliveryState:
    """Return the state of a submitted delivery after a question for its outcome. It is sent again only where
    the destination says that it is not stored.

    Args:
        before: state so far.
        answer: answer of the destination; None for no answer.
        sent_at: time at which the record was sent.
        now: present time.
        policy: waits between questions that get no answer, and before another delivery.
        settle_time: seconds until a look-up, where the destination does not know.
        chance: random number from 0 to 1.
    """
    if answer is None:
        silence = "the destination did not say what became of it"
        return unanswered(before, silence, now=now, policy=policy, chance=chance)
    if isinstance(answer, Submitted) and now - sent_at > LONGEST_PROCESSING:
        reason = f"still being processed there after {LONGEST_PROCESSING.days} days"
        return undecidable(reason)(replace(before, ticket=answer.ticket))
    return settle(before, answer, now=now, policy=policy, settle_time=settle_time, chance=chance)


def unanswered(
    before: DeliveryState,
    reason: str,
    *,
    now: datetime,
    policy: RetryPolicy,
    retry_after: float | None = None,
    chance: float,
) -> DeliveryState:
    """Return the state after a look-up or a question without an answer: ask again later, and leave it to a
    person in the end.
    """
    failures = before.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return undecidable(reason)(replace(before, failures=failures))
    return replace(before, failures=failures, reason=reason, next_at=now + wait)


def _again(before: DeliveryState, *, now: datetime, policy: RetryPolicy, chance: float) -> DeliveryState:
    """Return the state of a record that is not at the destination with its content: send it, the first time
    at once.
    """
    if before.failures > len(policy.schedule):
        return replace(before, state=State.FAILED, next_at=None, reason=f"given up: {before.reason}")
    if before.failures <= 1:
        return replace(before, state=State.PENDING, next_at=now)
    wait = policy.wait(before.failures - 1, retry_after=None, chance=chance)
    return replace(before, state=State.PENDING, next_at=now + (wait or timedelta()))
