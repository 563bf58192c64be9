"""Attach shares that were made in bulk, without a signal or by a rule, many at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

from django.db import transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from tom_targets.models import PersistentShare

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Activity, Delivery, Outbox, ShareRule
from tom_integration.outbox import activity, limits, transitions
from tom_integration.outbox.backlog import register_before

TARGETS, DATA = 200, 10_000
"""Targets, and data of them, that one transaction takes: on SQLite nobody else can save during it."""


def few(targets: Sequence[int] | QuerySet[Any, int]) -> list[int]:
    """Return the first of these targets that together have few data, but one at least."""
    pks = list(targets[:TARGETS])
    data: Counter[int] = Counter()
    for model in DATUM_MODELS.values():
        rows = model._default_manager.order_by().filter(target_id__in=pks).values("target_id")
        data.update(dict(rows.annotate(number=Count("pk")).values_list("target_id", "number")))
    sums = accumulate(data[pk] for pk in pks)
    return pks[:1] + [pk for pk, number in zip(pks[1:], islice(sums, 1, None), strict=True) if number <= DATA]


def attach_new(
    shares: Iterable[Any], *, rule: ShareRule | None = None, columns: Mapping[str, Any] | None = None
) -> None:
    """Attach shares whose target has no share at their address so far, each as `open_outboxes.attach` would.

    Args:
        shares: the shares.
        rule: the rule that made them.
        columns: columns of `Limited`, set before the data from before are read with their filter.
    """
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
            _attach(address, pks, rule, columns or {})


def _attach(address: Address, targets: list[int], rule: ShareRule | None, columns: Mapping[str, Any]) -> None:
    free = Outbox.objects.at(address).filter(target_id__in=targets, share_id__isnull=True)
    # Write before reading, so that another process that attaches one of them waits, and finds it attached.
    # A rule has its shares looked at once it has made all: ten thousand looks would delay the others.
    look = {"scanned_at": None} if rule is not None else {"look_now": True}
    free.update(problem="", needs_person=False, rule=rule, **look, **columns)
    mine: list[int] = []
    share = PersistentShare.objects.filter(destination=str(address), target_id=OuterRef("target_id"))
    # A rule shares the data since it was made, or since the look before a target joined.
    existing_to = rule.existing_to if rule is not None else {}
    existed = {model: Q(pk__lte=last) for model, last in existing_to.items()}
    for same, selection in limits.groups(free):
        targets = list(same.values_list("target_id", flat=True))
        if not targets:
            continue
        if any(selection.values()) and not existing_to:
            existing_to = limits.highest_keys()
        known = Delivery.objects.at(address).filter(outbox__target_id__in=targets)
        transitions.set_aside(known)
        before = {model: condition & existed.get(model, Q()) for model, condition in selection.items()}
        register_before(address, targets, before)
        mine += same.values_list("pk", flat=True)
        shares_existing = (rule is not None and rule.existing) or not any(selection.values())
        same.update(existing_to={} if shares_existing else existing_to)
    found = Outbox.objects.filter(pk__in=mine)
    if rule is not None and rule.existing:
        existing = Delivery.objects.filter(outbox__in=mine, state=State.BASELINE)
        transitions.apply(existing, delivery.replay(now=clock.now()))
    found.update(
        share_id=Subquery(share.order_by().values("pk")[:1]),
        creator_id=Subquery(share.order_by().values("user_id")[:1]),
    )
    activity.of_shares(Activity.What.MADE, list(found), by_creators=True)
