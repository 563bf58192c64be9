"""The story of a partner that goes down, comes back, and later loses data: nobody types a command."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from live.conftest import ADMIN, SHARER
from live.scenes import QUICK_LOGIN, make_share, make_target, save, states, until
from realtoms import Tom, compare, make_tom
from realtoms.skeleton import PROJECT

if TYPE_CHECKING:
    from conftest import Visit

SHARES = "targets/persistentshare/manage/"
DESTINATIONS = "targets/persistentshare/destinations/"
ACTIVITY = "targets/persistentshare/activity/"
OPERATOR = "operator@tom.test"
WHILE = 60_000
# Mails are an hour apart, and troubles are looked for once a minute.
HURRIED = {
    "hurried/__init__.py": "",
    "hurried/apps.py": """
        from datetime import timedelta
        from django.apps import AppConfig

        class Hurried(AppConfig):
            name = "hurried"

            def ready(self):
                from tom_integration.notices import look, send
                look.APART, send.APART = timedelta(seconds=1), timedelta(0)
        """,
}


@pytest.fixture
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    made = make_tom(
        tmp_path_factory.mktemp("toms") / "b",
        name="TOM B",
        users=[ADMIN, SHARER],
        apps=["tom_integration"],
        settings=QUICK_LOGIN,
    )
    try:
        yield made.serve(workers=1)
    finally:
        made.remove()


@pytest.fixture
def sender(receiver: Tom, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    folder = tmp_path_factory.mktemp("toms") / "a"
    made = make_tom(
        folder,
        name="TOM A",
        users=[ADMIN],
        apps=["tom_integration", "hurried.apps.Hurried"],
        settings={
            **QUICK_LOGIN,
            "DATA_SHARING": {"b": receiver.sharing_entry("sharer")},
            "SHARECORE_SCAN_SECONDS": 1,
            "SHARECORE_NOTIFY": [OPERATOR],
            "SHARECORE_NOTIFY_AFTER_MINUTES": 0.02,
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(folder / "mails"),
        },
        code='DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}',
        files=HURRIED,
    )
    with (made.path / PROJECT / "settings.py").open("a") as settings:
        settings.write(f"\nSHARECORE_SITE_URL = {made.url!r}\n")
    try:
        yield made.serve(workers=1, browsers=True)
    finally:
        made.remove()


class Post:
    """The mails of a TOM to its operator."""

    def __init__(self, tom: Tom) -> None:
        self._tom = tom
        self._folder = tom.path / "mails"
        self._number = 0

    def next(self) -> str:
        """Wait for the next mail; its text."""
        until(lambda: len(self._texts()) > self._number, seconds=WHILE / 1000, what=self._nothing)
        self._number += 1
        return self._texts()[self._number - 1]

    def _nothing(self) -> str:
        return f"no mail\n{states(self._tom)}"

    def _texts(self) -> list[str]:
        files = sorted(self._folder.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        # Two mails of one second may be in one file, each with a line of dashes behind it.
        mails = [each for path in files for each in path.read_text().split(f"\n{'-' * 79}\n")[:-1]]
        found: list[str] = []
        for text in mails:
            mail = message_from_string(text, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            body = mail.get_body(("plain",))
            if body is not None and mail["To"] == OPERATOR:
                found.append(str(body.get_content()))
        return found


def summary(page: Page, text: str) -> None:
    """Wait for the summary of all shares."""
    states_of_shares = page.get_by_role("navigation", name="States of shares")
    expect(states_of_shares).to_contain_text(re.compile(text), timeout=WHILE)


def test_a_partner_is_down_and_back_and_gets_again_what_a_backup_lacks(
    visit: Callable[..., Visit], sender: Tom, receiver: Tom, tmp_path: Path
) -> None:
    post, name = Post(sender), f"SN 2026{uuid.uuid4().hex[:8]}"

    def there(number: int) -> bool:
        found = compare(sender.database, receiver.database, [name])
        return found.perfect and found.records == number

    target = make_target(sender, name)
    make_share(sender, target, "b")
    for number in range(2):
        save(sender, target, number)
    until(lambda: there(2), what=lambda: states(sender))
    receiver.stop()
    backup = shutil.copy(receiver.database, tmp_path / "backup.sqlite3")
    receiver.serve(workers=1)
    for number in range(2, 4):
        save(sender, target, number)
    until(lambda: there(4), what=lambda: states(sender))
    someone = visit()
    page = someone.page
    someone.go(SHARES)
    summary(page, "1 up to date")
    badge = page.locator("[data-sharing-needing]")
    expect(badge).to_be_hidden()

    receiver.stop()
    for number in range(4, 6):
        save(sender, target, number)
    summary(page, "1 waiting for TOM B since [0-9:]+ UTC")
    expect(badge).to_be_visible(timeout=WHILE)
    expect(badge).to_contain_text("1")
    told = post.next()
    assert "TOM B does not answer since" in told
    assert "2 records of 1 share wait" in told
    (link,) = re.findall(rf"{sender.url}\S+destinations/#\S+", told)
    page.goto(link)
    card = page.get_by_role("article").filter(has_text="TOM B")
    expect(card).to_contain_text("Does not answer")
    expect(card).to_contain_text(re.compile("Waiting\\s*2 records"))
    expect(card).to_contain_text("Last error")

    someone.go(SHARES)
    receiver.serve(workers=1)
    summary(page, "1 up to date")
    expect(badge).to_be_hidden(timeout=WHILE)
    assert there(6)
    assert "TOM B can be reached again." in post.next()

    receiver.stop()
    shutil.copy(backup, receiver.database)
    receiver.serve(workers=1)
    assert not there(6)
    someone.go(DESTINATIONS)
    card.get_by_role("link", name="Send again what TOM B lost").click()
    page.get_by_role("button", name="Send what is missing").click()
    until(lambda: there(6), what=lambda: states(sender))
    someone.go(SHARES)
    summary(page, "1 up to date")
    someone.go(ACTIVITY)
    row = page.get_by_role("row").filter(has_text="To be sent again")
    expect(row).to_contain_text("6 records")
    expect(row).to_contain_text("admin")
