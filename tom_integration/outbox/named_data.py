"""Mark the deliveries of data that were saved or named, for `outbox.changes`."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from sharecore import delivery
from sharecore.addresses import Address
from tom_integration import clock
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions, versions
from tom_integration.outbox.open_outboxes import open_outbox


def mark(target_id: int, model: str, pks: Iterable[int]) -> int:
    """Mark the deliveries of these data; return how many.

    Deliveries of data that have come to this target, as in a merge of targets, move to its outboxes.
    """
    rows = Delivery.objects.filter(model=model, datum_pk__in=list(pks))
    here = SHARED_MODELS[model]._default_manager.filter(pk__in=list(pks), target_id=target_id)
    come = rows.exclude(outbox__target_id=target_id).filter(datum_pk__in=here.values("pk"))
    for destination, topic in set(come.values_list("destination", "topic")):
        address = Address(destination, topic)
        outbox = open_outbox(address, target_id)
        # The look cancels the deliveries in an outbox without a share.
        Outbox.objects.filter(pk=outbox.pk).update(look_now=True)
        # Approval was asked for it under the name of the target that it had.
        transitions.apply(come.at(address), delivery.ask_anew(now=clock.now()))
        with transaction.atomic():
            versions.renew([outbox.pk, *come.at(address).values_list("outbox_id", flat=True)])
            versions.update(come.at(address), outbox=outbox)
    return rows.update(named=True)
