"""Retry deliveries that did not arrive, wait, were edited after delivery, or are from before the share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.db.models import QuerySet

from sharecore import delivery, withdrawals
from sharecore.delivery import REPLAYABLE, State
from tom_integration import clock
from tom_integration.models import OUTDATED, Activity, Delivery, Outbox
from tom_integration.outbox import activity, transitions
from tom_integration.services import shares

RETRIED = REPLAYABLE - {State.CANCELLED}
"""The states that "retry" tries again: not cancelled, since the datum, share or target was deleted."""
RETRIED_ONE = RETRIED | {State.BASELINE, State.PENDING}
"""The states in which a person can send a single record at once."""


def _retry(rows: QuerySet[Delivery], states: frozenset[State] = RETRIED) -> int:
    return transitions.apply(rows.filter(state__in=states), delivery.replay(now=clock.now()))


def _hurry(rows: QuerySet[Delivery]) -> int:
    return transitions.apply(rows, delivery.hurry(now=clock.now()))


def _send_edited(rows: QuerySet[Delivery]) -> int:
    """Make edited rows due as if the destination had lost them, to be sent without a look-up.

    Their destination takes no edits: it gets the new values as new data, beside the old ones.
    """
    asked = "a person asked for the new values to be sent"
    lost = delivery.lost_there(asked, now=clock.now(), can_tell=False)
    return transitions.apply(rows.filter(OUTDATED), lost, delivered_at=None, arrived="")


def _send_anew(rows: QuerySet[Delivery]) -> int:
    """Send a withdrawn record again, as if the destination had never had it."""
    anew = withdrawals.send_anew(now=clock.now())
    return transitions.apply(rows, anew, delivered_at=None, arrived="", withdrawal_reason="")


_ACTIONS: Mapping[str, Callable[[QuerySet[Delivery]], int]] = {
    "retry": _retry,
    "hurry": _hurry,
    "send-existing": lambda rows: _retry(rows, frozenset({State.BASELINE})),
    "send-edited": _send_edited,
}
_WORDS = {
    "retry": "record",
    "hurry": "waiting record",
    "send-existing": "existing record",
    "send-edited": "edited record",
}
"""What each action retries, for the activity of the share."""


def retry(share_id: int | None = None) -> int:
    """Make due what was refused, withheld, unsupported or given up; return how many records.

    Args:
        share_id: the share to retry; None for all.

    Raises:
        shares.NotPossible: there is no such share.
    """
    chosen = Outbox.objects.all() if share_id is None else [shares.outbox_by_share(share_id)]
    return sum(retry_outbox(outbox, among=outbox.deliveries.all()) for outbox in chosen)


def retry_outbox(outbox: Outbox, action: str = "retry", *, among: QuerySet[Delivery]) -> int:
    """Make some deliveries of an outbox due now; return how many.

    Args:
        outbox: the outbox.
        action: "retry" for what did not arrive, "hurry" for what waits for its next try, "send-existing" for
            what is from before the share, "send-edited" for what was edited after delivery.
        among: the deliveries of the outbox to choose from.
    """
    number = _ACTIONS[action](among)
    if number:
        _note(outbox, number, _WORDS[action])
    shares.wake([outbox])
    return number


def retry_one(row: Delivery) -> None:
    """Make one delivery due now, also one from before the share, or one that was edited after delivery.

    Raises:
        shares.NotPossible: the delivery is not in a state to be tried again.
    """
    mine = Delivery.objects.filter(pk=row.pk)
    followed = row.outbox.share_id is not None
    due = _retry(mine, RETRIED_ONE) or _hurry(mine) or _send_anew(mine)
    if not (due or (followed and _send_edited(mine))):
        raise shares.NotPossible(_why_not(row))
    _note(row.outbox, 1, "record")
    shares.wake([row.outbox])


def _note(outbox: Outbox, number: int, word: str) -> None:
    activity.of_shares(Activity.What.RETRIED, [outbox], detail=activity.counted(number, word))


def _why_not(row: Delivery) -> str:
    match State(row.state):
        case State.DELIVERED:
            return "The destination has it already."
        case State.SENDING:
            return "It is being sent at this moment."
        case State.SUBMITTED:
            return "The destination has taken it, and answers later. It is asked again by itself."
        case State.WITHDRAWING:
            return "It is being withdrawn. Wait until that is done."
        case State.UNCONFIRMED:
            return "It may have arrived. The destination is asked by itself whether it did."
        case State.NEEDS_REVIEW:
            return "It may have arrived. Look at the destination, then say whether it did."
        case State.CANCELLED:
            return f"It was cancelled: {row.reason or 'what it belongs to is gone'}."
        case _:
            return "It changed meanwhile. Reload it, then try again."
