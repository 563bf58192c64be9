"""What is published is looked at first, and approved or declined, also by keyboard and without scripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from live.scenes import QUICK_LOGIN
from live.seeing import dress, reach, violations
from realtoms import Tom, User, make_tom

if TYPE_CHECKING:
    from conftest import Observed, Visit

Start = Callable[..., "Visit"]
ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
PAGE = "targets/persistentshare/approvals/"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    """A TOM with an archive, to which nothing goes before a person has approved it."""
    folder = tmp_path_factory.mktemp("archive")
    archive = {"ADAPTER": "files", "DIRECTORY": str(folder), "APPROVAL": True, "DISPLAY_NAME": "Archive"}
    tom = make_tom(
        tmp_path_factory.mktemp("toms") / "publisher",
        name="Publisher",
        users=[ADMIN],
        apps=["tom_integration"],
        settings={**QUICK_LOGIN, "DATA_SHARING": {"archive": archive}, "SHARECORE_SCAN_SECONDS": 2},
        code='DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}',
    )
    try:
        yield tom.serve(browsers=True)
    finally:
        tom.remove()


@pytest.fixture
def shared(sender: Tom, target: Observed) -> Observed:
    """A target that is shared with the archive, with three data that wait for approval."""
    target.observe(3)
    sender.execute(f"""
        from tom_targets.models import PersistentShare
        from tom_integration.outbox import open_outboxes
        from tom_integration.services import shares
        share = PersistentShare.objects.create(target_id={target.id}, destination="archive")
        open_outboxes.ask_for(shares.outbox_of(share))
    """)
    wait_for(lambda: states(sender, target) == ["to_approve"] * 3)
    return target


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.5)


def states(tom: Tom, target: Observed) -> list[str]:
    return tom.execute(f"""
        from tom_integration.models import Delivery
        rows = Delivery.objects.filter(outbox__target_id={target.id}).order_by("timestamp")
        print(*rows.values_list("state", flat=True))
    """).split()[-3:]


def card(target: Observed) -> str:
    return f"section:has(h2:has-text('{target.name}'))"


@pytest.mark.parametrize(("scripts", "theme"), [(True, "light"), (False, "dark")])
def test_records_are_looked_at_approved_and_declined_by_keyboard(
    visit: Start, sender: Tom, shared: Observed, scripts: bool, theme: str
) -> None:
    someone = visit(java_script_enabled=scripts, viewport=PHONE, color_scheme=theme)
    page = someone.page
    someone.go("targets/persistentshare/manage/")
    page.get_by_role("link", name="Approvals").click()
    mine = page.locator(card(shared))
    expect(mine.get_by_text("3 records")).to_be_visible()
    mine.get_by_text("What would be sent").first.press("Enter")
    expect(mine.locator("pre").first).to_contain_text("18.01")
    mine.get_by_role("checkbox").first.press("Space")
    reach(page, "^Approve ticked")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 record approved, and sent now.")).to_be_visible()
    # Enter in the field of the reason declines; it never approves.
    page.locator(card(shared)).get_by_role("checkbox").first.press("Space")
    reason = page.get_by_label("Reason for declining")
    reason.fill("a cosmic ray")
    reason.press("Enter")
    expect(page.get_by_text("1 record declined.")).to_be_visible()
    wait_for(lambda: states(sender, shared) == ["delivered", "withheld", "to_approve"])
    overflows = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not scripts or not page.evaluate(overflows)


def test_all_of_a_target_on_the_page_of_its_share_and_who_did_it(
    visit: Start, sender: Tom, shared: Observed
) -> None:
    someone = visit()
    page = someone.page
    someone.go(f"targets/persistentshare/manage/?q={shared.name}")
    page.locator("#sharing-table").get_by_role("link", name="Show details").click()
    expect(page.get_by_text("3 records wait for approval.")).to_be_visible()
    page.get_by_role("button", name="Decline all 3").click()
    assert states(sender, shared) == ["to_approve"] * 3, "the browser asks for the reason first"
    page.get_by_role("button", name="Approve all 3").dblclick()
    expect(page.locator("#sharing-outbox").get_by_text("Up to date")).to_be_visible()
    page.reload()
    expect(page.get_by_text("approved by admin").first).to_be_visible()
    expect(page.locator(".s-activity").get_by_text("Approved", exact=True)).to_be_visible()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(visit: Start, shared: Observed, theme: str, width: int) -> None:
    someone = visit(viewport={"width": width, "height": 900})
    someone.go(PAGE)
    dress(someone.page, theme)
    assert violations(someone.page, PAGE) == []
