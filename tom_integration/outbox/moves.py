"""A share that is given another destination or target takes along what it has promised and not delivered.

So does each share of a destination that gets another name in the settings, once it is told that name.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from sharecore import delivery
from sharecore.delivery import IN_DOUBT, DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.outbox.backlog import register

_NOT_THERE = (State.PENDING, State.WITHHELD, State.UNSUPPORTED, State.FAILED)
_MAYBE_THERE = IN_DOUBT | {State.SENDING}
"""Where the new address is another name of the old destination, these may be there."""
_SURELY_OVER = timedelta(minutes=5)
"""After which no call to the old address is under way any more."""


def take_along(previous: Outbox, outbox: Outbox) -> None:
    """What was promised at the previous outbox's address is due at this one, for data of its target.

    Before the share is taken from the previous outbox, and after the data of the target are registered.
    """
    now = clock.now()
    if previous.takes_up(now):
        register(
            previous, DeliveryState(state=State.PENDING, next_at=now)
        )  # promised, too: nobody has looked since it was saved
    promised = previous.deliveries.filter(one_time_share__isnull=True)
    if previous.address == outbox.address:
        _follow(promised, outbox)
        return
    promised = promised.filter(model=OuterRef("model"), datum_pk=OuterRef("datum_pk"))
    here = outbox.deliveries.filter(state=State.BASELINE)
    transitions.apply(here.filter(Exists(promised.filter(state__in=_NOT_THERE))), delivery.replay(now=now))
    reason = "sent to the address that the share had before, without an answer"
    doubt = delivery.doubt(reason, look_at=now + _SURELY_OVER)
    transitions.apply(here.filter(Exists(promised.filter(state__in=_MAYBE_THERE))), doubt)


def _follow(promised: QuerySet[Delivery], outbox: Outbox) -> None:
    """Data that have come to the outbox's target (a merge of targets moves them) stay promised there."""
    for name, model in DATUM_MODELS.items():
        come = model._default_manager.filter(target_id=outbox.target_id)
        here = promised.filter(model=name, datum_pk__in=come.values("pk"))
        here.update(outbox=outbox)
