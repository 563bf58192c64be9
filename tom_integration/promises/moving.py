"""A share that is given another destination or target takes along what it has promised and not delivered.

So does each share of a destination that gets another name in the settings, once it is told that name.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Case, Exists, F, OuterRef, QuerySet, When

from sharecore import delivery
from sharecore.delivery import Standing, State
from tom_integration import clock
from tom_integration.data.rows import DATUM_MODELS
from tom_integration.models import Channel, Delivery
from tom_integration.promises.difference import register

_NOT_THERE = (State.DUE, State.WITHHELD, State.UNSUPPORTED, State.PARKED)
_IN_DOUBT = (State.SENDING, State.UNCONFIRMED, State.HELD)
"""Where the new address is another name of the old destination, these may be there."""
_SURELY_OVER = timedelta(minutes=5)
"""After which no call to the old address is under way any more."""


def take_along(previous: Channel, channel: Channel) -> None:
    """What was promised at the previous channel's address is due at this one, for data of its target.

    Before the share is taken from the previous channel, and after the data of the target are registered.
    """
    now = clock.now()
    if previous.takes_up(now):
        register(previous, State.DUE, next_at=now)  # promised, too: nobody has looked since it was saved
    promised = Delivery.objects.filter(
        destination=previous.destination, target_id=previous.target_id, request_id__isnull=True
    )
    if previous.destination == channel.destination:
        _follow(promised, channel)
        return
    promised = promised.filter(model=OuterRef("model"), datum_pk=OuterRef("datum_pk"))
    here = Delivery.objects.filter(
        destination=channel.destination, target_id=channel.target_id, state=State.BEFORE
    )
    due = delivery.replay(Standing(state=State.BEFORE), now=now)
    here.filter(Exists(promised.filter(state__in=_NOT_THERE))).update(state=due.state, next_at=due.next_at)
    doubt = delivery.doubt(
        Standing(state=State.BEFORE),
        "sent to the address that the share had before, without an answer",
        look_at=now + _SURELY_OVER,
    )
    here.filter(Exists(promised.filter(state__in=_IN_DOUBT))).update(
        state=doubt.state, next_at=doubt.next_at, reason=doubt.reason
    )


def _follow(promised: QuerySet[Delivery], channel: Channel) -> None:
    """Data that have come to the channel's target (a merge of targets moves them) stay promised there."""
    for name, model in DATUM_MODELS.items():
        come = model._default_manager.filter(target_id=channel.target_id)
        follow(promised.filter(model=name, datum_pk__in=come.values("pk")), channel.target_id)


def follow(rows: QuerySet[Delivery], target_id: int) -> None:
    """The data of these deliveries belong to this target now; where they were sent to stays known."""
    sent = When(sent_to=None, sent_at__isnull=False, then=F("target_id"))
    rows.update(target_id=target_id, sent_to=Case(sent, default=F("sent_to")))
