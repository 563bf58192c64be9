"""The state machine of a delivery: every step between its states. No I/O, no clock of its own.

A `Transition` depends on the state alone, and is the same for one delivery and for many. The functions after
them weigh what came of a call, for one delivery.

BASELINE ─(asked for, saved again)─> PENDING ──start──> SENDING ──┬─> DELIVERED
                                       ^                          ├─> PENDING again, later   (deferred)
                                       │                          ├─> UNCONFIRMED ─find─> DELIVERED, PENDING,
                                       │                          │                       NEEDS_REVIEW
                                       │                          └─> FAILED, UNSUPPORTED, WITHHELD
                                       └────────── replay, by a person or changed settings
any open state ──(datum, share or target gone)──> CANCELLED
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

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
"""States of what has ended without arriving. NEEDS_REVIEW is not one: only a person knows."""
ASKABLE = REPLAYABLE | {State.BASELINE}
"""What can be asked for: it is not there, and nobody is sending it."""
SENDABLE = frozenset({State.PENDING, State.WITHHELD})
"""States of what is sent when its time has come."""
IN_DOUBT = frozenset({State.UNCONFIRMED, State.NEEDS_REVIEW})
"""It was sent, and nobody knows whether it arrived."""
_FRESH: dict[str, Any] = {"failures": 0, "reason": "", "field": ""}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A step that depends on nothing but the state: of one delivery, or of any number by one statement.

    sources: the states that it leads out of; deliveries in others stay as they are.
    to: the state that it leads to; None where that stays.
    sets: further values of the `DeliveryState` after it.
    tries: how many attempts it counts.
    forgiven: how many failures it takes back.
    """

    sources: frozenset[State]
    to: State | None = None
    sets: Mapping[str, Any]
    tries: int = 0
    forgiven: int = 0

    def __call__(self, before: DeliveryState) -> DeliveryState:
        """Return the state of one delivery after it."""
        if before.state not in self.sources:
            return before
        return replace(
            before,
            state=self.to or before.state,
            attempts=before.attempts + self.tries,
            **({"failures": max(before.failures - self.forgiven, 0)} | dict(self.sets)),
        )


START = Transition(sources=SENDABLE, to=State.SENDING, sets={"next_at": None}, tries=1)
"""It is handed to the adapter now."""

SET_ASIDE = Transition(
    sources=frozenset({State.BASELINE, State.CANCELLED}),
    to=State.BASELINE,
    sets={"next_at": None, "reason": "", "field": ""},
)
"""A share is made, and the datum is there before it."""


def replay(*, now: datetime) -> Transition:
    """A person, or a change of settings, asks for another try with a fresh schedule."""
    return Transition(sources=ASKABLE, to=State.PENDING, sets=_FRESH | {"next_at": now})


def revise(*, now: datetime) -> Transition:
    """The datum was edited: its new values are to be sent."""
    return Transition(sources=ASKABLE | {State.DELIVERED}, to=State.PENDING, sets=_FRESH | {"next_at": now})


def hurry(*, now: datetime) -> Transition:
    """What waits for its next try is tried now, with a fresh schedule."""
    return Transition(sources=frozenset({State.PENDING}), sets={"next_at": now, "failures": 0})


def restart(*, now: datetime) -> Transition:
    """The process that delivers was started anew: what waits is tried now, at the cost of no try."""
    return Transition(sources=frozenset({State.PENDING}), sets={"next_at": now}, forgiven=1)


def bring_near(*, now: datetime) -> Transition:
    """A clock that was wrong has put it off: it is ripe now."""
    return Transition(sources=SENDABLE, sets={"next_at": now})


def look_again(*, at: datetime) -> Transition:
    """The same of what is to be looked up."""
    return Transition(sources=frozenset({State.UNCONFIRMED}), sets={"next_at": at})


def doubt(reason: str, *, look_at: datetime) -> Transition:
    """It may be there: look it up at this time, and send it only if it is not."""
    return Transition(
        sources=SENDABLE | {State.BASELINE},
        to=State.UNCONFIRMED,
        sets=_FRESH | {"next_at": look_at, "reason": reason},
    )


def lost_there(reason: str, *, now: datetime, can_tell: bool) -> Transition:
    """It was delivered, and the destination may have lost it since (it was restored from a backup).

    It is looked up, and sent if it is not there. can_tell: False where the destination cannot be asked; then
    it is sent. Its name there is forgotten: another record may have it now.
    """
    return Transition(
        sources=frozenset({State.DELIVERED}),
        to=State.UNCONFIRMED if can_tell else State.PENDING,
        sets=_FRESH | {"next_at": now, "reason": reason, "remote_id": ""},
    )


def cancel(reason: str) -> Transition:
    """Datum, share or target are gone; what was delivered stays so."""
    return Transition(
        sources=CANCELLABLE, to=State.CANCELLED, sets={"next_at": None, "reason": reason, "field": ""}
    )


def undecidable(reason: str) -> Transition:
    """Nobody but a person can find out whether it arrived."""
    return Transition(sources=IN_DOUBT, to=State.NEEDS_REVIEW, sets={"next_at": None, "reason": reason})


def confirm(note: str) -> Transition:
    """A person found that it arrived."""
    return Transition(sources=IN_DOUBT, to=State.DELIVERED, sets=_FRESH | {"next_at": None, "reason": note})


def resend(*, now: datetime) -> Transition:
    """A person found that it did not arrive."""
    return Transition(sources=IN_DOUBT, to=State.PENDING, sets=_FRESH | {"next_at": now})


def keep_there(note: str = "") -> Transition:
    """The destination has it already, with this content, or with another that it cannot change."""
    return Transition(sources=SENDABLE, to=State.DELIVERED, sets=_FRESH | {"next_at": None, "reason": note})


def settle(
    before: DeliveryState,
    result: Result,
    *,
    now: datetime,
    policy: RetryPolicy,
    settle_time: float,
    chance: float,
) -> DeliveryState:
    """The adapter (or the framework) said what became of it."""
    clean = replace(before, reason="", field="", next_at=None)
    match result:
        case Accepted(remote_id=remote_id) | Duplicate(remote_id=remote_id):
            return replace(clean, state=State.DELIVERED, failures=0, remote_id=remote_id or before.remote_id)
        case Rejected(reason=reason, field=field):
            return replace(clean, state=State.FAILED, reason=reason, field=field or "")
        case Unsupported(reason=reason, feature=feature):
            return replace(clean, state=State.UNSUPPORTED, reason=reason, field=feature)
        case Withheld(reason=reason):
            return replace(clean, state=State.WITHHELD, reason=reason)
        case Deferred(reason=reason, retry_after=retry_after):
            return _later(clean, reason, now=now, policy=policy, retry_after=retry_after, chance=chance)
        case Unconfirmed(reason=reason):
            waiting = replace(clean, state=State.UNCONFIRMED, failures=before.failures + 1, reason=reason)
            return replace(waiting, next_at=now + timedelta(seconds=settle_time))
        case _:
            assert_never(result)


def _later(
    before: DeliveryState,
    reason: str,
    *,
    now: datetime,
    policy: RetryPolicy,
    retry_after: float | None,
    chance: float,
) -> DeliveryState:
    failures = before.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return replace(before, state=State.FAILED, failures=failures, reason=f"given up: {reason}")
    return replace(before, state=State.PENDING, failures=failures, reason=reason, next_at=now + wait)


def kept_here(
    before: DeliveryState,
    reason: str,
    *,
    again: bool,
    now: datetime,
    policy: RetryPolicy,
    chance: float,
) -> DeliveryState:
    """The site does not let it go there. again: whether that may change by itself, and soon.

    Rights on a new datum are often given a moment after it is saved.
    """
    failures = before.failures + again
    wait = policy.wait(failures, retry_after=None, chance=chance) if again else None
    return replace(
        before,
        state=State.WITHHELD,
        failures=failures,
        next_at=now + wait if wait else None,
        reason=reason,
        field="",
    )


def unsent(before: DeliveryState, reason: str, *, now: datetime) -> DeliveryState:
    """The call stopped before it was sent: due as before, at no cost."""
    return replace(before, state=State.PENDING, next_at=now, reason=reason)


def abandoned(before: DeliveryState, *, sent_at: datetime, settle_time: float) -> DeliveryState:
    """Its sender died with it in hand: wait until the destination is surely done with it, then look."""
    return replace(
        before,
        state=State.UNCONFIRMED,
        failures=before.failures + 1,
        next_at=sent_at + timedelta(seconds=settle_time),
        reason="the sender stopped before an answer came",
    )


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
    """The destination was asked whether it has an unconfirmed one.

    found: its answer; None when it said nothing about this one. content: the fingerprint of what is to be
    there. can_tell: False when it cannot be asked at all.
    """
    if not can_tell:
        return replace(before, state=State.NEEDS_REVIEW, next_at=None)
    match found:
        case Present(content=there, remote_id=remote_id):
            named = replace(before, remote_id=remote_id or before.remote_id)
            if there == content:
                return replace(named, state=State.DELIVERED, failures=0, next_at=None, reason="")
            named = replace(named, reason="the destination has it with other content")
            return _again(named, now=now, policy=policy, chance=chance)
        case Absent():
            return _again(before, now=now, policy=policy, chance=chance)
        case Rejected() | Unsupported():
            return settle(before, found, now=now, policy=policy, settle_time=0, chance=chance)
        case Deferred(reason=reason, retry_after=wait):
            return not_looked_up(before, reason, now=now, policy=policy, retry_after=wait, chance=chance)
        case Unconfirmed(reason=reason):
            return not_looked_up(before, reason, now=now, policy=policy, chance=chance)
        case None:
            silence = "the destination did not say whether it has it"
            return not_looked_up(before, silence, now=now, policy=policy, chance=chance)
        case _:
            assert_never(found)


def _again(before: DeliveryState, *, now: datetime, policy: RetryPolicy, chance: float) -> DeliveryState:
    """It is not there as it is to be: sent again, the first time at once."""
    if before.failures > len(policy.schedule):
        return replace(before, state=State.FAILED, next_at=None, reason=f"given up: {before.reason}")
    if before.failures <= 1:
        return replace(before, state=State.PENDING, next_at=now)
    wait = policy.wait(before.failures - 1, retry_after=None, chance=chance)
    return replace(before, state=State.PENDING, next_at=now + (wait or timedelta()))


def not_looked_up(
    before: DeliveryState,
    reason: str,
    *,
    now: datetime,
    policy: RetryPolicy,
    retry_after: float | None = None,
    chance: float,
) -> DeliveryState:
    """The look-up said nothing, or went wrong: look again later, and leave it to a person in the end."""
    failures = before.failures + 1
    wait = policy.wait(failures, retry_after=retry_after, chance=chance)
    if wait is None:
        return undecidable(reason)(replace(before, failures=failures))
    return replace(before, failures=failures, reason=reason, next_at=now + wait)
