"""What an outcome leads to: the state machine of one delivery. No I/O, no clock of its own.

BASELINE ─(asked for, saved again)─> PENDING ──start──> SENDING ──┬─> DELIVERED
                                       ^                          ├─> PENDING again, later   (deferred)
                                       │                          ├─> UNCONFIRMED ─find─> DELIVERED, PENDING,
                                       │                          │                       NEEDS_REVIEW
                                       │                          └─> FAILED, UNSUPPORTED, WITHHELD
                                       └────────── replay, by a person or changed settings
any open state ──(datum, share or target gone)──> CANCELLED
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Found,
    Present,
    Rejected,
    Result,
    Unconfirmed,
    Unsupported,
    Withheld,
)
from sharecore.retry import RetryPolicy


class State(StrEnum):
    """Where a delivery stands."""

    BASELINE = "baseline"  # was there before the share; nobody asked for it
    PENDING = "pending"  # promised; sent when `next_at` has come
    SENDING = "sending"  # handed to the adapter
    DELIVERED = "delivered"  # the destination has it
    UNCONFIRMED = "unconfirmed"  # sent, no answer; looked up when `next_at` has come
    NEEDS_REVIEW = "needs_review"  # sent, no answer, cannot be looked up: a person decides
    WITHHELD = "withheld"  # the site does not let it go there
    UNSUPPORTED = "unsupported"  # the destination cannot express it
    FAILED = "failed"  # refused, or tried too often; can be replayed
    CANCELLED = "cancelled"  # datum, share or target are gone


OPEN = frozenset({State.PENDING, State.SENDING, State.UNCONFIRMED})
NEEDS_PERSON = frozenset({State.NEEDS_REVIEW, State.FAILED})
CANCELLABLE = OPEN | NEEDS_PERSON | {State.WITHHELD, State.UNSUPPORTED}
"""States in which it makes a difference that the datum or the target is gone."""
REPLAYABLE = frozenset({State.FAILED, State.UNSUPPORTED, State.WITHHELD, State.CANCELLED})
"""States that `replay` leads out of. NEEDS_REVIEW is not one: only a person knows whether it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """One delivery at one moment.

    attempts: how often it was handed to the adapter; only grows. failures: how many of these count
    against the retry schedule (waiting for a destination that is down costs none).
    """

    state: State
    attempts: int = 0
    failures: int = 0
    next_at: datetime | None = None
    reason: str = ""
    field: str = ""
    remote_id: str = ""


def start(standing: DeliveryState) -> DeliveryState:
    """It is handed to the adapter now."""
    return replace(standing, state=State.SENDING, attempts=standing.attempts + 1, next_at=None)


def settle(
    standing: DeliveryState,
    result: Result,
    *,
    now: datetime,
    policy: RetryPolicy,
    settle_time: float,
    chance: float,
) -> DeliveryState:
    """The adapter (or the framework) said what became of it."""
    clean = replace(standing, reason="", field="", next_at=None)
    match result:
        case Accepted(remote_id=remote_id) | Duplicate(remote_id=remote_id):
            return replace(
                clean, state=State.DELIVERED, failures=0, remote_id=remote_id or standing.remote_id
            )
        case Rejected(reason=reason, field=field):
            return replace(clean, state=State.FAILED, reason=reason, field=field or "")
        case Unsupported(reason=reason, feature=feature):
            return replace(clean, state=State.UNSUPPORTED, reason=reason, field=feature)
        case Withheld(reason=reason):
            return replace(clean, state=State.WITHHELD, reason=reason)
        case Deferred(reason=reason, retry_after=retry_after):
            return _later(clean, reason, now=now, policy=policy, retry_after=retry_after, chance=chance)
        case Unconfirmed(reason=reason):
            waiting = replace(clean, state=State.UNCONFIRMED, failures=standing.failures + 1, reason=reason)
            return replace(waiting, next_at=now + timedelta(seconds=settle_time))
        case _:
            assert_never(result)


def _later(
    standing: DeliveryState,
    reason: str,
    *,
    now: datetime,
    policy: RetryPolicy,
    retry_after: float | None,
    chance: float,
) -> DeliveryState:
    failures = standing.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return replace(standing, state=State.FAILED, failures=failures, reason=f"given up: {reason}")
    return replace(standing, state=State.PENDING, failures=failures, reason=reason, next_at=now + wait)


def unsent(standing: DeliveryState, reason: str, *, now: datetime) -> DeliveryState:
    """The call stopped before it was sent: due as before, at no cost."""
    return replace(standing, state=State.PENDING, next_at=now, reason=reason)


def abandoned(standing: DeliveryState, *, sent_at: datetime, settle_time: float) -> DeliveryState:
    """Its sender died with it in hand: wait until the destination is surely done with it, then look."""
    return replace(
        standing,
        state=State.UNCONFIRMED,
        failures=standing.failures + 1,
        next_at=sent_at + timedelta(seconds=settle_time),
        reason="the sender stopped before an answer came",
    )


def looked_up(
    standing: DeliveryState,
    found: Found | None,
    *,
    content: str,
    can_tell: bool = True,
    now: datetime,
    policy: RetryPolicy,
    chance: float,
) -> DeliveryState:
    """The destination was asked whether it has an unconfirmed one.

    found: its answer; None when it said nothing about this one. content: the fingerprint of what is to be
    there. can_tell: False when it cannot be asked at all.
    """
    if not can_tell:
        return replace(standing, state=State.NEEDS_REVIEW, next_at=None)
    match found:
        case Present(content=there, remote_id=remote_id):
            named = replace(standing, remote_id=remote_id or standing.remote_id)
            if there == content:
                return replace(named, state=State.DELIVERED, failures=0, next_at=None, reason="")
            named = replace(named, reason="the destination has it with other content")
            return _again(named, now=now, policy=policy, chance=chance)
        case Absent():
            return _again(standing, now=now, policy=policy, chance=chance)
        case Rejected() | Unsupported():
            return settle(standing, found, now=now, policy=policy, settle_time=0, chance=chance)
        case Deferred(reason=reason, retry_after=wait):
            return not_looked_up(standing, reason, now=now, policy=policy, retry_after=wait, chance=chance)
        case Unconfirmed(reason=reason):
            return not_looked_up(standing, reason, now=now, policy=policy, chance=chance)
        case None:
            silence = "the destination did not say whether it has it"
            return not_looked_up(standing, silence, now=now, policy=policy, chance=chance)
        case _:
            assert_never(found)


def _again(standing: DeliveryState, *, now: datetime, policy: RetryPolicy, chance: float) -> DeliveryState:
    """It is not there as it is to be: sent again, the first time at once."""
    if standing.failures > len(policy.schedule):
        return replace(standing, state=State.FAILED, next_at=None, reason=f"given up: {standing.reason}")
    if standing.failures <= 1:
        return replace(standing, state=State.PENDING, next_at=now)
    wait = policy.wait(standing.failures - 1, retry_after=None, chance=chance)
    return replace(standing, state=State.PENDING, next_at=now + (wait or timedelta()))


def not_looked_up(
    standing: DeliveryState,
    reason: str,
    *,
    now: datetime,
    policy: RetryPolicy,
    retry_after: float | None = None,
    chance: float,
) -> DeliveryState:
    """The look-up said nothing, or went wrong: look again later, and leave it to a person in the end."""
    failures = standing.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return undecidable(replace(standing, failures=failures), reason)
    return replace(standing, failures=failures, reason=reason, next_at=now + wait)


def undecidable(standing: DeliveryState, reason: str) -> DeliveryState:
    """Nobody but a person can find out whether it arrived."""
    return replace(standing, state=State.NEEDS_REVIEW, next_at=None, reason=reason)


def replay(standing: DeliveryState, *, now: datetime) -> DeliveryState:
    """A person, or a change of settings, asks for another try with a fresh schedule."""
    if standing.state not in REPLAYABLE and standing.state is not State.BASELINE:
        return standing
    return replace(standing, state=State.PENDING, failures=0, next_at=now, reason="", field="")


def doubt(standing: DeliveryState, reason: str, *, look_at: datetime) -> DeliveryState:
    """It may be there: look it up at this time, and send it only if it is not."""
    return replace(standing, state=State.UNCONFIRMED, failures=0, next_at=look_at, reason=reason, field="")


def lost_there(standing: DeliveryState, reason: str, *, now: datetime, can_tell: bool) -> DeliveryState:
    """It was delivered, and the destination may have lost it since (it was restored from a backup).

    It is looked up, and sent if it is not there. can_tell: False where the destination cannot be asked; then
    it is sent. Its name there is forgotten: another record may have it now.
    """
    if standing.state is not State.DELIVERED:
        return standing
    fresh = replace(standing, remote_id="")
    if can_tell:
        return doubt(fresh, reason, look_at=now)
    return replace(fresh, state=State.PENDING, failures=0, next_at=now, reason=reason, field="")


def cancel(standing: DeliveryState, reason: str) -> DeliveryState:
    """Datum, share or target are gone; what was delivered stays so."""
    if standing.state not in CANCELLABLE:
        return standing
    return replace(standing, state=State.CANCELLED, next_at=None, reason=reason)
