"""A person reports a target on the pages: by keyboard, without JavaScript, on a dark phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from live.scenes import QUICK_LOGIN
from live.seeing import dress, reach, violations
from realtoms import Tom, User, make_tom

if TYPE_CHECKING:
    from conftest import Observed, Visit

Start = Callable[..., "Visit"]
ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
PLUGIN = """
from sharecore import (
    Accepted, Adapter, DestinationType, FieldType, Kind, Preview, Problem, Rejected, ReportField, ReportForm,
    as_json, hookimpl,
)
import json

INSTRUMENTS = tuple((str(number), f"Instrument {number}") for number in range(1, 301))
GROUPS = (("1", "A"), ("2", "B"))


class Desk(Adapter):
    takes_reports = True

    def deliver(self, batch):
        return ((record.key, Accepted()) for record in batch.records)

    def preview(self, batch):
        return Preview(content_type="text/plain", body="")

    def report_forms(self, batch):
        newest = [str(each.key) for each in batch.records if each.key.kind is Kind.PHOTOMETRY][-1:]
        return [ReportForm(name="at-report", label="AT report", help="Everybody will read it.", fields=(
            ReportField(name="reporter", label="Reporter", type=FieldType.TEXT, required=True),
            ReportField(name="remarks", label="Remarks", type=FieldType.LONG_TEXT, help="For people."),
            ReportField(name="z", label="Redshift", type=FieldType.NUMBER),
            ReportField(name="discovered", label="Discovered", type=FieldType.TIME),
            ReportField(name="host", label="It has a host", type=FieldType.YES_NO),
            ReportField(name="instrument", label="Instrument", type=FieldType.CHOICE, choices=INSTRUMENTS),
            ReportField(name="groups", label="Groups", type=FieldType.CHOICES, choices=GROUPS),
            ReportField(name="detection", label="Discovery", type=FieldType.DATUM, required=True,
                        kinds=(Kind.PHOTOMETRY,), initial=newest[0] if newest else None),
            ReportField(name="others", label="Further data", type=FieldType.DATA),
        ))]

    def check_report(self, report, batch):
        if report.values.get("z", 0) < 0:
            return [Problem(where="z", what="must not be negative", hint="Correct it.")]
        return []

    def similar_reports(self, report, batch):
        return ["AT 2026abc is 0.4 arcsec away"]

    def preview_report(self, report, batch):
        return Preview(content_type="application/json", body=json.dumps(as_json(report), indent=2))

    def deliver_report(self, report, batch):
        if report.values["reporter"] == "nobody":
            return Rejected(reason="is not known", field="reporter")
        return Accepted(remote_id="AT 2026xyz")


@hookimpl
def sharecore_destinations():
    yield DestinationType(kind="desk", summary="", config=lambda section: None, open=lambda config: Desk())
"""
METADATA = "Metadata-Version: 2.1\nName: report-desk\nVersion: 1.0\n"


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    made = make_tom(
        tmp_path_factory.mktemp("toms") / "desk",
        name="Observatory",
        users=[ADMIN],
        apps=["tom_integration"],
        settings={
            **QUICK_LOGIN,
            "DATA_SHARING": {"desk": {"ADAPTER": "desk", "DISPLAY_NAME": "Report desk"}},
            "SHARECORE_SCAN_SECONDS": 2,
        },
        files={
            "report_desk.py": PLUGIN,
            "report_desk-1.0.dist-info/METADATA": METADATA,
            "report_desk-1.0.dist-info/entry_points.txt": "[sharecore]\ndesk = report_desk\n",
        },
        code='DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}',
    )
    try:
        yield made.serve(browsers=True)
    finally:
        made.remove()


def report_form(page: Page, target: Observed) -> None:
    target.observe(2)
    page.goto(f"{target.tom.url}targets/{target.id}/share/")
    page.get_by_role("link", name="Report to Report desk").click()
    expect(page.get_by_role("heading", name=re.compile("AT report"))).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_report_is_refused_corrected_and_arrives(visit: Start, target: Observed, javascript: bool) -> None:
    page = visit(java_script_enabled=javascript).page
    report_form(page, target)
    page.get_by_label("Redshift").fill("-1")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#id_report-reporter_error")).to_contain_text("This field is required")
    page.get_by_label("Reporter").fill("nobody")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#id_report-z_error")).to_contain_text("Must not be negative")
    page.get_by_label("Redshift").fill("0.031")
    page.get_by_label("Instrument").select_option("Instrument 217")
    page.get_by_label(re.compile("2026-02-01 00:01:00 UTC, r 18.01")).check()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("AT 2026abc is 0.4 arcsec away")).to_be_visible()
    expect(page.get_by_role("region", name="What would be sent")).to_contain_text('"instrument": "217"')
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Redshift")).to_have_value("0.031")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send to Report desk").click()
    state(page, "Refused")
    expect(page.get_by_text("Reporter: is not known")).to_be_visible()
    page.get_by_role("link", name="Open again").click()
    expect(page.get_by_label("Redshift")).to_have_value("0.031")
    page.get_by_label("Reporter").fill("Eve")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Send to Report desk").click()
    state(page, "Delivered")
    expect(page.get_by_text("AT 2026xyz")).to_be_visible()
    page.get_by_role("link", name="All reports about").click()
    expect(page.locator("td[data-label=State]")).to_have_count(2)


def state(page: Page, words: str) -> None:
    """Load the page of a report until it says so."""
    for _ in range(60):
        if page.locator(".s-card .s-pill", has_text=words).count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    pytest.fail(f"the page never said {words}")


def test_a_report_is_made_by_keyboard(visit: Start, target: Observed) -> None:
    target.observe(2)
    page = visit().page
    page.goto(f"{target.tom.url}targets/{target.id}/share/")
    reach(page, "Report to Report desk")
    page.keyboard.press("Enter")
    page.wait_for_url("**/share/report/**")
    reach(page, "^Reporter")
    page.keyboard.type("Eve")
    reach(page, "It has a host")
    page.keyboard.press("Space")
    reach(page, "2026-02-01 00:01:00")
    page.keyboard.press("Space")
    reach(page, "^Preview$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What would be sent")).to_contain_text('"host": true')
    reach(page, "^Send to Report desk$")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/share/report/\d+/"))


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_everybody_can_read_and_fill_in_the_form(
    visit: Start, target: Observed, theme: str, width: int, tmp_path: Path
) -> None:
    page = visit(viewport={"width": width, "height": 900}).page
    found: list[str] = []

    def look(where: str) -> None:
        dress(page, theme)
        found.extend(violations(page, where))
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        if wide:
            found.append(f"{where} is wider than the window")
        page.screenshot(path=tmp_path / f"{where}-{theme}.png", full_page=True)

    report_form(page, target)
    look("form")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#id_report-reporter_error")).to_be_visible()
    look("errors")
    page.get_by_label("Reporter").fill("Eve")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="What would be sent")).to_be_visible()
    look("preview")
    page.get_by_role("button", name="Send to Report desk").click()
    state(page, "Delivered")
    look("report")
    page.goto(f"{target.tom.url}targets/{target.id}/share/")
    look("share page")
    assert found == []
