"""One glance in a real browser: the summary, the navigation, the cards, and the page of a target."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from realtoms import Tom

if TYPE_CHECKING:
    from conftest import Observed, Visit

SHARES = "targets/persistentshare/manage/"
DESTINATIONS = "targets/persistentshare/destinations/"
Start = Callable[..., "Visit"]
WHILE = 60_000
"""Milliseconds that a page may take to follow what happens elsewhere."""


def share(tom: Tom, target: Observed) -> None:
    tom.execute(f"""
        from django.contrib.auth.models import User
        from tom_targets.models import PersistentShare
        user = User.objects.get(username="admin")
        PersistentShare.objects.create(target_id={target.id}, destination="receiver", user=user)
    """)


def summary(page: Page, text: str) -> None:
    """Wait for the summary to be this."""
    expect(page.get_by_role("navigation", name="States of shares")).to_have_text(
        re.compile(rf"^\s*{text}\s*Show all shares\s*$"), timeout=WHILE
    )


def test_the_summary_and_the_navigation_follow_what_happens(
    visit: Start, sender: Tom, receiver: Tom, target: Observed
) -> None:
    share(sender, target)
    someone = visit()
    page = someone.page
    someone.go(f"{SHARES}?q={target.name}")
    summary(page, "1 up to date")
    receiver.stop()
    try:
        target.observe(2)
        summary(page, "1 waiting for Receiver since [0-9]{2}:[0-9]{2} UTC")
        group = page.get_by_role("rowheader")
        expect(group).to_contain_text("Receiver does not answer")
        expect(group).to_contain_text("1 share")
        expect(page.locator("[data-label=State]")).to_contain_text("2 records wait for the destination")
    finally:
        receiver.serve()
    summary(page, "1 up to date")
    expect(page.get_by_role("rowheader")).to_have_count(0)

    badge = page.locator("[data-sharing-needing]")
    before = int(badge.locator("span").first.text_content() or 0)
    sender.execute(f"""
        from tom_integration.models import Delivery
        Delivery.objects.filter(outbox__target_id={target.id}).update(state="failed", reason="a reason")
    """)
    summary(page, "Action needed for 1 share")
    expect(badge.locator("span").first).to_have_text(str(before + 1), timeout=WHILE)
    expect(badge).to_be_visible()
    page.get_by_role("link", name="Show details").click()
    page.get_by_role("button", name="Retry all that did not arrive").click()
    expect(page.locator(".s-summary")).to_contain_text("Up to date", timeout=WHILE)
    expect(badge.locator("span").first).to_have_text(str(before), timeout=WHILE)


def test_shares_are_filtered_and_a_new_one_is_at_hand_by_keyboard(
    visit: Start, sender: Tom, target: Observed
) -> None:
    share(sender, target)
    sender.execute("""
        from tom_targets.models import PersistentShare, Target
        by_site = Target.objects.create(name="Shared by the site", type="SIDEREAL", ra=1, dec=1)
        PersistentShare.objects.create(target=by_site, destination="receiver")
    """)
    target.observe(1)
    someone = visit(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = someone.page
    someone.go(f"{SHARES}?q={target.name}")
    summary(page, "1 up to date")
    page.get_by_role("link", name="1 up to date").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("state=ok"))
    expect(page.get_by_role("link", name="1 up to date")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name=f"Show details of {target.name}")).to_have_count(1)
    page.get_by_label("Creator", exact=True).select_option("admin")
    page.get_by_role("button", name="Show", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("state=ok.*creator=[0-9]"))
    expect(page.get_by_label("Creator", exact=True).locator("option:checked")).to_have_text("admin")
    expect(page.get_by_role("link", name=f"Show details of {target.name}")).to_have_count(1)
    page.get_by_role("link", name="Show all shares").press("Enter")
    page.get_by_role("link", name="New share").press("Enter")
    expect(page.get_by_label("Target", exact=True)).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_card_shows_what_went_and_what_was_tested(visit: Start, sender: Tom, target: Observed) -> None:
    share(sender, target)
    target.observe(3)
    someone = visit()
    page = someone.page
    someone.go(f"{SHARES}?q={target.name}")
    expect(page.locator("td[data-label=Delivered]")).to_have_text("3", timeout=WHILE)
    someone.go(DESTINATIONS)
    card = page.get_by_role("article").filter(has_text="Receiver")
    expect(card.get_by_role("img", name=re.compile("^Records delivered per hour"))).to_be_visible()
    expect(card).to_contain_text(re.compile("[0-9]+ delivered; [0-9.]+ % of [0-9]+ attempts succeeded"))
    card.get_by_role("button", name="Check now").click()
    tested = "Checked: its address, the log-in, and the way in which data go there."
    expect(card).to_contain_text(tested, timeout=WHILE)
    someone.go(DESTINATIONS)
    expect(card).to_contain_text(f"Passed. {tested}")


def test_the_page_of_a_target_says_where_it_and_its_data_are(
    visit: Start, sender: Tom, target: Observed
) -> None:
    target.observe(1)
    share(sender, target)
    target.observe(2)
    someone = visit()
    page = someone.page
    someone.go(f"{SHARES}?q={target.name}")
    expect(page.locator("td[data-label=Delivered]")).to_have_text("2", timeout=WHILE)
    someone.go(f"targets/{target.id}/")
    told = page.get_by_role("list", name="Where this target is shared")
    expect(told).to_have_text(re.compile("Shared with Receiver, (up to date|partly shared)"))
    # The script of tomtoolkit that opens the tab is on another host.
    page.locator("#photometry").evaluate("pane => pane.classList.add('active')")
    table = page.locator("#photData")
    expect(table.get_by_role("columnheader", name="Sharing")).to_be_visible()
    expect(table.get_by_text("Shared with Receiver")).to_have_count(2)
    expect(table.get_by_text("Not shared", exact=True)).to_have_count(1)
    told.get_by_role("link", name="Receiver").click()
    expect(page.get_by_role("heading", name=target.name)).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_column_of_sharing_widens_no_page(
    visit: Start, sender: Tom, target: Observed, width: int
) -> None:
    share(sender, target)
    target.observe(2)
    someone = visit(viewport={"width": width, "height": 900})
    page = someone.page
    someone.go(f"{SHARES}?q={target.name}")
    expect(page.locator("td[data-label=Delivered]")).to_have_text("2", timeout=WHILE)
    sender.execute(f"""
        from tom_integration.models import Delivery, Outbox
        outbox = Outbox.objects.create(target_id={target.id}, destination="observatory_of_far_away")
        for row in Delivery.objects.filter(outbox__target_id={target.id}):
            row.pk, row.outbox, row.destination, row.state = None, outbox, outbox.destination, "withheld"
            row.save(force_insert=True)
    """)
    someone.go(f"targets/{target.id}/")
    page.locator("#photometry").evaluate("pane => pane.classList.add('active')")
    page.locator("details.s-places").first.evaluate("each => { each.open = true; }")
    expect(page.get_by_text("observatory_of_far_away").first).to_be_visible()
    place = page.locator("#photData").locator("xpath=..")
    out = place.evaluate(
        "each => photData.getBoundingClientRect().right - each.getBoundingClientRect().right"
    )
    scrolls = place.evaluate("each => getComputedStyle(each).overflowX === 'auto'")
    assert out <= 0 or (scrolls and width < 1280)
