"""What a TOM with an SDK of OpenTelemetry measures of its sharing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sharecore.exceptions import DestinationError
from sharecore.outcomes import Rejected
from tom.conftest import edit
from tom_integration import telemetry

if TYPE_CHECKING:
    from conftest import Tom


@pytest.fixture(scope="session")
def sdk() -> tuple[InMemoryMetricReader, InMemorySpanExporter]:
    """The SDK of this process, which can be set once. A process may come back to this module."""
    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    return reader, spans


@pytest.fixture
def measured(sdk: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that returns the points of a metric, each with its attributes."""
    # The reader asks in the thread of the test, whose transaction must stay open.
    monkeypatch.setattr(telemetry.connections, "close_all", lambda: None)

    def points(name: str) -> list[tuple[Any, dict[str, Any]]]:
        data = sdk[0].get_metrics_data()
        found = [
            metric
            for each in (data.resource_metrics if data else ())
            for scope in each.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [
            (getattr(point, "value", None), dict(point.attributes))
            for metric in found
            for point in metric.data.data_points
        ]

    return points


def test_outcomes_calls_and_what_waits_are_measured(tom: Tom, shared_to_both: Any, measured: Any) -> None:
    def outcomes() -> Counter[tuple[str, str]]:
        points = measured("sharecore.outcomes")
        return Counter({(a["sharecore.destination"], a["sharecore.outcome"]): n for n, a in points})

    before = outcomes()  # of other tests of this process
    tom.x.will(Rejected(reason="no"), times=1)
    tom.y.will(DestinationError("down"))
    tom.datum(shared_to_both)
    tom.datum(shared_to_both)
    tom.deliver(fails=True)
    assert outcomes() - before == {("x", "rejected"): 1, ("x", "accepted"): 1, ("y", "unsent"): 2}
    assert (2, {"sharecore.destination": "y"}) in measured("sharecore.waiting")
    tom.clock.forward(seconds=90)
    ((age, about),) = measured("sharecore.waiting.age")
    assert about == {"sharecore.destination": "y"}
    assert age >= 90
    assert {a["sharecore.call"] for _, a in measured("sharecore.call.duration")} >= {"deliver"}


def test_an_edit_of_what_arrived_long_ago_does_not_wait_since_then(
    tom: Tom, shared: Any, measured: Any
) -> None:
    tom.x.can_update = True
    datum = tom.datum(shared)
    tom.deliver()
    tom.clock.forward(days=30)
    tom.x.will(DestinationError("down"))
    edit(datum, brightness_error=0.25)
    tom.deliver(fails=True)
    assert measured("sharecore.waiting") == [(1, {"sharecore.destination": "x"})]
    assert measured("sharecore.waiting.age") == []
    tom.datum(shared)
    tom.deliver(fails=True)
    ((age, _),) = measured("sharecore.waiting.age")
    assert age < 86400


def test_each_call_is_a_span_that_says_what_stopped_it(tom: Tom, shared_to_both: Any, sdk: Any) -> None:
    sdk[1].clear()
    tom.y.will(DestinationError("down, says s3cr3t"))
    tom.datum(shared_to_both)
    tom.deliver(fails=True)
    spans = {each.attributes["sharecore.destination"]: each for each in sdk[1].get_finished_spans()}
    assert spans["x"].name == "sharecore deliver"
    assert spans["x"].attributes["sharecore.records"] == 1
    assert spans["x"].status.is_ok
    assert spans["y"].status.description == "DestinationError"
    assert not spans["y"].events, "texts of errors stay in the ledger"
