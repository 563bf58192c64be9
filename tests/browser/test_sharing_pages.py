"""What people do with the pages of sharing, in a real browser: a real TOM shares with another."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, Route, expect

from realtoms import Tom, User, compare

if TYPE_CHECKING:
    from conftest import Observed, Visit

VISITOR = User(username="visitor", password="visitor-of-a-throw-away-tom")
SHARES = "targets/persistentshare/manage/"
Start = Callable[..., "Visit"]


def wait_for(what: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{what} did not come true"
        time.sleep(0.2)


def is_at(receiver: Tom, sender: Tom, target: Observed) -> bool:
    return compare(sender.database, receiver.database, [target.name]).perfect


def share(page: Page, target: Observed, *, existing: bool) -> None:
    """Fill in the form of a target's share page as a person does."""
    page.goto(f"{target.tom.url}targets/{target.id}/share/")
    page.get_by_role("link", name="Continuous sharing").click()
    page.wait_for_url(re.compile("tab=continuous"))  # without its scripts the form leads elsewhere
    page.get_by_role("radio", name="Receiver").check()
    page.get_by_label("Share existing data too").set_checked(existing)
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_text(f"{target.name} is now shared with Receiver.")).to_be_visible()


def open_shared(page: Page, target: Observed, *, delivered: int) -> None:
    """Share a target with its data, and open the page of the share once so many have arrived."""
    share(page, target, existing=True)
    table = page.locator("#sharing-table")
    expect(table.locator("td[data-label=Delivered]")).to_have_text(str(delivered), timeout=60_000)
    table.get_by_role("link", name="Show details").click()


def test_a_target_is_shared_and_its_progress_seen(
    visit: Start, sender: Tom, receiver: Tom, target: Observed
) -> None:
    target.observe(12)
    page = visit().page
    share(page, target, existing=True)
    table = page.locator("#sharing-table")
    expect(table.get_by_text("Up to date")).to_be_visible()
    expect(table.locator("td[data-label=Delivered]")).to_have_text("12")
    assert is_at(receiver, sender, target)

    target.observe(3)
    expect(table.locator("td[data-label=Delivered]")).to_have_text("15", timeout=60_000)
    table.get_by_role("link", name="Show details").click()
    expect(page.get_by_role("heading", name=target.name)).to_be_visible()
    page.get_by_role("link", name=re.compile("^Delivered")).click()
    expect(page.get_by_text("Photometry r 18.15 ± 0.02")).to_be_visible()
    page.get_by_text("1 answer").first.click()
    expect(page.get_by_text("accepted").first).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_attempt_shows_what_was_sent_and_answered(
    visit: Start, sender: Tom, target: Observed, scripts: bool
) -> None:
    """By keyboard, on a phone, also without scripts: then behind a link."""
    target.observe(1)
    sender.execute(f"""
        from tom_targets.models import PersistentShare
        from tom_integration.outbox import open_outboxes
        from tom_integration.services import shares
        share = PersistentShare.objects.create(target_id={target.id}, destination="receiver")
        open_outboxes.ask_for(shares.outbox_of(share))
    """)
    size = {"width": 390, "height": 844}
    someone = visit(java_script_enabled=scripts, viewport=size)
    page = someone.page

    def delivered() -> bool:
        someone.go(f"{SHARES}?q={target.name}")
        return page.locator("#sharing-table td[data-label=Delivered]").inner_text() == "1"

    wait_for(delivered)
    page.locator("#sharing-table").get_by_role("link", name="Show details").click()
    page.get_by_text("1 answer").press("Enter")
    before = len(someone.asked)
    page.locator("summary", has_text="accepted").press("Enter")
    if not scripts:
        page.get_by_role("link", name="What was sent and answered").click()
        expect(page.get_by_role("heading", name="What was sent and answered")).to_be_visible()
    sent = page.get_by_label(re.compile("^Sent in request")).last
    expect(sent).to_contain_text("18.01")
    expect(page.get_by_text("HTTP 201").first).to_be_visible()
    assert sender.tokens["admin"] not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    if scripts:
        assert len([url for url in someone.asked[before:] if "/attempts/" in url]) == 1
        time.sleep(3)
        expect(sent).to_be_visible()  # the part that refreshes itself has left it open


def test_an_answer_that_comes_late_closes_nothing(visit: Start, sender: Tom, target: Observed) -> None:
    """A person opens something while the page asks for news: it stays open, and the news come afterwards."""
    target.observe(1)
    page = visit().page
    open_shared(page, target, delivered=1)
    attempts = page.get_by_text("1 answer")
    asked: list[Route] = []
    page.route(re.compile("/live"), lambda route: asked.append(route))
    with page.expect_request(re.compile("/live")):
        target.observe(1)
    attempts.click()
    time.sleep(5)  # the second datum arrives meanwhile
    asked[0].continue_()
    page.wait_for_timeout(1000)
    page.unroute_all()
    expect(page.get_by_text("accepted").first).to_be_visible()
    attempts.click()
    expect(page.locator("#sharing-outbox")).to_contain_text("Photometry r 18.02")


def test_deliveries_are_found_sorted_and_taken_home(visit: Start, target: Observed) -> None:
    target.observe(30)
    page = visit().page
    open_shared(page, target, delivered=30)
    page.get_by_role("link", name="Page 2").click()
    expect(page.locator("#sharing-outbox tbody tr")).to_have_count(5)
    for column in ("Datum", "Delivered", "Datum"):
        page.get_by_role("link", name=f"Sort by {column}").click()
        expect(page.get_by_role("columnheader", name=f"Sort by {column}")).to_have_attribute(
            "aria-sort", "descending"
        )
    page.get_by_label("Kind", exact=True).select_option("Upper limit")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No delivery matches.")).to_be_visible()
    page.get_by_label("Kind", exact=True).select_option("Photometry")
    page.get_by_label("Data from").fill("2000-01-01")
    page.get_by_role("button", name="Search").click()
    for form, lines in (("CSV", 31), ("ECSV", None)):
        with page.expect_download() as found:
            page.get_by_role("link", name=form, exact=True).click()
        text = found.value.path().read_text()
        assert found.value.suggested_filename.endswith(f".{form.lower()}")
        assert lines is None or len(text.splitlines()) == lines
        assert text.count("delivered,") >= 30


def test_a_share_is_made_by_typing_a_part_of_an_alias(visit: Start, target: Observed) -> None:
    target.observe(2)
    page = visit().page
    page.goto(target.tom.url + SHARES)
    page.get_by_label("Target", exact=True).press_sequentially(target.alias[2:-2].lower())
    found = page.get_by_role("radio", name=target.name)
    expect(found).to_be_checked()  # it is the only one
    expect(page.get_by_text("2 records. Without this")).to_be_visible()
    page.get_by_label("Astrometry").uncheck()
    expect(page.get_by_text("2 records.")).to_be_visible()
    page.get_by_role("radio", name="Receiver").check()
    page.get_by_role("button", name="Preview").click()
    sent = page.get_by_label("What would be sent")
    expect(sent).to_contain_text("18.01")
    assert "sharer-at-a-throw-away-tom" not in page.content()
    page.get_by_role("button", name="Share", exact=True).press("Enter")
    expect(page.get_by_text(f"{target.name} is now shared with Receiver.")).to_be_visible()


def test_errors_stand_beside_their_field(visit: Start, target: Observed) -> None:
    page = visit().page
    share(page, target, existing=False)
    page.get_by_role("radio", name="Receiver").check()
    page.get_by_text("Filter and dates").click()
    page.get_by_label("Until").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator("#until-error")).to_contain_text("This time is over")
    expect(page.locator("#destination-error")).to_contain_text("is shared with Receiver already")


def test_a_destination_that_fails_is_seen_and_mended(
    visit: Start, sender: Tom, receiver: Tom, target: Observed
) -> None:
    page = visit().page
    share(page, target, existing=False)
    receiver.stop()
    try:
        target.observe(2)
        state = page.locator("#sharing-table [data-label=State]")
        expect(state).to_contain_text("Waiting", timeout=60_000)
        expect(page.locator("td[data-label=Waiting]")).to_have_text("2")
        expect(state).to_contain_text("2 records wait for the destination")
        expect(page.get_by_role("status").filter(has_text="Waiting")).to_have_count(1)
        page.goto(sender.url + "targets/persistentshare/destinations/")
        card = page.get_by_role("article").filter(has_text="Receiver")
        expect(card).to_contain_text("Does not answer")
        card.get_by_role("button", name="Check now").click()
        expect(card.locator(".s-error")).to_be_visible()
    finally:
        receiver.serve()
    card.get_by_role("button", name="Check now").click()
    expect(card).to_contain_text("The check passed: it answered, and takes our data.", timeout=60_000)
    page.goto(f"{sender.url}targets/{target.id}/persistentshare/manage/")
    expect(page.locator("[data-label=State]")).to_contain_text("Up to date", timeout=60_000)
    assert is_at(receiver, sender, target)


def test_one_button_brings_back_what_a_destination_lost(
    visit: Start, sender: Tom, receiver: Tom, target: Observed
) -> None:
    page = visit().page
    share(page, target, existing=False)
    target.observe(2)
    wait_for(lambda: is_at(receiver, sender, target))
    receiver.execute(f"""
        from tom_targets.models import Target
        Target.objects.get(name={target.name!r}).delete()
    """)
    page.goto(sender.url + "targets/persistentshare/destinations/")
    card = page.get_by_role("article").filter(has_text="Receiver")
    expect(card.get_by_role("button", name="Send a test")).to_have_count(0)  # a stock TOM would keep it
    card.get_by_role("link", name="Send again what Receiver lost").click()
    expect(page.get_by_text(re.compile("[0-9]+ records were delivered so far"))).to_be_visible()
    page.get_by_role("button", name="Send what is missing").click()
    expect(page.get_by_text("will be looked up at Receiver, and sent if missing there.")).to_be_visible()
    wait_for(lambda: is_at(receiver, sender, target), seconds=60)


def test_what_was_refused_is_retried_from_the_page(
    visit: Start, sender: Tom, receiver: Tom, target: Observed
) -> None:
    page = visit().page
    share(page, target, existing=False)
    target.observe(2)
    wait_for(lambda: is_at(receiver, sender, target))
    script = "<script>document.title = 'taken over'</script>"
    sender.execute(f"""
        from tom_integration.models import Delivery
        Delivery.objects.filter(outbox__target_id={target.id}).update(
            state="failed", reason={script!r}, field={script!r}, remote_id={script!r}, delivered_at=None)
    """)
    page.goto(f"{sender.url}targets/{target.id}/persistentshare/manage/")
    state = page.locator("[data-label=State]")
    expect(state).to_contain_text("Action needed")
    expect(state).to_contain_text(f"2 records did not arrive: {script}")
    page.get_by_role("link", name="Show details").click()
    expect(page.locator(".s-said").first).to_contain_text(script)
    assert page.title() != "taken over"
    page.get_by_role("button", name=re.compile("Retry datum")).first.click()
    expect(page.get_by_text("It will be tried again now.")).to_be_visible()
    page.get_by_role("button", name="Retry all that did not arrive").click()
    expect(page.get_by_text("will be tried again.")).to_be_visible()
    expect(page.locator(".s-summary")).to_contain_text("Up to date", timeout=60_000)
    assert is_at(receiver, sender, target)


def test_a_share_is_paused_and_goes_on(visit: Start, sender: Tom, receiver: Tom, target: Observed) -> None:
    page = visit().page
    share(page, target, existing=False)
    page.get_by_role("button", name=f"Pause {target.name}").click()
    expect(page.locator(".s-summary")).to_contain_text("Paused")
    target.observe(2)
    expect(page.locator(".s-summary")).to_contain_text("Paused by admin")
    assert not is_at(receiver, sender, target)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".s-summary")).to_contain_text("Up to date", timeout=60_000)
    wait_for(lambda: is_at(receiver, sender, target))


def test_who_did_what_stands_on_the_page_of_the_share_and_stays_when_it_is_deleted(
    visit: Start, target: Observed
) -> None:
    page = visit().page
    share(page, target, existing=False)
    page.get_by_role("button", name=f"Pause {target.name}").click()
    page.get_by_role("button", name="Resume").click()
    activity = page.get_by_role("region", name="Activity")
    rows = activity.get_by_role("row")
    expect(rows).to_have_count(4)
    for row, what in zip(rows.all()[1:], ("Resumed", "Paused", "Made"), strict=True):
        expect(row).to_contain_text("admin")
        expect(row).to_contain_text(what)
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="Destinations").click()
    page.get_by_role("link", name="Activity of Receiver").click()
    expect(page.get_by_role("heading", name="Activity of Receiver")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text(f"Deleted {target.name} to Receiver")


def test_deleting_says_what_becomes_of_the_data(visit: Start, sender: Tom, target: Observed) -> None:
    target.observe(1)
    page = visit().page
    share(page, target, existing=True)
    expect(page.locator("#sharing-table").get_by_text("Up to date")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Delete")).click()
    expect(page.get_by_text("1 delivered record stays at the destination")).to_be_visible()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"{target.name} is no longer shared with Receiver.")).to_be_visible()
    page.goto(f"{sender.url}targets/{target.id}/persistentshare/manage/")
    expect(page.get_by_text(f"{target.name} is not shared continuously yet.")).to_be_visible()


def test_chosen_data_are_shared_once(visit: Start, sender: Tom, receiver: Tom, target: Observed) -> None:
    target.observe(3)
    page = visit().page
    page.goto(f"{sender.url}targets/{target.id}/share/")
    page.get_by_role("radio", name="Receiver").check()
    page.get_by_text("Choose single ones").click()
    page.get_by_role("checkbox", name="18.02").check()
    page.get_by_role("button", name="Share once").click()
    expect(page.get_by_text(f"1 record of {target.name} will be sent to Receiver.")).to_be_visible()
    expect(page.locator(".s-summary")).to_contain_text("Done", timeout=60_000)
    expect(page.get_by_role("row").filter(has_text="18.02")).to_contain_text("Delivered")

    page.goto(f"{sender.url}targets/{target.id}/share/")
    page.get_by_role("radio", name="Download").check()
    page.get_by_role("checkbox", name="Photometry all 3").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Share once").click()
    text = download.value.path().read_text()
    assert text.count("18.0") == 3
    assert (
        download.value.suggested_filename == f"updated-data-for-{target.name.lower().replace(' ', '-')}.csv"
    )


def test_who_may_not_share_sees_nothing_of_it(visit: Start, sender: Tom, target: Observed) -> None:
    share(visit().page, target, existing=False)
    visitor = visit(VISITOR)
    paths = [
        SHARES,
        f"{SHARES}table",
        f"targets/{target.id}/share/",
        f"targets/{target.id}/persistentshare/manage/",
        "targets/persistentshare/destinations/",
    ]
    for path in paths:
        visitor.go(path)
        expect(visitor.page.locator("body")).not_to_contain_text(target.name)
        expect(visitor.page.locator("#sharing-table")).to_have_count(0)


def test_the_pages_load_nothing_more_from_other_hosts_than_tomtoolkit(
    visit: Start, sender: Tom, target: Observed
) -> None:
    stock = visit()
    stock.go("users/")
    ours = visit()
    share(ours.page, target, existing=False)
    ours.go(SHARES)
    ours.go("targets/persistentshare/destinations/")
    ours.go(f"targets/{target.id}/share/")
    assert ours.outside <= stock.outside


def test_a_page_that_nobody_looks_at_or_where_nothing_happens_asks_seldom(
    visit: Start, target: Observed
) -> None:
    someone = visit()
    share(someone.page, target, existing=False)
    someone.go(f"targets/{target.id}/persistentshare/manage/")
    someone.asked.clear()
    someone.page.wait_for_timeout(12_000)
    asked = [url for url in someone.asked if "/table" in url]
    assert 1 <= len(asked) <= 5
    # the browser has no window that could be covered: say so in its place
    someone.page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    someone.page.wait_for_timeout(7_000)
    someone.asked.clear()
    someone.page.wait_for_timeout(8_000)
    assert [url for url in someone.asked if "/table" in url] == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_out_of_the_screen(visit: Start, target: Observed, width: int) -> None:
    target.observe(1)
    someone = visit(viewport={"width": width, "height": 800})
    page = someone.page
    share(page, target, existing=True)
    for path in (SHARES, f"targets/{target.id}/share/", "targets/persistentshare/destinations/"):
        someone.go(path)
        assert page.evaluate("document.querySelector('.sharing').scrollWidth") <= width, path


@pytest.mark.parametrize("width", [1280, 390])
def test_a_long_word_does_not_widen_a_page(visit: Start, sender: Tom, target: Observed, width: int) -> None:
    target.observe(2)
    share_pk, outbox = sender.execute(f"""
        from django.contrib.auth.models import User
        from tom_targets.models import PersistentShare
        from tom_integration.models import Outbox, Delivery, OneTimeShare
        root = User.objects.get(username="admin")
        share, _ = PersistentShare.objects.get_or_create(
            target_id={target.id}, destination="receiver", defaults=dict(user=root))
        outbox = Outbox.objects.get(share_id=share.pk)
        Outbox.objects.filter(pk=outbox.pk).update(paused="W" * 400)
        Delivery.objects.filter(outbox__target_id={target.id}).update(
            state="failed", reason="X" * 400, remote_id="Y" * 200, field="Z" * 100)
        OneTimeShare.objects.create(outbox_id=outbox.pk, user_id=root.pk, title="T" * 200, problem="P" * 400)
        print(share.pk, outbox.pk)
    """).split()[-2:]
    page = visit(viewport={"width": width, "height": 900}).page
    for path in (
        SHARES,
        f"{SHARES}{share_pk}/",
        f"targets/{target.id}/share/",
        f"targets/{target.id}/persistentshare/manage/",
        f"targets/{target.id}/share/{outbox}/",
    ):
        page.goto(sender.url + path)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, path
