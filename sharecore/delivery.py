"""The state machine of a delivery: every step between its states. No I/O, no clock of its own.

A `Transition` depends on the state alone, and is the same for one delivery and for many. The functions after
them weigh what came of a call, for one delivery; those of `sharecore.later_answers` what came of a look-up.

BASELINE ─(asked for, saved again)─> PENDING ──start──> SENDING ──┬─> DELIVERED
                                       ^                          ├─> PENDING again, later   (deferred)
                                       │                          ├─> SUBMITTED ─follow─> any of these
                                       │                          ├─> UNCONFIRMED ─find─> DELIVERED, PENDING,
                                       │                          │                       NEEDS_REVIEW
                                       │                          └─> FAILED, UNSUPPORTED, WITHHELD
                                       └────────── replay, by a person or changed settings
DELIVERED ─(a person withdraws it)─> WITHDRAWING ─> WITHDRAWN: see `sharecore.withdrawals`
PENDING ──stop──> TO_APPROVE ──┬─> PENDING again   (approved, or changed since it was asked)
                               └─> WITHHELD        (declined)
any open state ──(datum, share or target gone)──> CANCELLED
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from sharecore.outcomes import (
    Accepted,
    Deferred,
    Duplicate,
    Rejected,
    Result,
    Submitted,
    Unconfirmed,
    Unsupported,
    Withheld,
)
from sharecore.retry_schedule import DAY, Retry

SHORTEST_ASK = 1.0
"""Seconds between two questions for the same record, at the least."""


class State(StrEnum):
    """The state of a delivery."""

    BASELINE = "baseline"  # was there before the share; nobody asked for it
    PENDING = "pending"  # to be sent when `next_at` has come
    TO_APPROVE = "to_approve"  # stopped before it was sent; a person approves it or declines
    SENDING = "sending"  # handed to the adapter
    SUBMITTED = "submitted"  # taken for processing; asked about when `next_at` has come
    DELIVERED = "delivered"  # the destination has it
    UNCONFIRMED = "unconfirmed"  # sent, no answer; looked up when `next_at` has come
    NEEDS_REVIEW = "needs_review"  # sent, no answer, cannot be looked up: a person decides
    WITHHELD = "withheld"  # the site does not let it go there
    UNSUPPORTED = "unsupported"  # the destination cannot express it
    FAILED = "failed"  # refused, or tried too often; can be replayed
    CANCELLED = "cancelled"  # datum, share or target are gone
    WITHDRAWING = "withdrawing"  # a person withdraws it; the destination is asked when `next_at` has come
    WITHDRAWN = "withdrawn"  # withdrawn; sent again only if a person asks


OPEN = frozenset({State.PENDING, State.SENDING, State.SUBMITTED, State.UNCONFIRMED})
UNDER_WAY = OPEN | {State.TO_APPROVE}
"""States of deliveries that are to reach the destination, and are not there yet."""
NEEDS_PERSON = frozenset({State.NEEDS_REVIEW, State.FAILED})
CANCELLABLE = UNDER_WAY | NEEDS_PERSON | {State.WITHHELD, State.UNSUPPORTED}
"""States in which the loss of the datum or the target makes a difference."""
REPLAYABLE = frozenset({State.FAILED, State.UNSUPPORTED, State.WITHHELD, State.CANCELLED})
"""States of deliveries that ended without arriving. NEEDS_REVIEW is not one: only a person knows."""
ASKABLE = REPLAYABLE | {State.BASELINE}
"""States in which a delivery can be asked for: the record is neither at the destination nor under way."""
SENDABLE = frozenset({State.PENDING, State.WITHHELD})
"""States of deliveries that are sent when their time has come."""
IN_DOUBT = frozenset({State.UNCONFIRMED, State.NEEDS_REVIEW})
"""States of deliveries that were sent, and may or may not have arrived: a person may decide."""
LEFT = IN_DOUBT | {State.SENDING, State.SUBMITTED}
"""States of deliveries that have left the site, and may arrive: only what is certainly lost is sent again."""
RELEASE = "release"
"""Value of `field` for a withheld delivery that waits for its release, at `next_at`."""
DECLINED = "declined"
"""Value of `field` for a withheld delivery that a person declined to send."""
FRESH: dict[str, Any] = {"failures": 0, "reason": "", "field": "", "ticket": ""}
"""Values of a delivery that begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """The state of one delivery at one moment."""

    state: State
    """State in the state machine."""
    attempts: int = 0
    """Number of calls of the adapter with the record; only grows."""
    failures: int = 0
    """Number of these that count against the retry schedule; waiting for a destination that is down costs
    none.
    """
    next_at: datetime | None = None
    """Time of the next step; None where none is due."""
    reason: str = ""
    """Reason of the state, for people."""
    field: str = ""
    """Field of the record that is to blame, or missing feature of the destination; `RELEASE` for a record
    that waits for its release, `DECLINED` for one that a person declined to send.
    """
    remote_id: str = ""
    """Name of the record at the destination."""
    ticket: str = ""
    """Text under which the destination is asked for the outcome; kept while it is in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A step that depends on nothing but the state: of one delivery, or of any number by one statement."""

    sources: frozenset[State]
    """States that the step leads out of; deliveries in others stay as they are."""
    to: State | None = None
    """State that the step leads to; None for the same state."""
    sets: Mapping[str, Any]
    """Further values of the `DeliveryState` after the step."""
    tries: int = 0
    """Number of attempts that the step counts."""
    forgiven: int = 0
    """Number of failures that the step deducts."""

    def __call__(self, before: DeliveryState) -> DeliveryState:
        """Return the state of one delivery after the step."""
        if before.state not in self.sources:
            return before
        return replace(
            before,
            state=self.to or before.state,
            attempts=before.attempts + self.tries,
            **({"failures": max(before.failures - self.forgiven, 0)} | dict(self.sets)),
        )


START = Transition(sources=SENDABLE, to=State.SENDING, sets={"next_at": None, "field": ""}, tries=1)
"""Hand the record to the adapter now."""

STOP = Transition(sources=SENDABLE, to=State.TO_APPROVE, sets=FRESH | {"next_at": None})
"""Wait for the approval of a person; nothing leaves before."""

SET_ASIDE = Transition(
    sources=frozenset({State.BASELINE, State.CANCELLED}),
    to=State.BASELINE,
    sets={"next_at": None, "reason": "", "field": ""},
)
"""Leave out a datum that is there before its share is made."""

FORGET_ANSWER = Transition(sources=frozenset({State.DELIVERED}), sets={"reason": "", "field": ""})
"""Keep no more of what a destination said of a record that it has."""


def replay(*, now: datetime) -> Transition:
    """Try again with a fresh schedule, as a person or a change of settings asks."""
    return Transition(sources=ASKABLE, to=State.PENDING, sets=FRESH | {"next_at": now})


def revise(*, now: datetime) -> Transition:
    """Send the new values of an edited datum."""
    return Transition(sources=ASKABLE | {State.DELIVERED}, to=State.PENDING, sets=FRESH | {"next_at": now})


def hurry(*, now: datetime) -> Transition:
    """Try now, with a fresh schedule, what waits for its next try."""
    return Transition(sources=frozenset({State.PENDING}), sets={"next_at": now, "failures": 0})


def restart(*, now: datetime) -> Transition:
    """Try now what waits, at the cost of no try: the process that delivers was started anew."""
    return Transition(sources=frozenset({State.PENDING}), sets={"next_at": now}, forgiven=1)


def bring_near(*, now: datetime) -> Transition:
    """Make due now what a clock that was wrong has put off.

    A `Transition` knows states only: the caller leaves out deliveries that wait for their release, which may
    be years away.
    """
    return Transition(sources=SENDABLE, sets={"next_at": now})


def look_again(*, at: datetime) -> Transition:
    """Set the time of the next look-up, or of the next question to the destination."""
    sources = frozenset({State.SUBMITTED, State.UNCONFIRMED, State.WITHDRAWING})
    return Transition(sources=sources, sets={"next_at": at})


def doubt(reason: str, *, look_at: datetime) -> Transition:
    """Look up at this time a record that may have arrived, and send it only if it is not there."""
    return Transition(
        sources=SENDABLE | {State.BASELINE, State.TO_APPROVE},
        to=State.UNCONFIRMED,
        sets=FRESH | {"next_at": look_at, "reason": reason},
    )


def lost_there(reason: str, *, now: datetime, can_tell: bool) -> Transition:
    """Look up a delivered record that the destination may have lost since (restored from a backup); send it
    if it is gone.

    Its name there is forgotten: another record may have it now.

    Args:
        reason: reason for people.
        now: present time.
        can_tell: False where the destination cannot be asked; then the record is sent.
    """
    return Transition(
        sources=frozenset({State.DELIVERED}),
        to=State.UNCONFIRMED if can_tell else State.PENDING,
        sets=FRESH | {"next_at": now, "reason": reason, "remote_id": ""},
    )


def approve(*, now: datetime) -> Transition:
    """Send a record as a person has approved it."""
    return Transition(sources=frozenset({State.TO_APPROVE}), to=State.PENDING, sets=FRESH | {"next_at": now})


def decline(reason: str) -> Transition:
    """Keep here a record that a person declined to send; only a person, or an edit, asks for it again."""
    return Transition(
        sources=frozenset({State.TO_APPROVE}),
        to=State.WITHHELD,
        sets={"next_at": None, "reason": reason, "field": DECLINED, "failures": 0},
    )


def ask_anew(*, now: datetime) -> Transition:
    """Look anew at a record that waits for approval, since it or the settings may have changed.

    It is sent only if it needs no approval any more; else it stops again, with its present content.
    """
    return approve(now=now)


def cancel(reason: str) -> Transition:
    """Cancel deliveries whose datum, share or target is gone; delivered ones stay so."""
    return Transition(
        sources=CANCELLABLE,
        to=State.CANCELLED,
        sets={"next_at": None, "reason": reason, "field": "", "ticket": ""},
    )


def undecidable(reason: str) -> Transition:
    """Leave to a person a delivery of which nothing else can tell whether it arrived.

    One that was left to a person before keeps its reason: the first says what happened.
    """
    return Transition(
        sources=frozenset({State.UNCONFIRMED, State.SUBMITTED}),
        to=State.NEEDS_REVIEW,
        sets={"next_at": None, "reason": reason},
    )


def confirm(note: str) -> Transition:
    """Note that a person found the record at the destination."""
    return Transition(sources=IN_DOUBT, to=State.DELIVERED, sets=FRESH | {"next_at": None, "reason": note})


def resend(*, now: datetime) -> Transition:
    """Send again a record that a person did not find at the destination."""
    return Transition(sources=IN_DOUBT, to=State.PENDING, sets=FRESH | {"next_at": now})


def keep_there(note: str = "") -> Transition:
    """Count as delivered a record that the destination has already, with this content or one that it cannot
    change.
    """
    return Transition(sources=SENDABLE, to=State.DELIVERED, sets=FRESH | {"next_at": None, "reason": note})


def embargo(until: datetime, reason: str) -> Transition:
    """Withhold a record until its release, and look at it again then."""
    return Transition(
        sources=SENDABLE,
        to=State.WITHHELD,
        sets={"next_at": until, "reason": reason, "field": RELEASE, "failures": 0},
    )


def settle(before: DeliveryState, result: Result, retry: Retry, *, settle_time: float) -> DeliveryState:
    """Return the state after the result of the adapter (or the framework)."""
    now = retry.now
    clean = replace(before, reason="", field="", next_at=None, ticket="")
    match result:
        case Accepted(remote_id=remote_id) | Duplicate(remote_id=remote_id):
            return replace(clean, state=State.DELIVERED, failures=0, remote_id=remote_id or before.remote_id)
        case Rejected(reason=reason, field=field):
            return replace(clean, state=State.FAILED, reason=reason, field=field or "")
        case Unsupported(reason=reason, feature=feature):
            return replace(clean, state=State.UNSUPPORTED, reason=reason, field=feature)
        case Withheld(reason=reason, until=until):
            return _withheld(clean, reason, until, retry)
        case Deferred(reason=reason, retry_after=retry_after):
            return _later(clean, reason, retry, retry_after)
        case Unconfirmed(reason=reason):
            waiting = replace(clean, state=State.UNCONFIRMED, failures=before.failures + 1, reason=reason)
            return replace(waiting, next_at=now + timedelta(seconds=settle_time), ticket=before.ticket)
        case Submitted(ticket=ticket, ask_after=seconds):
            wait = timedelta(seconds=min(max(seconds, SHORTEST_ASK), DAY))
            return replace(clean, state=State.SUBMITTED, ticket=ticket, next_at=now + wait)
        case _:
            assert_never(result)


def _withheld(before: DeliveryState, reason: str, until: datetime | None, retry: Retry) -> DeliveryState:
    if until is None:
        return replace(before, state=State.WITHHELD, reason=reason)
    if until > retry.now:
        return embargo(until, reason)(replace(before, state=State.WITHHELD))
    # The end came meanwhile: look again, but not for ever where a plugin goes on to say so.
    return kept_here(before, reason, retry, again=True)


def _later(before: DeliveryState, reason: str, retry: Retry, retry_after: float | None) -> DeliveryState:
    failures = before.failures + 1
    again = retry.at(failures, retry_after=retry_after)
    if again is None:
        return replace(before, state=State.FAILED, failures=failures, reason=f"given up: {reason}")
    return replace(before, state=State.PENDING, failures=failures, reason=reason, next_at=again)


def kept_here(before: DeliveryState, reason: str, retry: Retry, *, again: bool) -> DeliveryState:
    """Return the state of a record that the site withholds.

    Args:
        before: state so far.
        reason: reason for people.
        retry: time of the next look.
        again: whether the reason may pass by itself, and soon. Rights on a new datum are often given a moment
            after it is saved.
    """
    failures = before.failures + again
    next_at = retry.at(failures) if again else None
    return replace(before, state=State.WITHHELD, failures=failures, next_at=next_at, reason=reason, field="")


def unsent(before: DeliveryState, reason: str, *, now: datetime) -> DeliveryState:
    """Return the state of a record that the call did not send: due as before, at no cost."""
    return replace(before, state=State.PENDING, next_at=now, reason=reason)


def abandoned(before: DeliveryState, *, sent_at: datetime, settle_time: float) -> DeliveryState:
    """Return the state of a record whose sender died with it in hand: look it up once the destination has
    surely finished.
    """
    return replace(
        before,
        state=State.UNCONFIRMED,
        failures=before.failures + 1,
        next_at=sent_at + timedelta(seconds=settle_time),
        reason="the sender stopped before an answer came",
    )
