"""A plugin that a site requires, such as one that withholds, and that is not there: nothing leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sharecore import Adapter, Batch, ConfigurationError, Destinations, PluginError, Registry, WithholdRequest
from sharecore.dispatch import dispatch
from sharecore.maps import Maps
from sharecore.outcomes import Deferred
from sharecore.withhold_and_convert import prepare

LAMP = """
@hookimpl
def sharecore_destinations():
    yield lamp()
"""
EMBARGO = """
@hookimpl
def sharecore_withhold(request):
    return None
"""


class Sent(Adapter):
    """Notes that it was called."""

    calls = 0

    def deliver(self, batch: Batch) -> Any:
        self.calls += 1
        return iter(())

    def preview(self, batch: Batch) -> Any:
        raise NotImplementedError


def _broken(entry_point: Callable[..., Any]) -> list[Any]:
    embargo = entry_point(
        f"import no_such_package\n{EMBARGO}", name="embargo", distribution="sharecore-embargo"
    )
    return [entry_point(LAMP), embargo]


def test_one_that_is_there_stops_nothing(entry_point: Callable[..., Any]) -> None:
    embargo = entry_point(EMBARGO, name="embargo")
    registry = Registry.load([entry_point(LAMP), embargo], required=["embargo", "lamp"])
    assert registry.missing == registry.problems == ()


@pytest.mark.parametrize("why", ["is not installed", "no_such_package", "blocked"])
def test_it_is_named_with_the_reason(why: str, entry_point: Callable[..., Any]) -> None:
    points, blocked = _broken(entry_point), ()
    if why == "is not installed":
        points.pop()
    elif why == "blocked":
        points[1], blocked = entry_point(EMBARGO, name="embargo"), ("embargo",)  # type: ignore[assignment]
    registry = Registry.load(points, required=["embargo"], blocked=blocked)
    (problem,) = registry.problems
    assert problem.fatal
    assert "'embargo'" in problem.where
    assert why in problem.what
    assert "SHARECORE_REQUIRED_PLUGINS" in problem.hint
    assert "lamp" in registry.destination_types, "the others go on being there"


def test_no_record_and_no_target_leaves(
    entry_point: Callable[..., Any], make_batch: Callable[..., Batch], make_record: Callable[..., Any]
) -> None:
    registry = Registry.load(_broken(entry_point), required=["embargo"])
    destination = Destinations.parse({"x": {"ADAPTER": "lamp"}}, registry)["x"]
    adapter = Sent()
    for batch in (make_batch("1"), make_batch()):
        with pytest.raises(ConfigurationError, match="embargo"):
            dispatch(registry, destination, adapter, batch)
    assert adapter.calls == 0
    batch = make_batch("1")
    (ready,) = prepare(registry, batch, Maps())
    assert isinstance(ready, Deferred), "nor is it shown in a preview"
    request = WithholdRequest(
        site=batch.site, address=batch.address, target=batch.target, record=make_record()
    )
    (said,) = registry.withhold([request])
    assert isinstance(said, PluginError)
    assert "embargo" in said.reason
