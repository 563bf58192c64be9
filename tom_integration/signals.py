"""Send a signal with each event that an operator may want to hear of or to count."""

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
    """Name the events; each is sent once, when it begins."""

    DESTINATION_PAUSED = "destination paused"
    """The destination refuses our credentials: nothing is sent until they change."""
    DESTINATION_DOWN = "destination down"
    """The destination cannot take anything; it is tried again at growing intervals."""
    DESTINATION_UP = "destination up"
    """The destination takes our data again, after one of these two."""
    KEY_REFUSED = "key refused"
    """The destination refuses the key of one person: what that person shares waits until it changes."""
    RECORDS_FAILED = "records failed"
    """Records were refused, or tried too often: `manage.py sharing retry`."""
    RECORDS_NEED_REVIEW = "records need review"
    """Records may have arrived: `manage.py sharing resolve`."""
    SHARE_STOPPED = "share stopped"
    """A share sends nothing until a person acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Report an event of a destination or a share."""

    event: Event
    destination: str
    """The address, `name` or `name:topic`."""
    reason: str
    """A text for people; parts of it may come from the destination."""
    share_id: int | None = None
    """The continuous share; None for a one-time share or a whole destination."""
    target_id: int | None = None
    delivery_ids: tuple[int, ...] = ()
    """The rows of `tom_integration.models.Delivery` that have failed or need review."""


def of_destination(event: Event, address: str, reason: str = "") -> None:
    """Send an event of a destination, or of one topic of it."""
    sharing_alert.send_robust(sender=Alert, alert=Alert(event=event, destination=address, reason=reason))


def of_outbox(event: Event, outbox: Outbox, reason: str, *, delivery_ids: Iterable[int] = ()) -> None:
    """Send an event of a share, or of its records."""
    alert = Alert(
        event=event,
        destination=str(outbox.address),
        reason=reason,
        share_id=outbox.share_id,
        target_id=outbox.target_id,
        delivery_ids=tuple(delivery_ids),
    )
    sharing_alert.send_robust(sender=Alert, alert=alert)
