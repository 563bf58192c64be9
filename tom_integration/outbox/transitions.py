"""Write the states of deliveries, by the transitions of `sharecore.delivery`, for one or many at once.

No other module writes these columns, or when a delivery arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from sharecore import delivery
from sharecore.delivery import LEFT, SET_ASIDE, START, STOP, DeliveryState, State, Transition
from sharecore.texts import one_line
from tom_integration import clock, signals
from tom_integration.models import FIELD_LENGTH, REASON_LENGTH, REMOTE_ID_LENGTH, Delivery
from tom_integration.outbox import versions
from tom_integration.outbox.bulk_sql import update_each
from tom_integration.signals import Event

_FIELDS = ("state", "attempts", "failures", "next_at", "reason", "field", "remote_id", "ticket")
_LENGTHS = {"reason": REASON_LENGTH, "field": FIELD_LENGTH, "remote_id": REMOTE_ID_LENGTH}
_NAMES = ("remote_id", "ticket")
"""The columns in which the deliveries of one call differ most."""
_TOLD = {State.FAILED: Event.RECORDS_FAILED, State.NEEDS_REVIEW: Event.RECORDS_NEED_REVIEW}
_MAY_BE_THERE = LEFT | {State.DELIVERED, State.WITHDRAWING}
_ARRIVED = {
    "arrived": "fingerprint",
    "revision": "CASE WHEN delivered_at IS NULL THEN revision ELSE revision + 1 END",
}
"""SQL for further columns of delivered rows; both databases read the values from before the statement."""


_CONTENT = ("kind", "record_id", "identity", "fingerprint")
"""The columns that a row gets when it is prepared."""


def state_of(row: Delivery) -> DeliveryState:
    """Return the state of a delivery."""
    return DeliveryState(**{name: getattr(row, name) for name in _FIELDS} | {"state": State(row.state)})


def columns(state: DeliveryState) -> dict[str, Any]:
    """Return the columns of a row in this state, as they are stored."""
    return {name: _stored(name, getattr(state, name)) for name in _FIELDS}


def _stored(name: str, value: Any) -> Any:
    return one_line(value, _LENGTHS[name]) if name in _LENGTHS else value


def apply(rows: QuerySet[Delivery], transition: Transition, **others: Any) -> int:
    """Apply a transition to all deliveries in its source states, with further columns; return how many."""
    values = {name: _stored(name, value) for name, value in transition.sets.items()}
    if transition.to is not None:
        values["state"] = transition.to
    if transition.tries:
        values["attempts"] = F("attempts") + transition.tries
    if transition.forgiven:
        values["failures"] = Greatest(F("failures") - transition.forgiven, 0)
    return versions.update(rows.filter(state__in=transition.sources), **values, **others)


def write(row: Delivery, state: DeliveryState, **others: Any) -> int:
    """Write the state of a delivery, unless its state or datum was changed since it was read."""
    same = Delivery.objects.filter(pk=row.pk, state=row.state, model=row.model, datum_pk=row.datum_pk)
    return versions.update(same, **columns(state), **others)


def start(rows: Iterable[Delivery], token: str) -> list[Delivery]:
    """Write deliveries as `sending` before anything leaves; return those that were written.

    The rows have identity and content. Rows that another process has changed meanwhile are left out. The
    attribute `sent_from` of a row keeps the value from before, for `settle`.
    """
    rows = list(rows)
    now, outboxes = clock.now(), sorted({row.outbox_id for row in rows})
    with transaction.atomic():
        # Write first: on SQLite a transaction that has read fails at once while another one writes.
        versions.renew(outboxes)
        written = update_each(
            rows,
            _CONTENT,
            constants={"state": START.to, **START.sets, "lease": token, "sent_at": now},
            expressions={"attempts": f"attempts + {START.tries}", "sent_from_id": "outbox_id"},
            # Not rows that have followed their data to another target, under whose name they must leave.
            only={"state": sorted(START.sources), "outbox_id": outboxes},
        )
        if written < len(rows):
            mine = Delivery.objects.filter(pk__in=[row.pk for row in rows], state=State.SENDING, lease=token)
            taken = set(mine.values_list("pk", flat=True))
            rows = [row for row in rows if row.pk in taken]
    for row in rows:
        row.lease, row.sent_at = token, now
        for name, value in columns(START(state_of(row))).items():
            setattr(row, name, value)
    return rows


def set_aside(rows: QuerySet[Delivery]) -> int:
    """Leave out the data that are there before a share is made; return how many.

    An approval of what was cancelled since is no approval for the new share.
    """
    return apply(rows, SET_ASIDE, named=False, approved="")


def stop(rows: Iterable[Delivery]) -> int:
    """Stop deliveries until a person approves the content in `asked`; return how many."""
    rows = list(rows)
    if not rows:
        return 0
    outboxes = sorted({row.outbox_id for row in rows})
    with transaction.atomic():
        versions.renew(outboxes)
        return update_each(
            rows,
            (*_CONTENT, "asked"),
            constants={"state": STOP.to, **STOP.sets},
            only={"state": sorted(STOP.sources), "outbox_id": outboxes},
        )


def approve(rows: QuerySet[Delivery], *, by: int) -> int:
    """Let deliveries go, with the content for which approval was asked; return how many.

    Args:
        rows: the deliveries.
        by: the primary key of the user who approves.
    """
    return apply(rows, delivery.approve(now=clock.now()), approved=F("asked"), approved_by=by)


def found_there(rows: Iterable[Delivery], *, edited: Collection[int]) -> None:
    """Note that the destination has unconfirmed deliveries, in a transaction that goes on to settle them.

    Args:
        rows: the deliveries, with their present identity and content.
        edited: primary keys of those that it has with other content: from now on they go as edits.
    """
    first: list[Delivery] = []
    others: list[Delivery] = []
    for row in rows:
        (first if row.pk in edited and row.delivered_at is None else others).append(row)
    versions.renew_of(Delivery.objects.filter(pk__in=[row.pk for row in (*first, *others)]))
    unconfirmed = {"state": [State.UNCONFIRMED]}
    update_each(first, _CONTENT, constants={"delivered_at": clock.now()}, only=unconfirmed)
    update_each(others, _CONTENT, only=unconfirmed)


def settle(
    rows: Iterable[Delivery],
    states: Mapping[int, DeliveryState],
    *,
    token: str,
    expected: State = State.SENDING,
    also: Callable[[], object] = lambda: None,
) -> int:
    """Write the states of deliveries after a call or a look-up; return how many were written.

    Only rows in the expected state, and under this token while `sending`, change: a worker that has lost its
    lease changes nothing. A row that did not arrive keeps `sent_from`: an earlier call may have sent it.

    Args:
        rows: the deliveries of the call.
        states: their new states, by primary key.
        token: the token of the lease.
        expected: the state in which the rows must be.
        also: called first, in the same transaction.
    """
    rows = list(rows)
    by_change: dict[tuple[object, ...], list[Delivery]] = defaultdict(list)
    for row in rows:
        state = states[row.pk]
        same = (state.state, state.failures, state.next_at, state.reason, state.field, row.sent_from_id)
        by_change[same].append(row)
    now = clock.now()
    guard: dict[str, list[Any]] = {"state": [expected]}
    guard |= {"lease": [token]} if expected is State.SENDING else {}
    written = 0
    told: list[tuple[DeliveryState, list[Delivery]]] = []
    with transaction.atomic():
        also()
        # A row may have followed its datum to another outbox.
        guard["outbox_id"] = versions.renew_of(Delivery.objects.filter(pk__in=[row.pk for row in rows]))
        for group in by_change.values() if guard["outbox_id"] else ():
            change = states[group[0].pk]
            values = columns(change) | {"lease": ""}
            del values["attempts"]
            # Deliveries have a ticket for a short time, and seldom.
            names = _NAMES if any(states[row.pk].ticket for row in group) else _NAMES[:1]
            for name in names:
                del values[name]
            if change.state not in _MAY_BE_THERE:
                values["sent_from_id"] = group[0].sent_from_id
            delivered = change.state is State.DELIVERED
            for row in group:
                for name in names:
                    setattr(row, name, _stored(name, getattr(states[row.pk], name)))
            number = update_each(
                group,
                names,
                constants=values | ({"delivered_at": now} if delivered else {}),
                expressions=_ARRIVED if delivered else {},
                only=guard,
            )
            written += number
            if number and change.state in _TOLD:
                told.append((change, group))
    for change, group in told:
        signals.of_outbox(
            _TOLD[change.state],
            group[0].outbox,
            one_line(change.reason),
            delivery_ids=sorted(row.pk for row in group),
        )
    return written
