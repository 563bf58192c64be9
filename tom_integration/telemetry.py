"""Measure calls of adapters, and the records that wait, with OpenTelemetry.

Only its API is needed. Without an SDK, which the TOM sets up, nothing is measured and nothing is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.models import Count, Min, QuerySet, Subquery, Sum
from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanKind, StatusCode

from sharecore.addresses import Address
from tom_integration import clock, site_status
from tom_integration.models import Delivery, Outbox

_tracer = trace.get_tracer("sharecore")
_meter = metrics.get_meter("sharecore")
_duration = _meter.create_histogram("sharecore.call.duration", unit="s", description="Time of a call.")
_outcomes = _meter.create_counter("sharecore.outcomes", description="Outcomes of records, one for each call.")


@contextmanager
def call(name: str, address: Address, records: int = 0) -> Iterator[Callable[[BaseException | None], None]]:
    """Measure one call of an adapter as a span, and its duration; yield a function for what stopped the call.

    Args:
        name: name of the method, such as `deliver`.
        address: destination and topic.
        records: number of records.
    """
    about = _about(address) | {"sharecore.call": name}
    started = time.monotonic()
    with _tracer.start_as_current_span(
        f"sharecore {name}",
        kind=SpanKind.CLIENT,
        attributes=about | {"sharecore.records": records},
        record_exception=False,  # Its text is in the ledger, where it is searched for secrets.
        set_status_on_exception=False,
    ) as span:

        def stopped(error: BaseException | None) -> None:
            if error is not None:
                span.set_status(StatusCode.ERROR, type(error).__name__)

        try:
            yield stopped
        except BaseException as error:
            stopped(error)
            raise
        finally:
            _duration.record(time.monotonic() - started, about)


def count(address: Address, outcomes: Mapping[str, int]) -> None:
    """Count the outcomes of one call, by name."""
    for outcome, number in outcomes.items():
        _outcomes.add(number, _about(address) | {"sharecore.outcome": outcome})


def _about(address: Address) -> dict[str, str | int]:
    topic = {"sharecore.topic": address.topic} if address.topic else {}
    return {"sharecore.destination": address.name, **topic}


def _observe_records(options: CallbackOptions) -> Iterable[Observation]:
    numbers = site_status.opened().order_by().values("outbox").annotate(number=Count("*")).values("number")
    return [Observation(number, about) for number, about in _by_destination(numbers, Sum)]


def _observe_age(options: CallbackOptions) -> Iterable[Observation]:
    now = clock.now()
    return [
        Observation(max((now - since).total_seconds(), 0.0), about)
        for since, about in _by_destination(site_status.oldest(), Min)
    ]


def _by_destination(
    of_outbox: QuerySet[Delivery, Any], join: type[Sum | Min]
) -> list[tuple[Any, dict[str, str | int]]]:
    """Return the values of the outboxes that have one, joined for each destination, with its attributes."""
    outboxes = Outbox.objects.annotate(value=Subquery(of_outbox)).filter(value__isnull=False)
    joined = outboxes.order_by().values_list("destination").annotate(joined=join("value"))
    try:
        return [(value, _about(Address(name))) for name, value in joined]
    finally:
        connections.close_all()  # This is a thread of the SDK, which no request ends.


_meter.create_observable_gauge(
    "sharecore.waiting", [_observe_records], description="Records that wait, by destination."
)
_meter.create_observable_gauge(
    "sharecore.waiting.age",
    [_observe_age],
    unit="s",
    description="Age of the oldest record that waits and never arrived.",
)
