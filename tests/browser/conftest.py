"""A sender with sharecore and a stock receiver, both served, and Chromium to look at them with."""

from __future__ import annotations

import itertools
import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from browser import from_here, launch
from live.scenes import QUICK_LOGIN
from realtoms import PATIENT_SQLITE, Tom, User, make_tom
from realtoms.service import tail

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")
# Sees targets as everybody does, and has no right to share any.
VISITOR = User(username="visitor", password="visitor-of-a-throw-away-tom")
PATIENCE = 20_000
"""Milliseconds until something that the pages promise has to be there."""
NEXT_PAGE = 60_000
"""Milliseconds until a page is there: that of a target has 14 MB of plots, and computes the Moon."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the sender has written to its log when a test fails: an error page says nothing."""
    report = yield
    tom = getattr(item, "funcargs", {}).get("sender")
    if report.failed and isinstance(tom, Tom) and tom.log.exists():
        report.sections.append(("log of the sender", tail(tom.log.read_text(errors="replace"), 80)))
    return report


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    folder = tmp_path_factory.mktemp("toms") / "receiver"
    tom = make_tom(folder, name="Receiver", users=[ADMIN, SHARER], settings=QUICK_LOGIN, code=PATIENT_SQLITE)
    try:
        yield tom.serve()
    finally:
        tom.remove()


@pytest.fixture(scope="session")
def sender(receiver: Tom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    tom = make_tom(
        tmp_path_factory.mktemp("toms") / "sender",
        name="Sender",
        users=[ADMIN, VISITOR],
        apps=["tom_integration"],
        settings={
            **QUICK_LOGIN,
            "DATA_SHARING": {"receiver": receiver.sharing_entry("sharer")},
            "SHARECORE_SCAN_SECONDS": 2,
        },
        # On SQLite a transaction that reads, then writes, fails when another one wrote meanwhile.
        code='DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}',
    )
    try:
        yield tom.serve(browsers=True)
    finally:
        tom.remove()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@dataclass(slots=True)
class Visit:
    """A browser in which somebody has logged in.

    outside, asked: addresses at other hosts, and all. faults: errors of scripts.
    """

    tom: Tom
    page: Page
    outside: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.tom.url + path)


@pytest.fixture(scope="session")
def logins() -> dict[tuple[Path, str], Any]:
    """The cookies of those who have logged in, by TOM and user: most tests begin after that."""
    return {}


@pytest.fixture
def visit(
    sender: Tom, chromium: Browser, logins: dict[tuple[Path, str], Any]
) -> Iterator[Callable[..., Visit]]:
    """Open a browser as this user; other keywords are those of Playwright's `new_context`."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def start(user: User = ADMIN, **options: Any) -> Visit:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.set_default_navigation_timeout(NEXT_PAGE)
        expect.set_options(timeout=PATIENCE)
        visit = Visit(sender, page)
        visits.append(visit)

        def elsewhere(route: Route) -> None:
            # tomtoolkit's own pages load from a network that a test must not need.
            visit.outside.add(route.request.url)
            from_here(route)

        # a pattern, which needs no answer of ours for each request to the sender
        page.route(re.compile(f"^(?!{re.escape(sender.url)})"), elsewhere)
        page.on("pageerror", lambda error: visit.faults.append(str(error)))
        page.on("request", lambda request: visit.asked.append(request.url))
        login = (sender.path, user.username)
        if login not in logins:
            visit.go("accounts/login/")
            page.fill("input[name=login]", user.username)
            page.fill("input[name=password]", user.password)
            page.press("input[name=password]", "Enter")
            page.wait_for_url(lambda url: "login" not in url)
            logins[login] = context.cookies()
        context.add_cookies(logins[login])
        return visit

    yield start
    for context in contexts:
        context.close()
    assert [fault for each in visits for fault in each.faults] == []


@dataclass(slots=True)
class Observed:
    """A target of the sender, made through its REST API as an observatory's program would."""

    tom: Tom
    id: int
    name: str
    alias: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def observe(self, number: int = 1) -> None:
        """New photometry, saved one by one as it arrives."""
        for _ in range(number):
            each = next(self._numbers)
            value = {"magnitude": 18 + each / 100, "filter": "r", "error": 0.02}
            body = {"target": self.id, "data_type": "photometry", "value": value}
            stamp = f"2026-02-{1 + each // 1440 % 28:02}T{each // 60 % 24:02}:{each % 60:02}:00Z"
            ask(self.tom, "api/reduceddatums/", body | {"timestamp": stamp})


def ask(tom: Tom, path: str, body: dict[str, Any] | None = None) -> Any:
    """The REST API of a TOM, as its administrator."""
    request = urllib.request.Request(  # noqa: S310 - on loopback
        tom.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {tom.tokens['admin']}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{path} answered {error.code}:\n{tail(tom.server.output)}") from None


@pytest.fixture
def target(sender: Tom) -> Observed:
    name = f"SN 2026{uuid.uuid4().hex[:8]}"
    alias = f"ZTF{uuid.uuid4().hex[:8]}"
    made = ask(
        sender,
        "api/targets/",
        {
            "name": name,
            "type": "SIDEREAL",
            "ra": 10.5,
            "dec": -3.25,
            "aliases": [{"name": alias}],
            "groups": [],
        },
    )
    return Observed(sender, made["id"], name, alias)
