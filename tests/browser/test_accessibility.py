"""Who sees little, or uses no mouse, does the same: axe on every page, and the main jobs by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect

from live.seeing import dress, reach, violations
from realtoms import Tom

if TYPE_CHECKING:
    from conftest import Observed, Visit

Start = Callable[..., "Visit"]
SHARES = "targets/persistentshare/manage/"


@pytest.fixture
def shared(sender: Tom, target: Observed) -> dict[str, Any]:
    """A target with a share that has records of several states, and one that is shared by hand."""
    target.observe(6)
    told = sender.execute(f"""
        from django.contrib.auth.models import User
        from django.utils import timezone
        from tom_targets.models import PersistentShare, TargetList
        from tom_integration.models import Attempt, Call, Outbox, Delivery, OneTimeShare, ShareRule
        from tom_integration.outbox import open_outboxes
        root = User.objects.get(username="admin")
        share = PersistentShare.objects.create(target_id={target.id}, destination="receiver", user=root)
        outbox = Outbox.objects.get(share_id=share.pk)
        Outbox.objects.filter(pk=outbox.pk).update(paused="paused by admin")
        rows = list(Delivery.objects.filter(outbox__target_id={target.id}).order_by("pk"))
        now = timezone.now()
        states = ["failed", "needs_review", "needs_review", "withheld", "delivered", "pending"]
        for row, state in zip(rows, states):
            row.state, row.kind, row.reason, row.sent_at = state, "photometry", "a reason", now
            row.delivered_at = now if state == "delivered" else None
            row.save()
        exchange = dict(method="POST", url="https://tom.example.org/", status=400, seconds=0.5, sent="1" * 99)
        exchange.update(answered="", started=now.isoformat())
        call = Call.objects.create(outbox=outbox, started=now, requests=3, exchanges=[exchange])
        told = dict(started=now, finished=now, outcome="rejected", worker="w")
        attempt = Attempt.objects.create(delivery=rows[0], call=call, **told)
        group = TargetList.objects.create(name="Tonight {target.id}")
        group.targets.add({target.id})
        rule = ShareRule.objects.create(
            name="Tonight", scope="list", target_list_id=group.pk, destination="receiver", creator_id=root.pk,
            paused="the rule Tonight is paused by admin", applied_at=now,
        )
        print(share.pk, outbox.pk, group.pk, rule.pk, rows[0].pk, attempt.pk)
    """)
    names = ("share", "outbox", "group", "rule", "delivery", "attempt")
    return {"target": target.id, **dict(zip(names, map(int, told.split()[-6:]), strict=True))}


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_any_page(
    visit: Start, sender: Tom, target: Observed, shared: dict[str, Any], theme: str, width: int
) -> None:
    someone = visit(viewport={"width": width, "height": 900})
    page = someone.page
    one, of_target = f"{SHARES}{shared['share']}/", f"targets/{shared['target']}/"
    paths = [
        SHARES,
        f"{SHARES}?q=nothing+fits",
        f"{SHARES}?state=paused&destination=receiver",
        of_target,
        one,
        f"{one}?state=needs_review",
        f"{one}?sort=-delivered",
        "targets/persistentshare/lists/",
        f"{SHARES}records/{shared['delivery']}/attempts/{shared['attempt']}/",
        f"{one}change",
        f"{one}delete",
        f"{one}replay",
        "targets/persistentshare/destinations/",
        "targets/persistentshare/destinations/replay?name=receiver&since=yesterday",
        "targets/persistentshare/activity/",
        "targets/persistentshare/glossary/",
        "targets/persistentshare/notices/",
        f"{of_target}share/",
        f"{of_target}share/?tab=continuous",
        f"{of_target}persistentshare/manage/",
        f"targets/targetgrouping/{shared['group']}/share/",
        "targets/persistentshare/rules/",
        f"targets/persistentshare/rules/new?list={shared['group']}",
        f"targets/persistentshare/rules/{shared['rule']}/",
        f"targets/persistentshare/rules/{shared['rule']}/change",
        f"targets/persistentshare/rules/{shared['rule']}/end",
    ]
    found: list[str] = []
    for path in paths:
        someone.go(path)
        dress(page, theme)
        if path == of_target:
            # The script of tomtoolkit that opens the tab is on another host.
            page.locator("#photometry").evaluate("pane => pane.classList.add('active')")
        for folded in page.get_by_text("Filter and dates").all():
            folded.click()
        found += violations(page, path)
    someone.go(SHARES)
    dress(page, theme)
    page.get_by_role("button", name="Share", exact=True).evaluate("each => each.form.noValidate = true")
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.locator("#target-error")).to_be_visible()
    found += violations(page, "errors")
    page.get_by_label("Target", exact=True).press_sequentially(target.name)
    page.get_by_role("radio", name=target.name).check()
    page.get_by_role("radio", name="Receiver").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("What would be sent")).to_be_visible()
    found += violations(page, "preview")
    assert found == []


def test_the_check_finds_what_is_wrong_with_a_bad_page(chromium: Browser) -> None:
    """Were axe not to run, or to look past our part, the test above would pass all the same."""
    page = chromium.new_page()
    page.set_content("""<html lang="en"><title>t</title><body><img src="outside.png"><div class="sharing">
        <input type="text"><button></button><p style="color: #bbb; background: #fff">pale</p>
        <div role="progressbar" aria-valuenow="1"></div></div>""")
    found = violations(page, "bad")
    page.close()
    known = {each.split(": ")[1] for each in found}
    assert known >= {"aria-progressbar-name", "button-name", "color-contrast", "label"}
    assert "image-alt" not in known, "what is around our part is not ours to mend"


def test_a_share_is_made_retried_resolved_and_deleted_by_keyboard(
    visit: Start, sender: Tom, target: Observed
) -> None:
    target.observe(3)
    someone = visit()
    page = someone.page
    someone.go(SHARES)
    reach(page, "^New share$")  # past the shares that a TOM has by now
    page.keyboard.press("Enter")
    expect(page.get_by_label("Target", exact=True)).to_be_focused()
    page.keyboard.type(target.name)
    expect(page.get_by_role("radio", name=target.name)).to_be_checked()
    reach(page, "Receiver")
    page.keyboard.press("Space")
    reach(page, "^Preview")
    page.keyboard.press("Enter")
    expect(page.locator("#sharing-preview-title")).to_be_focused()
    reach(page, "^Share$", backwards=True)
    page.keyboard.press("Enter")
    made = page.get_by_text(f"{target.name} is now shared with Receiver.")
    expect(made).to_be_visible()
    expect(made).to_be_focused()

    sender.execute(f"""
        from django.utils import timezone
        from tom_integration.models import Outbox, Delivery
        Outbox.objects.filter(target_id={target.id}).update(paused="while the test looks")
        rows = list(Delivery.objects.filter(outbox__target_id={target.id}).order_by("pk"))
        for row, state in zip(rows, ["failed", "needs_review", "needs_review"]):
            Delivery.objects.filter(pk=row.pk).update(state=state, kind="photometry", sent_at=timezone.now())
    """)
    someone.go(f"targets/{target.id}/persistentshare/manage/")
    reach(page, "^Show details of")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("manage/[0-9]+/$"))
    reach(page, "^Retry datum")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It will be tried again now.")).to_be_visible()
    reach(page, "^Mark as arrived")
    page.keyboard.press("Enter")
    expect(page.get_by_text("noted as arrived")).to_be_visible()
    reach(page, "^Delete$")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Delete this share?")).to_be_visible()
    reach(page, "^Delete$")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{target.name} is no longer shared with Receiver.")).to_be_visible()


def test_the_focus_stays_and_little_is_said_while_the_page_refreshes_itself(
    visit: Start, sender: Tom, target: Observed
) -> None:
    someone = visit()
    page = someone.page
    sender.execute(f"""
        from tom_targets.models import PersistentShare
        PersistentShare.objects.create(target_id={target.id}, destination="receiver")
    """)
    someone.go(f"targets/{target.id}/persistentshare/manage/")
    expect(page.locator("#sharing-table").get_by_text("Up to date")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Show details of")).focus()
    page.evaluate(
        """() => {
            window.spoken = [];
            const watch = () => {
              const region = document.getElementById("sharing-announcements");
              const text = region && region.textContent;
              if (text && window.spoken.at(-1) !== text) { window.spoken.push(text); }
            };
            new MutationObserver(watch).observe(
              document.body, {childList: true, subtree: true, characterData: true});
        }"""
    )
    for number in (1, 2, 3):
        target.observe(2)
        delivered = page.locator("td[data-label=Delivered]")
        expect(delivered).to_have_text(str(2 * number), timeout=60_000)
        expect(page.get_by_role("link", name=re.compile("^Show details of"))).to_be_focused()
    assert len(page.evaluate("window.spoken")) <= 4
    assert page.get_by_role("status").count() <= 1
