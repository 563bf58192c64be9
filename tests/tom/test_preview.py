"""A preview shows what would leave: no more, no less, and the same in the command and on the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import SpectroscopyReducedDatum

from sharecore import ConvertRequest, Record, WithholdRequest, hookimpl
from sharecore.records import Kind
from tom_integration import links, preview, site
from tom_integration.pages import preview as page
from tom_integration.promises import channels
from tom_integration.sending import topics

if TYPE_CHECKING:
    from tom.conftest import Tom


SECRET = "Pa55word"


class Rules:
    """Plugins of a site: what it keeps, and what it changes on the way out."""

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> str | None:
        return "proprietary" if request.record.source_name == "proprietary" else None

    @hookimpl
    def sharecore_convert(self, request: ConvertRequest) -> Record:
        return dataclasses.replace(request.record, telescope="LCO 1m")


@pytest.fixture
def plugins() -> Iterable[object]:
    return (Rules(),)


def test_what_the_sites_plugins_keep_or_change_is_shown_as_it_would_leave(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    secret = tom.datum(target, source_name="proprietary")
    tom.datum(target)
    sample = preview.sample_of(tom.channel(target))
    assert tom.deliver() == 1
    assert sample.batch.records == tuple(tom.x.received)
    assert sample.batch.records[0].telescope == "LCO 1m"
    (left,) = sample.left_out
    assert left.startswith(f"datum {secret.pk} of ")
    assert left.endswith(": proprietary")


def test_a_share_of_few_among_many_shows_those(tom: Tom) -> None:
    target = tom.target()
    share = tom.share(target)
    SpectroscopyReducedDatum.objects.create(
        target=target, timestamp="2026-02-01T00:00:00Z", flux=[1.0, 2.0], wavelength=[4000.0, 4001.0]
    )
    tom.data(target, preview.SAMPLE + 1)
    channels.limit(tom.channel(target), kinds=[Kind.SPECTRUM], until=None)
    (record,) = preview.sample_of(tom.channel(target)).batch.records
    assert record.key.kind == Kind.SPECTRUM
    assert page.show(tom.user(), share.target, "x", [Kind.SPECTRUM]).records == 1


def test_data_that_its_user_may_not_see_are_not_shown(tom: Tom) -> None:
    target = tom.target()
    user = tom.user(target)
    tom.share(target, user=user)
    seen, _ = tom.datum(target), tom.datum(target)
    assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        sample: Any = preview.sample_of(tom.channel(target))
    assert [record.brightness for record in sample.batch.records] == [seen.brightness]


@pytest.mark.parametrize("method", ["check", "topics", "preview", "validate", "link"])
def test_a_bug_of_an_adapter_shows_neither_traceback_nor_its_text(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    destination = site.destinations()["x"]
    adapter = type(site.adapters.get(destination))

    def bug(*_: object) -> None:
        raise ValueError(f"invalid literal: {SECRET!r}")

    monkeypatch.setattr(adapter, method, bug)
    if method == "link":
        assert links.link("x", "7") == ""
    elif method == "topics":
        topics.ask(destination)
        assert destination.name not in {each.name for each in topics.stale()}
    else:
        asked = {
            "check": ["check"],
            "preview": ["preview", str(tom.channel(target).share_id)],
            "validate": ["preview", str(tom.channel(target).share_id), "--validate"],
        }
        with pytest.raises(CommandError) as told:
            call_command("sharing", *asked[method])
        assert SECRET not in str(told.value)
    assert "ValueError at" in caplog.text
    assert SECRET not in caplog.text
