"""Maps in the settings: what is sent, previewed and looked up under other names, and never sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from sharecore import Photometry, Unconfirmed
from tom_integration.services import preview

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

MAPS = {"BANDPASS_MAP": {"rp": "r"}, "EXTRA_MAP": {"X": "airmass", "operator": None}}


@contextmanager
def mapped(**maps: Any) -> Iterator[None]:
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", **maps}}):
        yield


def received(tom: Tom) -> list[tuple[str, dict[str, Any]]]:
    return [(each.bandpass, dict(each.extra)) for each in tom.x.received if isinstance(each, Photometry)]


def test_a_preview_shows_the_names_that_arrive(tom: Tom) -> None:
    with mapped(**MAPS):
        target = tom.target()
        tom.share(target)
        tom.datum(target, bandpass="rp", value={"X": 1.3, "operator": "ada", "seeing": 2})
        sample = preview.of_outbox(tom.outbox(target)).newest(preview.SAMPLE)
        tom.deliver()
        assert sample.batch.records == tuple(tom.x.received)
        assert received(tom) == [("r", {"airmass": 1.3, "seeing": 2})]


def test_what_was_sent_without_an_answer_is_looked_up_as_it_was_sent(tom: Tom) -> None:
    """A destination that compares would not find the original, and would get the record twice."""
    with mapped(**MAPS):
        target = tom.target()
        tom.share(target)
        row = tom.datum(target, bandpass="rp")
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        tom.deliver()
        tom.deliver(after=3600)
        assert [each.bandpass for batch in tom.x.looked_up for each in batch.records] == ["r"]  # type: ignore[union-attr]
        assert tom.state(row) == "delivered"
        assert [bandpass for bandpass, _ in received(tom)] == ["r"]


@pytest.mark.parametrize("after", [{}, {"BANDPASS_MAP": {"rp": "R"}}])
def test_a_changed_map_sends_nothing_again(tom: Tom, after: dict[str, Any]) -> None:
    target = tom.target()
    with mapped(**MAPS):
        tom.share(target)
        row = tom.datum(target, bandpass="rp")
        tom.deliver()
    with mapped(**after):
        row.save()
        tom.deliver(after=3 * 86400)
        assert [bandpass for bandpass, _ in received(tom)] == ["r"]
        tom.datum(target, bandpass="rp", brightness=17.0)
        tom.deliver()
        last, _ = received(tom)[-1]
        assert last == after.get("BANDPASS_MAP", {}).get("rp", "rp")


@pytest.mark.parametrize("fields", [{}, {"exposure_time": 30.0}])
def test_what_a_stock_tom_sends_back_under_its_names_goes_no_further(
    tom: Tom, fields: dict[str, Any]
) -> None:
    with mapped(**MAPS):
        target = tom.target()
        tom.share(target)
        ours = tom.datum(target, bandpass="rp", **fields)
        tom.deliver()
        back = tom.datum(target, bandpass="r", timestamp=ours.timestamp, brightness=ours.brightness)
        other = tom.datum(target, bandpass="i", timestamp=ours.timestamp, brightness=ours.brightness)
        assert tom.deliver() == 1
        assert tom.state(back) == "withheld"
        assert f"came back from another TOM: repeats datum {ours.pk}" in tom.row(back).reason
        assert tom.state(other) == "delivered"
