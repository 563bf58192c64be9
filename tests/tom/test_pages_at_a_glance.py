"""How many things need somebody, what a page of many shares says first, and how its shares are chosen."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from tom_targets.models import PersistentShare

from sharecore.exceptions import AuthenticationFailed, DestinationError, Problem
from sharecore.filters import Filter
from sharecore.outcomes import Rejected
from sharecore.records import Kind
from tom.reading import text, told
from tom_integration import site
from tom_integration.models import (
    Delivery,
    DestinationHealth,
    OneTimeShare,
    Outbox,
    ShareRule,
    Worker,
    write_filter,
)
from tom_integration.outbox import versions
from tom_integration.pages import navigation_counts
from tom_integration.pages.share_cause import OF_SITE, Cause
from tom_integration.pages.share_status import ShareStatus, summaries
from tom_integration.services.one_time import share_once

if TYPE_CHECKING:
    from conftest import Tom

SHARES = "/targets/persistentshare/manage/"
DESTINATIONS = "/targets/persistentshare/destinations/"
SPECTRA = write_filter(Filter(kinds=(Kind.SPECTRUM,)))
_numbers = itertools.count(1_000_000)


def worker(tom: Tom) -> None:
    Worker.objects.create(name="w", runner="command", seen=tom.clock.now)


def share(tom: Tom, address: str = "x", *states: str, **fields: Any) -> PersistentShare:
    """A share whose outbox has these fields, and deliveries in these states, `state` or `state kind`."""
    made = tom.share(tom.target(), address)
    Outbox.objects.filter(share_id=made.pk).update(**{"look_now": False} | fields)
    outbox = Outbox.objects.get(share_id=made.pk)
    for each in states:
        state, _, kind = each.partition(" ")
        arrived = {"delivered_at": tom.clock.now} if state in ("delivered", "edited") else {}
        edited = {"fingerprint": "new", "arrived": "old"} if state == "edited" else {}
        later = state == "later"
        Delivery.objects.create(
            outbox=outbox,
            destination=outbox.destination,
            topic=outbox.topic,
            model="photometryreduceddatum",
            datum_pk=next(_numbers),
            timestamp=tom.clock.now,
            kind=kind or "photometry",
            state={"edited": "delivered", "later": "pending"}.get(state, state),
            next_at=tom.clock.now + timedelta(hours=1 if later else -1)
            if state in ("pending", "later")
            else None,
            **arrived,
            **edited,
        )
    return made


def every_cause(tom: Tom) -> None:
    """Shares of every cause that is of a share or a destination, some of them doubtful."""
    digest = site.credentials_digest(site.destinations()["x"])
    DestinationHealth.objects.create(destination="x", topic="red", paused="no", credentials=digest)
    DestinationHealth.objects.create(
        destination="y", failures=3, last_error="no route", down_since=tom.clock.now - timedelta(hours=2)
    )
    paused = ShareRule.objects.create(name="p", scope="all", destination="x", paused="for now")
    ended = ShareRule.objects.create(name="e", scope="all", destination="x", until=tom.clock.now)
    of_spectra = ShareRule.objects.create(name="s", scope="all", destination="x", filter=SPECTRA)
    share(tom, "x", "failed", paused="by admin")
    share(tom, "x", "pending", rule=paused)
    share(tom, "x", rule=ShareRule.objects.create(name="d", scope="all", destination="x", ending=True))
    share(tom, "x", "delivered", replay="{}")
    share(tom, "gone", "failed")
    share(tom, "x:red", "failed")
    share(tom, "x:red")
    share(tom, "x", "delivered", "failed", "pending")
    share(tom, "x:blue", "needs_review")
    share(tom, "x", "delivered", "to_approve")
    share(tom, "y", "pending")
    share(tom, "y", look_now=True)
    share(tom, "y", "delivered")
    share(tom, "y", "pending", "failed")
    share(tom, "x", problem="its target is odd", needs_person=True)
    share(tom, "x", "later")
    share(tom, "x", "later", "pending")
    share(tom, "x", "later", "sending")
    share(tom, "x", "submitted")
    share(tom, "x", "submitted", "later")
    share(tom, "x", "pending")
    introduced = Outbox.objects.get(share_id=share(tom, "x").pk)
    OneTimeShare.objects.create(outbox=introduced, introduce=True)
    share(tom, "x", look_now=True)
    share(tom, "x", "baseline", until=tom.clock.now - timedelta(days=1))
    share(tom, "x", rule=ended)
    share(tom, "x", "withheld")
    share(tom, "x", "delivered", "unsupported")
    share(tom, "x", "delivered", "edited")
    share(tom, "x", "baseline")
    share(tom, "x", "baseline", filter=SPECTRA)
    share(tom, "x", "baseline", rule=of_spectra)
    share(tom, "x", "baseline spectrum", rule=of_spectra)
    share(tom, "x", "baseline spectrum", filter=SPECTRA, rule=of_spectra)
    share(tom, "x", "baseline", filter='{"kinds": ["of a newer version"]}')
    share(tom, "x", "delivered")
    share(tom, "x")
    PersistentShare.objects.bulk_create([PersistentShare(target=tom.target(), destination="x")])


def listed(client: Client, query: str) -> set[int]:
    """The shares on all pages."""
    found: set[int] = set()
    for number in itertools.count(1):
        page = text(client.get(f"{SHARES}table{query}&page={number}"))
        found |= {int(pk) for pk in re.findall(r'name="share" form="sharing-many" value="(\d+)"', page)}
        if 'rel="next"' not in page:
            return found


def parts(client: Client, query: str = "") -> list[str]:
    """What stands at the top of the page."""
    page = text(client.get(f"{SHARES}table{query}"))
    return re.findall(r'<a class="s-state [^>]*>([^<]*)</a>', page.partition("</nav>")[0])


def badge(client: Client) -> str:
    """The number in the navigation bar; empty when none is shown."""
    found = re.search(r"data-sharing-needing( hidden)?><span>([0-9,]+)<", text(client.get("/users/")))
    assert found
    return "" if found[1] else found[2]


def test_the_list_of_each_state_has_the_shares_that_say_so_and_the_summary_their_number(
    tom: Tom, admin: Client
) -> None:
    worker(tom)
    every_cause(tom)
    outboxes = list(Outbox.objects.filter(share_id__isnull=False))
    seen = summaries(outboxes, User.objects.get(username="admin"))
    assert {each.cause for each in seen.values()} == set(Cause) - OF_SITE - {Cause.APPROVAL, Cause.DELAYED}
    said = {outbox.share_id: str(seen[outbox.pk].status) for outbox in outboxes}
    for pk in PersistentShare.objects.exclude(pk__in=said).values_list("pk", flat=True):
        said[pk] = "waiting"
    total = 0
    for status in ShareStatus:
        assert listed(admin, f"?state={status}") == {pk for pk, state in said.items() if state == status}
        in_rest = admin.get(f"/targets/persistentshare/?state={status}&limit=100").json()
        assert {each["id"] for each in in_rest["results"]} == {
            pk for pk, state in said.items() if state == status
        }
        assert {each["state"] for each in in_rest["results"]} <= {status.value}
    for part in parts(admin):
        total += int(re.search("[0-9]+", part)[0])
    assert total == len(said)
    assert listed(admin, "?state=nonsense") == set()
    assert admin.post(f"{SHARES}many", {"action": "pause", "all": "1", "state": "ended"}).status_code == 302
    assert Outbox.objects.filter(paused="paused by admin").count() == 2


def test_the_page_begins_with_a_summary(tom: Tom, admin: Client) -> None:
    DestinationHealth.objects.create(
        destination="y", failures=1, down_since=tom.clock.now.replace(hour=14, minute=5)
    )
    tom.clock.now = tom.clock.now.replace(hour=15, minute=0)
    worker(tom)
    for _ in range(2):
        share(tom, "x", "delivered")
        share(tom, "y", "pending")
    share(tom, "x", "failed")
    assert parts(admin) == ["2 up to date", "2 waiting for y since 14:05 UTC", "Action needed for 1 share"]
    page = text(admin.get(SHARES))
    assert 'href="?state=waiting&amp;destination=y"' in page
    assert page.index("2 up to date") < page.index("<table")
    assert page.index(">New share</a>") < page.index("2 up to date")
    assert parts(admin, "?destination=x") == ["2 up to date", "Action needed for 1 share"]
    answer = admin.get(f"{SHARES}table")
    seen = answer["X-Sharing-Digest"]
    again = admin.get(f"{SHARES}table?seen={seen}")
    assert (again.status_code, again["X-Sharing-Needing"]) == (204, "1")
    versions.update(Delivery.objects.filter(state="failed"), state="delivered", delivered_at=tom.clock.now)
    changed = admin.get(f"{SHARES}table?seen={seen}")
    assert (changed.status_code, changed["X-Sharing-Needing"]) == (200, "0")


def test_what_a_destination_causes_is_said_once_above_the_shares_that_it_holds(
    tom: Tom, admin: Client
) -> None:
    worker(tom)
    tom.x.will(DestinationError("no route to host"))
    tom.y.will(AuthenticationFailed("no such user"))
    for _ in range(15):
        for address in ("x", "y"):
            made = tom.share(tom.target(), address)
            tom.datum(made.target)
    well = share(tom, "x", "delivered")
    tom.deliver(after=60)
    Worker.objects.update(seen=tom.clock.now)
    page = text(admin.get(SHARES))
    assert page.count("no route to host") == page.count("y refuses what we send: no such user") == 1
    assert "no route to host. <small>15 shares</small>" in page
    assert page.count('scope="rowgroup"') == 2
    first, second = page.split('scope="rowgroup"')[1:]
    assert first.count('aria-label="Select SN') == 15, "what somebody has to mend comes first"
    assert first.count(" to y") > 0
    assert second.count(" to x") > 0
    assert f'<a href="{DESTINATIONS}#destination-y">Show y</a> <small>15 shares' in page
    assert ('s-blocked-waiting"' in page, 's-blocked-action-needed"' in page) == (True, True)
    assert "Show x" not in page
    assert f'value="{well.pk}"' not in page
    last = text(admin.get(f"{SHARES}?page=2"))
    # The last ones that x holds, below what it is, and then the one that is well.
    assert last.count('scope="rowgroup"') == 1
    assert last.index("no route to host") < last.index(f'value="{well.pk}"')
    # 15 shares that y refuses are one action; both numbers say what they count.
    assert badge(admin) == "1"
    assert "<span>1</span> action<span hidden>s</span> needed</span>" in page
    assert parts(admin)[-1] == "Action needed for 15 shares"


def test_the_navigation_counts_what_needs_somebody(tom: Tom, admin: Client) -> None:
    worker(tom)
    assert badge(admin) == ""
    every_cause(tom)
    # Three destinations that hold shares, one of them down for long; five shares by themselves.
    assert badge(admin) == "8"
    ShareRule.objects.create(name="r", scope="all", destination="x", problem="its list is gone")
    assert badge(admin) == "9"
    Outbox.objects.filter(share_id__isnull=False).exclude(destination="x").update(paused="by admin")
    versions.update(Delivery.objects.filter(state="failed"), state="delivered")
    # The topic, a record in review, one to approve, a share by itself, and the rule.
    assert badge(admin) == "5"
    Worker.objects.all().delete()
    assert badge(admin) == "6"


def test_what_was_shared_once_counts_and_the_page_of_shares_leads_to_it(tom: Tom, admin: Client) -> None:
    worker(tom)
    target, gone = tom.target("SN 2026once"), tom.target()
    for each in (target, gone):
        tom.datum(each)
        tom.x.will(Rejected(reason="too bright", field=""), times=1)
        share_once("x", each.pk, {"photometryreduceddatum": Q()}, user_id=None)
        tom.deliver(after=60)
    Worker.objects.update(seen=tom.clock.now)
    gone.delete()
    assert badge(admin) == "1"
    assert not PersistentShare.objects.exists()
    page = text(admin.get(SHARES))
    outbox = tom.outbox(target)
    link = f"/targets/{target.pk}/share/{outbox.pk}/"
    assert f'<a href="{link}">SN 2026once to x</a>' in page
    assert "too bright" in page
    assert "Retry all that did not arrive" in text(admin.get(link))
    nobody = Client()
    nobody.force_login(tom.user(target))
    assert "SN 2026once to x" not in text(nobody.get("/users/"))
    admin.post(f"{link}retry")
    tom.deliver(after=60)
    Worker.objects.update(seen=tom.clock.now)
    assert badge(admin) == ""
    assert link not in text(admin.get(SHARES))


def test_a_destination_that_is_down_counts_once_a_mail_would_say_so(tom: Tom, admin: Client) -> None:
    worker(tom)
    for _ in range(2):
        share(tom, "y", "pending")
    down = DestinationHealth.objects.create(destination="y", failures=1, down_since=tom.clock.now)
    assert badge(admin) == ""
    DestinationHealth.objects.filter(pk=down.pk).update(down_since=tom.clock.now - timedelta(minutes=61))
    assert badge(admin) == "1"


def test_the_navigation_asks_twice_at_most_and_not_at_all_for_others(tom: Tom, admin: Client) -> None:
    worker(tom)
    every_cause(tom)

    def asked(client: Client) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            client.get("/users/")
        return [each["sql"] for each in queries if "sharecore_" in each["sql"]]

    assert len(asked(admin)) == 2
    client = Client()
    client.force_login(tom.user())
    assert asked(client) == []
    assert asked(Client()) == []


def test_numbers_are_of_shares_that_the_user_may_see(tom: Tom, admin: Client) -> None:
    worker(tom)
    every_cause(tom)
    mine = share(tom, "x", "failed", "delivered")
    client = Client()
    user = tom.user(mine.target)
    assign_perm("tom_targets.view_persistentshare", user)
    assign_perm("tom_targets.add_persistentshare", user)
    client.force_login(user)
    assert (parts(client), badge(client)) == (["Action needed for 1 share"], "1")
    page = text(client.get(SHARES))
    assert page.count("rowgroup") == 0
    card = text(client.get(DESTINATIONS))
    assert "1 share</a>" in card
    assert "1 delivered" in card
    assert card.count("<dt>Waiting</dt><dd>Nothing") == 1
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        assert (parts(client), badge(client)) == (["1 up to date"], "")
        assert "0 delivered" in text(client.get(DESTINATIONS))


def test_shares_are_chosen_by_destination_creator_and_rule(tom: Tom, admin: Client) -> None:
    worker(tom)
    rule = ShareRule.objects.create(name="Tonight", scope="all", destination="x")
    user = tom.user(name="nina")
    made = {
        "x": tom.share(tom.target(), "x"),
        "red": tom.share(tom.target(), "x:red", user=user),
        "rule": share(tom, "y", rule=rule),
    }
    for query, names in {
        "?destination=x": "x red",
        "?destination=x:red": "red",
        "?destination=x&creator=site": "x",
        f"?creator={user.pk}": "red",
        f"?rule={rule.pk}": "rule",
        f"?rule={rule.pk}&creator={user.pk}": "",
        "?rule=nonsense": "",
        "?creator=nonsense": "",
    }.items():
        assert listed(admin, query) == {made[name].pk for name in names.split()}, query
    page = text(admin.get(f"{SHARES}?destination=x"))
    assert '<option value="x" selected>' in page
    for value, label in ((str(user.pk), "nina"), ("site", "this TOM"), (str(rule.pk), "Tonight")):
        assert f'<option value="{value}">{label}</option>' in page
    form = {"action": "pause", "all": "1", "creator": str(user.pk)}
    assert told(admin.post(f"{SHARES}many", form)) == "1 share paused."
    assert admin.post(f"{SHARES}many", form | {"creator": "nonsense"}).status_code == 400


def test_a_record_that_is_being_processed_there_is_no_failed_try(tom: Tom, admin: Client) -> None:
    made = tom.share(tom.target(), "x")
    tom.data(made.target, 2)
    tom.deliver(after=60)
    tom.x.answers_later = True
    tom.data(made.target, 2)
    tom.deliver(after=60)
    assert "2 delivered; 100 % of 2 attempts succeeded" in text(admin.get(DESTINATIONS))


def test_a_card_of_a_destination_has_its_numbers(tom: Tom, admin: Client) -> None:
    tom.x.will(Rejected(reason="no"), times=1)
    made = tom.share(tom.target(), "x")
    tom.data(made.target, 4)
    tom.deliver(after=60)
    tom.x.will(DestinationError("down"))
    tom.data(made.target, 2)
    tom.deliver(after=3600)
    waiting = Delivery.objects.filter(state="pending").earliest("created").created
    page = text(admin.get(DESTINATIONS))
    card = page[page.index('id="destination-x"') : page.index('id="destination-y"')]
    assert f'href="{SHARES}?destination=x">1 share</a>' in card
    assert f'2 records <small>the oldest since <time datetime="{waiting.isoformat()}">' in card
    assert "3 delivered; 75 % of 4 attempts succeeded" in card
    since = DestinationHealth.objects.get(destination="x", topic=None).down_since
    assert since is not None
    assert f'not counted: 1 in a row since <time datetime="{since.isoformat()}">' in card
    assert "Records delivered per hour in the last 24 hours; most, 3, from " in card
    assert len(re.findall("<rect", card)) == 24
    assert len(re.findall('height="0.0"', card)) == 23
    tom.clock.forward(days=2)
    assert "0 delivered" in text(admin.get(DESTINATIONS))


def test_the_result_of_the_last_test_stays(tom: Tom, admin: Client) -> None:
    assert "Last check" not in text(admin.get(DESTINATIONS))
    admin.post(f"{DESTINATIONS}check", {"name": "x"})
    tested = "Checked: what the memory destination answers to a check."
    assert f"Passed. {tested} <small><time" in text(admin.get(DESTINATIONS))
    tom.x.problems = [Problem(where="x", what="it has no room", hint="Make room.")]
    asked = text(admin.post(f"{DESTINATIONS}check", {"name": "x"}))
    assert "it has no room. Make room." in asked
    assert tested in asked
    assert f"It has no room. {tested}" in text(admin.get(DESTINATIONS))


@pytest.mark.parametrize("runner", ["thread", "celery", "command"])
def test_without_a_worker_what_waits_needs_somebody_once(tom: Tom, admin: Client, runner: str) -> None:
    with override_settings(SHARECORE_RUNNER=runner):
        for _ in range(3):
            share(tom, "x", "pending")
        share(tom, "x", "delivered")
        assert parts(admin) == ["1 up to date", "Action needed for 3 shares"]
        assert text(admin.get(f"{SHARES}table")).count("No worker is running") == 1
    assert navigation_counts.number(User.objects.get(username="admin")) == 1


def test_what_needs_a_person_comes_first(tom: Tom, admin: Client) -> None:
    refused, newer, down, newest = (tom.share(tom.target(), name) for name in ("x", "x", "y", "x"))
    tom.x.will(Rejected(reason="no"), times=1)
    tom.datum(refused.target)
    tom.deliver(after=60)
    tom.y.will(DestinationError("down"))
    tom.datum(down.target)
    tom.deliver(after=60)
    order = re.findall(r'aria-label="Show details of ([^"]+) to', text(admin.get(SHARES)))
    assert order == [each.target.name for each in (refused, down, newest, newer)]


@pytest.mark.parametrize(("shares", "shown"), [(1, False), (2, True)])
def test_shares_are_searched_as_soon_as_there_are_two(
    tom: Tom, admin: Client, shares: int, shown: bool
) -> None:
    for _ in range(shares):
        tom.share(tom.target())
    assert ('role="search"' in text(admin.get(SHARES))) is shown


def test_a_card_says_that_its_destination_asked_for_a_pause(tom: Tom, admin: Client) -> None:
    made = tom.share(tom.target(), "x")
    tom.x.delay = 400
    tom.datum(made.target)
    tom.deliver(after=60)
    page = text(admin.get(DESTINATIONS))
    card = page[page.index('id="destination-x"') : page.index('id="destination-y"')]
    assert re.search("Asked us to wait</span> .*The next call goes at .*, as x asked.", card)
    tom.clock.forward(seconds=400)
    assert "Asked us to wait" not in text(admin.get(DESTINATIONS))
