"""Withdraw what was delivered: the steps of the state machine of `sharecore.delivery` for it.

DELIVERED ──(a person asks)──> WITHDRAWING ──┬─> WITHDRAWN ──(a person asks)──> PENDING
    ^                                        ├─> WITHDRAWING, later   (deferred, no answer)
    └────────────────────────────────────────┘   (refused, cannot, given up)

Withdrawing twice does no harm, so it is asked for until there is an answer. A withdrawn record is sent again
only if a person asks for it: no edit, replay or rescan does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from sharecore.delivery import FRESH, DeliveryState, State, Transition
from sharecore.outcomes import Deferred, Rejected, Unconfirmed, Unsupported, Withdrawal, Withdrawn
from sharecore.retry_schedule import Retry


def withdraw(*, now: datetime) -> Transition:
    """Withdraw a delivered record, as a person asks."""
    return Transition(
        sources=frozenset({State.DELIVERED}), to=State.WITHDRAWING, sets=FRESH | {"next_at": now}
    )


def leave_there(reason: str) -> Transition:
    """Leave a record at the destination, which does not withdraw it."""
    return Transition(
        sources=frozenset({State.WITHDRAWING}),
        to=State.DELIVERED,
        sets=FRESH | {"next_at": None, "reason": reason},
    )


def send_anew(*, now: datetime) -> Transition:
    """Send a withdrawn record again, as a new one, as a person asks."""
    return Transition(
        sources=frozenset({State.WITHDRAWN}),
        to=State.PENDING,
        sets=FRESH | {"next_at": now, "remote_id": ""},
    )


def answered(before: DeliveryState, answer: Withdrawal | None, retry: Retry) -> DeliveryState:
    """Return the state of a delivery that is being withdrawn, after the answer of the destination.

    Args:
        before: state so far.
        answer: answer of the destination; None for no answer about this record.
        retry: time of the next try.
    """
    match answer:
        case Withdrawn():
            return replace(before, state=State.WITHDRAWN, failures=0, next_at=None, reason="", field="")
        case Rejected(reason=reason) | Unsupported(reason=reason):
            return leave_there(f"not withdrawn: {reason}")(before)
        case Deferred(reason=reason, retry_after=wait):
            return _later(before, reason, retry, wait)
        case Unconfirmed(reason=reason):
            return _later(before, reason, retry)
        case None:
            silence = "the destination did not say whether it was withdrawn"
            return _later(before, silence, retry)
        case _:
            assert_never(answer)


def _later(
    before: DeliveryState, reason: str, retry: Retry, retry_after: float | None = None
) -> DeliveryState:
    failures = before.failures + 1
    again = retry.at(failures, retry_after=retry_after)
    if again is None:
        return leave_there(f"not withdrawn, given up: {reason}")(before)
    return replace(before, failures=failures, reason=reason, next_at=again)
