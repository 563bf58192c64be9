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
from sharecore.retry_schedule import Retry

LONGEST_PROCESSING = timedelta(days=7)
"""Time after which a person decides on a record of which the destination still says "not yet"."""


def looked_up(
    before: DeliveryState, found: Found | None, retry: Retry, *, content: str, can_tell: bool = True
) -> DeliveryState:
    """Return the state of an unconfirmed delivery after a look-up.

    Args:
        before: state so far.
        found: answer of the destination; None for no answer about this record.
        retry: time of the next look-up or delivery.
        content: fingerprint that the record must have there.
        can_tell: False when the destination cannot be asked at all.
    """
    if not can_tell:
        return replace(before, state=State.NEEDS_REVIEW, next_at=None)
    match found:
        case Present(content=there, remote_id=remote_id):
            named = replace(before, remote_id=remote_id or before.remote_id, ticket="")
            if there == content:
                return replace(named, state=State.DELIVERED, failures=0, next_at=None, reason="")
            named = replace(named, reason="the destination has it with other content")
            return _again(named, retry)
        case Absent():
            return _again(replace(before, ticket=""), retry)
        case Rejected() | Unsupported():
            return settle(before, found, retry, settle_time=0)
        case Deferred(reason=reason, retry_after=wait):
            return unanswered(before, reason, retry, retry_after=wait)
        case Unconfirmed(reason=reason):
            return unanswered(before, reason, retry)
        case None:
            silence = "the destination did not say whether it has it"
            return unanswered(before, silence, retry)
        case _:
            assert_never(found)


def followed(
    before: DeliveryState, answer: Outcome | None, retry: Retry, *, sent_at: datetime, settle_time: float
) -> DeliveryState:
    """Return the state of a submitted delivery after a question for its outcome. It is sent again only where
    the destination says that it is not stored.

    Args:
        before: state so far.
        answer: answer of the destination; None for no answer.
        retry: time of the next question that got no answer, and of another delivery.
        sent_at: time at which the record was sent.
        settle_time: seconds until a look-up, where the destination does not know.
    """
    if answer is None:
        silence = "the destination did not say what became of it"
        return unanswered(before, silence, retry)
    if isinstance(answer, Submitted) and retry.now - sent_at > LONGEST_PROCESSING:
        reason = f"still being processed there after {LONGEST_PROCESSING.days} days"
        return undecidable(reason)(replace(before, ticket=answer.ticket))
    return settle(before, answer, retry, settle_time=settle_time)


def unanswered(
    before: DeliveryState, reason: str, retry: Retry, *, retry_after: float | None = None
) -> DeliveryState:
    """Return the state after a look-up or a question without an answer: ask again later, and leave it to a
    person in the end.
    """
    failures = before.failures + 1
    again = retry.at(failures, retry_after=retry_after)
    if again is None:
        return undecidable(reason)(replace(before, failures=failures))
    return replace(before, failures=failures, reason=reason, next_at=again)


def _again(before: DeliveryState, retry: Retry) -> DeliveryState:
    """Return the state of a record that is not at the destination with its content: send it, the first time
    at once.
    """
    if before.failures > len(retry.policy.schedule):
        return replace(before, state=State.FAILED, next_at=None, reason=f"given up: {before.reason}")
    again = retry.at(before.failures - 1) if before.failures > 1 else None
    return replace(before, state=State.PENDING, next_at=again or retry.now)
