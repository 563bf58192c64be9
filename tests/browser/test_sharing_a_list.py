"""A whole list is shared with one form, in a real browser: only own photometry, after 30 days."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from realtoms import Tom

if TYPE_CHECKING:
    from conftest import Observed, Visit

Start = Callable[..., "Visit"]


def test_a_list_is_shared_from_tomtoolkits_page_and_it_shows_what_goes_when(
    visit: Start, sender: Tom, target: Observed
) -> None:
    sender.execute(f"""
        from datetime import timedelta
        from django.utils import timezone
        from tom_dataproducts.models import PhotometryReducedDatum
        from tom_targets.models import Target, TargetList
        group = TargetList.objects.create(name="Night {target.id}")
        group.targets.add(*[
            Target.objects.create(name=f"{target.name} {{each}}", type="SIDEREAL", ra=1.0 + each, dec=2.0)
            for each in range(3)
        ])
        for each, own in zip(group.targets.all(), (True, True, False)):
            PhotometryReducedDatum.objects.create(
                target=each, timestamp=timezone.now() - timedelta(days=3), brightness=18.5, bandpass="r",
                source_name="" if own else "ZTF", source_location="" if own else "https://ztf.example",
            )
    """)
    page = visit().page
    page.goto(sender.url + "targets/targetgrouping/")
    page.get_by_label("General search").fill(f"Night {target.id}")
    page.get_by_role("link", name=f"Share Night {target.id} continuously").click()
    expect(page.get_by_role("radio", name="The targets of a list")).to_be_checked()
    page.get_by_role("radio", name="Receiver").check()
    for kind in ("Upper limits", "Spectra", "Astrometry", "Other data"):
        page.get_by_label(kind).uncheck()
    page.get_by_label("Only what we observed").check()
    page.get_by_label("Share existing data too").check()
    page.get_by_text("Filter and dates").click()
    page.get_by_label("Days after the observation").fill("30")
    expect(page.get_by_text("This shares 3 targets and 2 of their 3 data now.")).to_be_visible()
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_role("heading", name=f"Night {target.id} to Receiver")).to_be_visible()
    expect(page.get_by_text("Only photometry observed here. 30 days after observation.")).to_be_visible()
    shares = page.get_by_role("link", name="3 shares")
    for _ in range(30):
        if shares.is_visible():
            break
        page.wait_for_timeout(1000)
        page.reload()
    shares.click()
    page.get_by_role("row", name=f"{target.name} 0").get_by_role("link", name="Show details").click()
    expect(page.get_by_text(re.compile("1 record goes on 20"))).to_be_visible(timeout=60_000)


def test_ticked_shares_stay_ticked_while_the_page_refreshes_and_are_paused_by_keyboard(
    visit: Start, sender: Tom, target: Observed
) -> None:
    sender.execute(f"""
        from tom_targets.models import PersistentShare
        PersistentShare.objects.create(target_id={target.id}, destination="receiver")
    """)
    page = visit().page
    page.goto(f"{sender.url}targets/{target.id}/persistentshare/manage/")
    tick = page.get_by_label(f"Select {target.name}")
    tick.focus()
    page.keyboard.press("Space")
    target.observe(1)
    expect(page.locator("td[data-label=Delivered]")).to_have_text("1", timeout=60_000)
    expect(tick).to_be_checked()
    page.locator("#sharing-many").get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 share paused.")).to_be_visible()
    expect(page.locator("#sharing-table").get_by_text("Paused by admin.")).to_be_visible()
