"""Move open deliveries with a share that is given another destination or target.

The same serves a destination with a new name in the settings, once each share is given that name.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from sharecore import delivery
from sharecore.delivery import LEFT, DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions, versions
from tom_integration.outbox.backlog import register
from tom_integration.outbox.limits import of_outbox

_NOT_THERE = (State.PENDING, State.TO_APPROVE, State.WITHHELD, State.UNSUPPORTED, State.FAILED)
_SURELY_OVER = timedelta(minutes=5)
"""The time after which no call to the old address is under way any more."""


def take_along(previous: Outbox, outbox: Outbox) -> None:
    """Make due in this outbox what the previous outbox had open, for data of this outbox's target.

    Call it in a transaction, after the data of the target are registered, and before the previous outbox
    loses the share.
    """
    now = clock.now()
    if previous.takes_up(now):
        # Data that no worker has looked at since they were saved are to be sent, too.
        pending = DeliveryState(state=State.PENDING, next_at=now)
        register(previous, pending, selection=of_outbox(previous).selection)
    of_share = previous.deliveries.filter(one_time_share__isnull=True)
    if previous.address == outbox.address:
        _follow(of_share, previous, outbox)
        return
    of_share = of_share.filter(model=OuterRef("model"), datum_pk=OuterRef("datum_pk"))
    here = outbox.deliveries.filter(state=State.BASELINE)
    transitions.apply(here.filter(Exists(of_share.filter(state__in=_NOT_THERE))), delivery.replay(now=now))
    # Those that have left may be at the new address, when it is a new name of the old destination.
    reason = "sent to the address that the share had before, without an answer"
    doubt = delivery.doubt(reason, look_at=now + _SURELY_OVER)
    transitions.apply(here.filter(Exists(of_share.filter(state__in=LEFT))), doubt)


def _follow(of_share: QuerySet[Delivery], previous: Outbox, outbox: Outbox) -> None:
    """Move open deliveries of data that have come to the outbox's target, as in a merge of targets."""
    for name, model in DATUM_MODELS.items():
        come = model._default_manager.filter(target_id=outbox.target_id)
        here = of_share.filter(model=name, datum_pk__in=come.values("pk"))
        versions.renew([previous.pk, outbox.pk])
        transitions.apply(here, delivery.ask_anew(now=clock.now()))
        versions.update(here, outbox=outbox)
