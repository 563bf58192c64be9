"""The tutorial of the first target, followed word by word in a new TOM, with a web browser."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from documentation.reader import Reader
from documentation.samples import DOCS, Sample, samples_of
from realtoms.service import free_port

TUTORIALS = DOCS / "tutorials"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def reader(tmp_path: Path, port: int) -> Iterator[Reader]:
    folder = tmp_path / "empty"
    folder.mkdir()
    reader = Reader(folder, {8000: port})
    yield reader
    reader.close()


def _until(condition: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.5)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - on loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def _share(page: Page, url: str) -> None:
    """Step 4, in the words of the tutorial."""
    page.route(lambda asked: not asked.startswith(url), lambda route: route.abort())
    page.goto(f"{url}accounts/login/")
    page.fill("input[name=login]", "admin")
    page.fill("input[name=password]", "only-for-me")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda asked: "login" not in asked)
    page.goto(f"{url}targets/create/?type=SIDEREAL")
    page.fill("input[name=name]", "SN 2026xyz")
    page.fill("input[name=ra]", "10.5")
    page.fill("input[name=dec]", "-5.25")
    page.locator("form", has=page.locator("input[name=ra]")).locator("[type=submit]").last.click()
    page.wait_for_url(lambda asked: "create" not in asked)
    # Not with the mouse: without style sheets (they come from elsewhere) parts of this page cover others.
    page.get_by_role("link", name="Share", exact=True).first.dispatch_event("click")
    page.get_by_role("link", name="Continuous sharing").click()
    page.get_by_text("Tables in a folder").click()
    page.get_by_role("button", name="Preview what would be sent").click()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator(".s-flash")).to_be_visible()


def test_it_ends_with_tables_in_a_folder(reader: Reader, chromium: Browser, port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    reader.follow(samples_of(TUTORIALS / "make-a-tom.md"))
    steps = list(samples_of(TUTORIALS / "first-target.md"))
    served = next(number for number, step in enumerate(steps) if step.kind == "background") + 1
    assert steps[0].text == "pip install 'sharecore[tom]'\n", "done on the page before"
    reader.follow(_with_port(steps[1:served], port))
    assert "tables (files) ... ok" in reader.printed[-1]
    _until(lambda: _answers(url), 120)
    page = chromium.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    _share(page, url)
    page.close()

    later = next(number for number, step in enumerate(steps) if step.kind == "later")
    reader.follow(steps[served:later])
    table = reader.here / steps[later].text.split()[-1]
    _until(table.exists, 90)
    reader.follow([step for step in steps[later:] if step.language == "console"])
    assert "2 delivered" in reader.printed[-1]
    shown = table.read_text()
    assert "18.25" in shown
    assert "21.5" in shown
    assert "mag(AB)" in shown


def _with_port(steps: list[Sample], port: int) -> list[Sample]:
    """`runserver` takes port 8000 unless it is told another."""
    from dataclasses import replace

    return [
        replace(step, text=f"{step.text.rstrip()} {port}\n") if "runserver" in step.text else step
        for step in steps
    ]
