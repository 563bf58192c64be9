"""Close the outbox of a target that was deleted."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import itemgetter

from django.db.models import Q

from sharecore import delivery
from sharecore.delivery import State
from sharecore.withdrawals import leave_there
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.outbox import moved_reports, named_data, transitions
from tom_integration.worker import lost_worker
from tom_integration.worker.leases import Lease


def close(lease: Lease) -> datetime | None:
    """Cancel the open deliveries of a deleted target, but for data that moved to another target.

    Return the end of the first lease under which deliveries of the outbox are still being sent.
    """
    outbox = lease.outbox
    moved_reports.follow_data(outbox.target_id)
    for name, model in SHARED_MODELS.items():
        pointers = outbox.deliveries.filter(model=name).values("datum_pk")
        left = model._default_manager.filter(pk__in=pointers).values_list("target_id", "pk")
        for target_id, pks in groupby(left.order_by("target_id"), key=itemgetter(0)):
            named_data.mark(target_id, name, [pk for _, pk in pks])
    rows, others_until = lost_worker.abandoned(lease)
    free = ~Q(state=State.SENDING) | Q(pk__in=[row.pk for row in rows])
    transitions.apply(outbox.deliveries.filter(free), delivery.cancel("the target was deleted"), lease="")
    stays = leave_there("the target was deleted before it was withdrawn")
    transitions.apply(outbox.deliveries.all(), stays, withdrawal_reason="")
    return others_until
