"""The words of the pages: how destinations, times, kinds of data and those who deliver are called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.base import ContentFile
from django.test import Client, override_settings
from django.utils import timezone
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import DataProduct

import tom_integration
from sharecore.testing.memory_adapter import MemoryAdapter
from tom.reading import text
from tom_integration.models import Delivery, Outbox, Worker
from tom_integration.outbox import versions

if TYPE_CHECKING:
    from conftest import Tom

pytestmark = pytest.mark.any_database

SCRIPT = "<script>alert('x')</script>"
SHARES = "/targets/persistentshare/manage/"
DESTINATIONS = "/targets/persistentshare/destinations/"


def told(answer: Any) -> str:
    """What the next page will tell the user."""
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_how_data_go_stays_beside_the_destination_after_a_check_and_after_a_delivery(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "in batches" not in text(admin.get(DESTINATIONS))
    monkeypatch.setattr(MemoryAdapter, "describe", lambda self: f"in batches {SCRIPT} {'of any size ' * 60}")
    assert "in batches" in text(admin.post(f"{DESTINATIONS}check", {"name": "y"}))
    page = text(admin.get(DESTINATIONS))
    assert page.count("in batches &lt;script&gt;") == 1
    assert page.count("of any size") < 40
    tom.share(target := tom.target())
    tom.datum(target)
    tom.deliver(after=60)
    assert text(admin.get(DESTINATIONS)).count("in batches") == 2


def test_an_adapter_that_fails_to_say_how_data_go_delivers_them(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAdapter, "describe", lambda self: 1 / 0)
    tom.share(target := tom.target())
    tom.datum(target)
    assert tom.deliver(after=60) == 1
    assert "takes our data" in text(admin.post(f"{DESTINATIONS}check", {"name": "x"}))


@pytest.mark.parametrize(
    ("runner", "who", "one"),
    [
        ("thread", "The web server sends data in the background", "Web server process here:1"),
        ("command", "manage.py sharing deliver", "Worker here:1"),
        ("celery", "Celery workers send data", "Celery worker here:1"),
    ],
)
def test_the_workers_are_named_in_words(tom: Tom, admin: Client, runner: str, who: str, one: str) -> None:
    with override_settings(SHARECORE_RUNNER=runner):
        page = text(admin.get(DESTINATIONS))
        assert who in page
        assert f'SHARECORE_RUNNER = "{runner}"' in page
        assert "No worker is running, and nothing waits." in page
        Worker.objects.create(name="here:1", runner=runner, seen=timezone.now())
        assert one in text(admin.get(DESTINATIONS))
        Worker.objects.update(seen=timezone.now() - timedelta(hours=1))
        tom.share(target := tom.target())
        tom.datum(target)
        tom.commit()
        page = text(admin.get(DESTINATIONS))
    assert "No worker is running." in page
    assert "nothing waits" not in page


def test_a_destination_has_the_same_name_on_every_page(tom: Tom, admin: Client) -> None:
    settings = {
        "x": {"ADAPTER": "memory", "DISPLAY_NAME": "Their <TOM>"},
        "old": {"ADAPTER": "pigeon", "DISPLAY_NAME": "Old TOM"},
    }
    tom.datum(target := tom.target("SN 2026abc"))
    with override_settings(DATA_SHARING=settings):
        share = tom.share(target, "x:red")
        tom.share(target, "old")
        page, form = text(admin.get(DESTINATIONS)), text(admin.get(SHARES))
        assert "Old TOM <small>old</small>" in page
        assert "<strong>Old TOM</strong>" in form
        for path in (SHARES, f"{SHARES}?q=their", f"{SHARES}{share.pk}/", f"{SHARES}{share.pk}/delete"):
            assert "Their &lt;TOM&gt; red" in text(admin.get(path)), path
        assert "No share matches" in text(admin.get(f"{SHARES}?q=nobody"))
        assert told(admin.post(f"{SHARES}{share.pk}/pause")) == "SN 2026abc to Their <TOM> red is paused."


def test_times_are_of_utc_whatever_the_time_zone_of_the_tom(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    tom.datum(target)
    tom.deliver(after=60)
    moment = datetime(2030, 3, 1, 4, 5, 6, tzinfo=UTC)
    Delivery.objects.update(delivered_at=moment, state="needs_review", sent_at=moment)
    type(share).objects.update(created=moment)
    Outbox.objects.update(until=moment)
    with override_settings(TIME_ZONE="Pacific/Honolulu"):
        page = text(admin.get(f"{SHARES}{share.pk}/"))
        assert "Shared since 2030-03-01," in page
        assert "Until 2030-03-01 04:05:06 UTC" in page
        assert "sent 2030-03-01 04:05:06 UTC" in page
        assert ", 2030-03-01</small>" in text(admin.get(SHARES))
        Delivery.objects.update(state="delivered")
        page = text(admin.get(f"{SHARES}{share.pk}/"))
        assert "2030-03-01 04:05:06 UTC" in page
    assert "2030-02-28" not in page


def test_what_is_shared_by_hand_is_done_not_kept_up_to_date(tom: Tom, admin: Client) -> None:
    tom.y.takes_files = True
    target = tom.target()
    DataProduct.objects.create(
        target=target, product_id="night", data=ContentFile(b"some bytes", name="night.fits")
    )
    answer = admin.post(f"/targets/{target.pk}/share/", {"share_destination": "y", "kinds": ["file"]})
    assert told(answer) == f"1 file of {target.name} will be sent to y."
    tom.deliver(after=60)
    page = text(admin.get(answer.url))
    assert "Done</span>" in page
    assert "Up to date" not in page
    assert "File night" in page


def test_where_a_target_is_shared_already_is_said_before_it_is_chosen(tom: Tom, admin: Client) -> None:
    tom.share(target := tom.target(), "x:red")
    form = f"/targets/{target.pk}/share/?tab=continuous"
    assert text(admin.get(form)).count("Shared there already.") == 1
    assert "Shared there already." not in text(admin.get(f"/targets/{tom.target().pk}/share/?tab=continuous"))
    assert "Shared there already." not in text(admin.get(SHARES))


def test_a_target_that_was_chosen_stays_chosen_beside_an_error(tom: Tom, admin: Client) -> None:
    tom.share(target := tom.target("SN 2026abc"), "x:red")
    tom.data(target, 2)
    form = {"target": target.pk, "target_name": "2026", "destination": "x:red", "kinds": ["photometry"]}
    page = text(admin.post(f"{SHARES}create", form))
    assert "SN 2026abc is shared with x:red already." in page
    assert f'<input type="radio" name="target" value="{target.pk}" checked>' in page
    assert "2 records. Without this" in page


def test_a_preview_says_what_goes_where(tom: Tom, admin: Client) -> None:
    tom.datum(target := tom.target("SN 2026abc"))
    form = {"target": target.pk, "destination": "x:red", "kinds": ["photometry"]}
    page = text(admin.post(f"{SHARES}preview", form))
    assert ">Preview <small>SN 2026abc to x:red</small></h2>" in page


def test_who_may_only_look_at_what_needs_a_person_is_told_what_it_takes(tom: Tom) -> None:
    user = tom.user(target := tom.target())
    assign_perm("tom_targets.view_persistentshare", user)
    client = Client()
    client.force_login(user)
    share = tom.share(target)
    tom.datum(target)
    tom.deliver(after=60)
    takes = "You need permission to change shares and this target"
    assert takes not in text(client.get(f"{SHARES}{share.pk}/"))
    versions.update(Delivery.objects.all(), state="failed", reason="no such filter")
    assert takes in text(client.get(f"{SHARES}{share.pk}/"))
    assign_perm("tom_targets.change_persistentshare", user)
    page = text(client.get(f"{SHARES}{share.pk}/"))
    assert takes not in page
    assert "Retry all that did not arrive" in page


def test_a_target_shared_by_hand_without_data_promises_none(tom: Tom, admin: Client) -> None:
    target = tom.target()
    page = text(admin.get(admin.post(f"/targets/{target.pk}/share/", {"share_destination": "y"}).url))
    assert "The target itself was shared, without data." in page
    assert "New data of" not in page


def test_the_navigation_bar_says_where_one_is(tom: Tom, admin: Client) -> None:
    here = re.compile('<a class="nav-link active" href="[a-z/]+">Sharing <')
    assert here.search(text(admin.get(SHARES)))
    assert here.search(text(admin.get(DESTINATIONS)))
    assert not here.search(text(admin.get("/targets/")))


_COUNTED = re.compile(
    r"\}\}? (?:more )?(?:records|shares|targets|destinations|answers|attempts|rows|keys|failures)\b"
)


def test_no_text_counts_without_a_form_for_one() -> None:
    """Such as "1 records": `phrases.number` and `pluralize` have both forms, and separate the thousands."""
    here = Path(tom_integration.__file__).parent
    found = [
        f"{path.relative_to(here)}: {line.strip()}"
        for path in (*here.rglob("*.py"), *here.rglob("*.html"))
        for line in path.read_text().splitlines()
        if _COUNTED.search(line) and not any(each in line for each in ("MAX_", "phrases.number(", ".name}"))
    ]
    assert not found
