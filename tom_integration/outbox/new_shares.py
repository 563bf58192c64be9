"""Attach shares that were made in bulk, without a signal, many at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Subquery
from tom_targets.models import PersistentShare

from sharecore.addresses import Address
from sharecore.delivery import SET_ASIDE
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.outbox.backlog import register_before


def attach_new(shares: Iterable[Any]) -> None:
    """Attach shares whose target has no share at their address so far, each as `opening.attach` would."""
    targets: dict[Address, list[int]] = defaultdict(list)
    for share in shares:
        targets[Address.parse(share.destination)].append(share.target_id)
    with transaction.atomic():
        # Write first: on SQLite a transaction that has read fails at once while another one writes.
        Outbox.objects.bulk_create(
            [Outbox.to(address, pk) for address, pks in targets.items() for pk in pks],
            ignore_conflicts=True,
        )
        for address, pks in targets.items():
            _attach(address, pks)


def _attach(address: Address, targets: list[int]) -> None:
    free = Outbox.objects.at(address).filter(target_id__in=targets, share_id__isnull=True)
    # Write before reading, so that another process that attaches one of them waits, and finds it attached.
    free.update(paused="", problem="", needs_person=False, kinds=[], until=None, look_now=True)
    targets = list(free.values_list("target_id", flat=True))
    if not targets:
        return
    known = Delivery.objects.at(address).filter(outbox__target_id__in=targets)
    transitions.apply(known, SET_ASIDE, named=False)
    register_before(address, targets)
    share = PersistentShare.objects.filter(destination=str(address), target_id=OuterRef("target_id"))
    free.update(
        share_id=Subquery(share.order_by().values("pk")[:1]),
        creator_id=Subquery(share.order_by().values("user_id")[:1]),
    )
