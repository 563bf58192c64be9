"""A share that is given another destination or target takes along what it has promised and not delivered.

So does each share of a destination that gets another name in the settings, once it is told that name.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from sharecore import delivery
from sharecore.delivery import DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.row_to_record import DATUM_MODELS
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox.backlog import register

_NOT_THERE = (State.PENDING, State.WITHHELD, State.UNSUPPORTED, State.FAILED)
_IN_DOUBT = (State.SENDING, State.UNCONFIRMED, State.NEEDS_REVIEW)
"""Where the new address is another name of the old destination, these may be there."""
_SURELY_OVER = timedelta(minutes=5)
"""After which no call to the old address is under way any more."""


def take_along(previous: Outbox, outbox: Outbox) -> None:
    """What was promised at the previous outbox's address is due at this one, for data of its target.

    Before the share is taken from the previous outbox, and after the data of the target are registered.
    """
    now = clock.now()
    if previous.takes_up(now):
        register(previous, State.PENDING, next_at=now)  # promised, too: nobody has looked since it was saved
    promised = previous.deliveries.filter(one_time_share__isnull=True)
    if previous.address == outbox.address:
        _follow(promised, outbox)
        return
    promised = promised.filter(model=OuterRef("model"), datum_pk=OuterRef("datum_pk"))
    here = outbox.deliveries.filter(state=State.BASELINE)
    due = delivery.replay(DeliveryState(state=State.BASELINE), now=now)
    here.filter(Exists(promised.filter(state__in=_NOT_THERE))).update(state=due.state, next_at=due.next_at)
    doubt = delivery.doubt(
        DeliveryState(state=State.BASELINE),
        "sent to the address that the share had before, without an answer",
        look_at=now + _SURELY_OVER,
    )
    here.filter(Exists(promised.filter(state__in=_IN_DOUBT))).update(
        state=doubt.state, next_at=doubt.next_at, reason=doubt.reason
    )


def _follow(promised: QuerySet[Delivery], outbox: Outbox) -> None:
    """Data that have come to the outbox's target (a merge of targets moves them) stay promised there."""
    for name, model in DATUM_MODELS.items():
        come = model._default_manager.filter(target_id=outbox.target_id)
        here = promised.filter(model=name, datum_pk__in=come.values("pk"))
        here.update(outbox=outbox)
