"""A preview shows what would leave: no more, no less, and the same in the command and on the page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import SpectroscopyReducedDatum

from sharecore import ConvertRequest, Record, WithholdRequest, hookimpl
from sharecore.filters import Filter
from sharecore.records import Kind
from sharecore.testing import MemoryAdapter
from tom_integration import links, site
from tom_integration.mapping.row_to_record import record_of
from tom_integration.models import write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.outbox.limits import Limits
from tom_integration.pages import preview_page as page
from tom_integration.services import preview
from tom_integration.worker import offered_topics

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


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
    sample = preview.of_outbox(tom.outbox(target)).newest(preview.SAMPLE)
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
    open_outboxes.limit(tom.outbox(target), filter=write_filter(Filter(kinds=(Kind.SPECTRUM,))))
    (record,) = preview.of_outbox(tom.outbox(target)).newest(preview.SAMPLE).batch.records
    assert record.key.kind == Kind.SPECTRUM
    spectra = Limits((Filter(kinds=(Kind.SPECTRUM,)),), ())
    assert page.show(tom.user(), share.target, "x", spectra, existing=False).records == 1


def test_data_that_its_user_may_not_see_are_not_shown(tom: Tom) -> None:
    target = tom.target()
    user = tom.user(target)
    tom.share(target, user=user)
    seen, _ = tom.datum(target), tom.datum(target)
    assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        sample: Any = preview.of_outbox(tom.outbox(target)).newest(preview.SAMPLE)
    assert [record.brightness for record in sample.batch.records] == [seen.brightness]


@pytest.mark.parametrize("method", ["check", "topics", "preview", "validate", "link"])
def test_a_bug_of_an_adapter_shows_neither_traceback_nor_its_text(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    destination = site.destinations()["x"]

    def bug(*_: object) -> None:
        raise ValueError(f"invalid literal: {SECRET!r}")

    monkeypatch.setattr(MemoryAdapter, method, bug, raising=False)
    if method == "link":
        assert links.link("x", "7") == ""
    elif method == "topics":
        offered_topics.ask(destination)
        assert destination.name not in {each.name for each in offered_topics.stale()}
    else:
        asked = {
            "check": ["check"],
            "preview": ["preview", str(tom.outbox(target).share_id)],
            "validate": ["preview", str(tom.outbox(target).share_id), "--validate"],
        }
        with pytest.raises(CommandError) as told:
            call_command("sharing", *asked[method])
        assert SECRET not in str(told.value)
    assert "ValueError at" in caplog.text
    assert SECRET not in caplog.text


FORM = {"destination": "y", "kinds": ["photometry", "spectrum"]}


@pytest.fixture
def client(tom: Tom) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def shown(body: str) -> list[str]:
    """The ids of records in what a destination in memory would get."""
    return re.findall(r"[0-9a-f]{64}", body)


def ids(rows: Iterable[Any]) -> list[str]:
    return [record_of(row, origin="").key.id for row in rows]


def test_every_record_can_be_seen_part_by_part_and_in_the_file(tom: Tom, client: Client) -> None:
    tom.y.max_batch = 10
    target = tom.target()
    rows = tom.data(target, 2 * page.PART + 3)
    spectrum = SpectroscopyReducedDatum.objects.create(
        target=target, timestamp=rows[4].timestamp, flux=[1.0, 2.0], wavelength=[4000.0, 4001.0]
    )
    path = f"/targets/{target.pk}/persistentshare/manage/preview"
    form = {**FORM, "share_existing_data": "on"}
    seen: list[str] = []
    for part in (1, 2, 3):
        answer = client.post(path, {**form, "part": part}).content.decode()
        seen += shown(answer)
    everything = ids([*rows[:5], spectrum, *rows[5:]])
    assert seen == everything
    assert "Records 41 to 44 of 44" in re.sub(r"\s+", " ", answer)
    assert "Records 1 to 20 of 44" in client.post(path, {**form, "part": "x"}).content.decode()
    answer = client.post(path, {**form, "file": "1"})
    assert answer["Content-Disposition"].startswith("attachment")
    body = answer.getvalue().decode()
    assert shown(body) == everything
    assert body.count("--- call ") == 5


def test_what_the_destination_has_is_not_among_what_would_be_sent(tom: Tom, client: Client) -> None:
    target = tom.target()
    tom.share(target, "y")
    tom.data(target, 2)
    tom.deliver(after=60)
    fresh = tom.datum(target)
    path = f"/targets/{target.pk}/persistentshare/manage/preview"
    asked = client.post(path, {**FORM, "share_existing_data": "on"}).content.decode()
    assert shown(asked) == ids([fresh])
    as_examples = client.post(path, FORM).content.decode()
    assert "No existing data will be sent. New data will look like the existing ones below." in as_examples
    assert len(shown(as_examples)) == 3


def test_nothing_is_shown_as_sent_where_all_is_there(tom: Tom, client: Client) -> None:
    target = tom.target()
    tom.share(target, "y")
    tom.data(target, 2)
    tom.deliver(after=60)
    path = f"/targets/{target.pk}/persistentshare/manage/preview"
    page = client.post(path, {**FORM, "share_existing_data": "on"}).content.decode()
    assert "no record will be sent" in page
    assert "What would be sent" not in page
    assert "<dl>" not in page


def test_the_command_prints_all_call_by_call(tom: Tom, capsys: Any) -> None:
    target = tom.target()
    tom.share(target)
    rows = tom.data(target, preview.SAMPLE + 5)
    tom.x.max_batch = 10
    share = str(tom.outbox(target).share_id)
    call_command("sharing", "preview", share)
    assert shown(capsys.readouterr().out) == ids(rows[5:])
    call_command("sharing", "preview", share, "--all")
    assert shown(capsys.readouterr().out) == ids(rows)
