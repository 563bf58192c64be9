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
from sharecore.retry import RetryPolicy


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


def answered(
    before: DeliveryState, answer: Withdrawal | None, *, now: datetime, policy: RetryPolicy, chance: float
) -> DeliveryState:
    """Return the state of a delivery that is being withdrawn, after the answer of the destination.

    Args:
        before: state so far.
        answer: answer of the destination; None for no answer about this record.
        now: present time.
        policy: waits between tries.
        chance: random number from 0 to 1.
    """
    match answer:
        case Withdrawn():
            return replace(before, state=State.WITHDRAWN, failures=0, next_at=None, reason="", field="")
        case Rejected(reason=reason) | Unsupported(reason=reason):
            return leave_there(f"not withdrawn: {reason}")(before)
        case Deferred(reason=reason, retry_after=wait):
            return _later(before, reason, wait, now=now, policy=policy, chance=chance)
        case Unconfirmed(reason=reason):
            return _later(before, reason, None, now=now, policy=policy, chance=chance)
        case None:
            silence = "the destination did not say whether it was withdrawn"
            return _later(before, silence, None, now=now, policy=policy, chance=chance)
        case _:
            assert_never(answer)


def _later(
    before: DeliveryState,
    reason: str,
    retry_after: float | None,
    *,
    now: datetime,
    policy: RetryPolicy,
    chance: float,
) -> DeliveryState:
    failures = before.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return leave_there(f"not withdrawn, given up: {reason}")(before)
    return replace(before, failures=failures, reason=reason, next_at=now + wait)
