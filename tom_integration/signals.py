"""One signal for whatever an operator may want to be told of, or to count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.dispatch import Signal

from tom_integration.models import Outbox

sharing_alert = Signal()
"""Sent with `alert`, an `Alert`; the sender is the `Alert` class.

Receivers run in the thread that delivers, after everything is written; an exception in one is logged and
changes nothing.
"""


class Event(StrEnum):
    """What happened. Each is told once, when it begins."""

    DESTINATION_PAUSED = "destination paused"  # it refuses our credentials: nothing is sent until they change
    DESTINATION_DOWN = "destination down"  # it cannot take anything; tried again at growing intervals
    DESTINATION_UP = "destination up"  # after one of these two: it takes our data again
    RECORDS_FAILED = "records failed"  # refused, or tried too often: `manage.py sharing retry`
    RECORDS_NEED_REVIEW = "records need review"  # may have arrived: `manage.py sharing resolve`
    SHARE_STOPPED = "share stopped"  # a share cannot go on before a person mends something


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What happened, and to what.

    destination: the address, `name` or `name:topic`. reason: for people; parts of it may come from the
    destination. share_id: the continuous share, None for a one-time request or a whole destination.
    delivery_ids: the rows of `tom_integration.models.Delivery` that have failed or need review.
    """

    event: Event
    destination: str
    reason: str
    share_id: int | None = None
    target_id: int | None = None
    delivery_ids: tuple[int, ...] = ()


def of_destination(event: Event, address: str, reason: str = "") -> None:
    """Tell what happened to a destination, or to one topic of it."""
    _send(Alert(event=event, destination=address, reason=reason))


def of_outbox(event: Event, outbox: Outbox, reason: str, *, delivery_ids: Iterable[int] = ()) -> None:
    """Tell what happened to a share, or to records of it."""
    _send(
        Alert(
            event=event,
            destination=str(outbox.address),
            reason=reason,
            share_id=outbox.share_id,
            target_id=outbox.target_id,
            delivery_ids=tuple(delivery_ids),
        )
    )


def _send(alert: Alert) -> None:
    sharing_alert.send_robust(sender=Alert, alert=alert)
