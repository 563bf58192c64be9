"""Ask about deliveries that were sent before: as what they were sent, and how the answers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from sharecore.adapter import Batch
from sharecore.delivery import DeliveryState, State
from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DestinationError
from sharecore.records import Kind, RecordKey
from sharecore.targets import Target
from tom_integration.mapping.target_fields import find_target, target_of
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import observer_keys, target_keys, transitions
from tom_integration.worker.write_again import persist

TAKES_NO_CALL = (AuthenticationFailed, DestinationError, ConfigurationError)
"""The exceptions that say that the destination, or the site, takes no call now: nothing about a record."""


def as_sent(batch: Batch, rows: Iterable[Delivery]) -> Iterator[tuple[Batch, list[Delivery]]]:
    """Yield the batch for each target that the data had when they were sent, with their deliveries.

    Args:
        batch: the batch for the present target of the data.
        rows: deliveries in one outbox.
    """
    for outbox_id, group in groupby(sorted(rows, key=sent_from), key=sent_from):
        sent = list(group)
        yield (batch if outbox_id == sent[0].outbox_id else _about(outbox_id, batch)), sent


def sent_from(row: Delivery) -> int:
    """Return the primary key of the outbox of the target under which a delivery was sent."""
    return row.sent_from_id or row.outbox_id


def by_key(rows: Iterable[Delivery], *, origin: str) -> dict[RecordKey, Delivery]:
    """Return deliveries by the keys under which they were sent."""
    rows = list(rows)
    known = observer_keys.keys_of([(row, Kind(row.kind)) for row in rows])
    return {
        known.get(row.pk) or RecordKey(kind=Kind(row.kind), origin=origin, id=row.record_id): row
        for row in rows
    }


def _about(outbox_id: int, batch: Batch) -> Batch:
    """Return the batch for the target that the records had when they were sent, which may be deleted."""
    outbox = Outbox.objects.filter(pk=outbox_id).first()
    batch = replace(batch, state=outbox.adapter_state if outbox else {}, moved=True)
    target = find_target(outbox.target_id) if outbox else None
    if target is not None:
        return replace(batch, target=target_of(target), target_keys=target_keys.keys_of(target))
    if outbox is None or not outbox.names:
        return batch  # The ledger knows no name of it; it may have been merged into the present target.
    name, *aliases = outbox.names
    return replace(batch, target=Target(name=name, aliases=tuple(aliases)), target_keys={})


def settle(rows: Iterable[Delivery], rule: Callable[[DeliveryState], DeliveryState]) -> None:
    """Write the states of unconfirmed deliveries by a rule that is the same for all."""
    settle_each(rows, lambda _, state: rule(state))


def settle_each(
    rows: Iterable[Delivery],
    rule: Callable[[Delivery, DeliveryState], DeliveryState],
    also: Callable[[], None] = lambda: None,
    *,
    expected: State = State.UNCONFIRMED,
) -> int:
    """Write the states of deliveries by a rule for each; return how many were written.

    Args:
        rows: the deliveries.
        rule: returns the state after the answer of the destination.
        also: called first, in the same transaction.
        expected: the state in which they must be.
    """
    rows = list(rows)
    known = {row.pk: rule(row, transitions.state_of(row)) for row in rows}
    return persist(lambda: transitions.settle(rows, known, token="", expected=expected, also=also))
