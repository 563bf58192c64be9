"""A share is green only when everything is at the destination as it is here; what is not is counted."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_targets.models import PersistentShare, TargetList

from sharecore.delivery import State
from sharecore.exceptions import DestinationError
from sharecore.filters import Filter
from sharecore.outcomes import Deferred, Rejected, Unsupported
from sharecore.records import Kind
from tom.reading import told
from tom_integration.models import Delivery, DestinationHealth, Outbox, write_filter
from tom_integration.outbox import versions
from tom_integration.pages import counts, status_reasons
from tom_integration.pages.delivery_table import BY_URGENCY

if TYPE_CHECKING:
    from conftest import Tom

SPECTRA = write_filter(Filter(kinds=(Kind.SPECTRUM,)))
SHARES = "/targets/persistentshare/manage/"
WITHOUT_Y = {"x": {"ADAPTER": "memory", "USER_TOPICS": ["red", "blue"]}}


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return " ".join(answer.content.decode().replace("<", " <").split())


def in_rest(admin: Client) -> tuple[str, str]:
    shown = admin.get("/targets/persistentshare/").json()["results"][0]
    return shown["state"], shown["state_text"]


def test_existing_data_that_are_not_shared_are_counted_and_can_be_sent(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 26)
    share = tom.share(target)
    tom.data(target, 2)
    tom.deliver(after=60)
    page = f"{SHARES}{share.pk}/"
    for shown in (text(admin.get(page)), text(admin.get(SHARES))):
        assert "Up to date" not in shown
        assert "Partly shared" in shown
        assert "26 existing records not shared." in shown
    assert in_rest(admin) == ("partly", "26 existing records not shared.")
    assert "Send all 26 existing" in text(admin.get(page))
    assert told(admin.post(f"{page}send-existing")) == "26 existing records will be sent."
    assert tom.deliver(after=60) == 26
    assert "Up to date" in text(admin.get(page))
    assert in_rest(admin)[0] == "ok"


def test_of_existing_data_those_that_a_share_does_not_send_are_not_missing(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 3)
    share = tom.share(target)
    Outbox.objects.update(filter=SPECTRA)
    Delivery.objects.update(kind="photometry")
    tom.deliver(after=60)
    assert "Up to date" in text(admin.get(f"{SHARES}{share.pk}/"))


@pytest.mark.parametrize("outcome", [Unsupported(reason="no such band", feature="band"), None])
def test_what_cannot_leave_is_counted(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch, outcome: Any
) -> None:
    share = tom.share(target := tom.target())
    if outcome is None:
        for _ in range(2):
            tom.datum(target, value={"release_date": "some day"})
    else:
        tom.x.will(outcome)
        tom.data(target, 2)
    tom.deliver(after=60)
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert "Up to date" not in page
    date = "its release date &#x27;some day&#x27;"
    why = date if outcome is None else "as x cannot store them: no such band"
    assert re.search(rf"2 records not sent[,:] {why}", page)
    assert in_rest(admin)[0] == "partly"
    pill = "Not sent: kept here" if outcome is None else "Not sent: x cannot store it"
    assert page.count(pill) == 3


def test_of_several_reasons_one_is_an_example(
    tom: Tom, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tom.share(target := tom.target())
    first = f"{'no such band ' * 30}at all"
    tom.data(target, 7)
    tom.deliver(after=60)
    rows = Delivery.objects.order_by("pk")
    rows.update(state="unsupported", reason=first)
    few = list(rows.values_list("pk", flat=True)[:4])

    assert in_rest(admin)[1] == f"7 records not sent, as x cannot store them: {first}."
    Delivery.objects.filter(pk__in=few).update(reason="an odd unit")
    said = f"7 records not sent, as x cannot store them, for 2 reasons, such as: {first}."
    assert in_rest(admin)[1] == said
    assert said in text(admin.get(f"{SHARES}{share.pk}/")), "the reason is not cut on the page of the share"

    monkeypatch.setattr(status_reasons, "LOOKED_AT", 3)
    rows.update(reason="an odd unit")
    assert in_rest(admin)[1] == "7 records not sent, as x cannot store them, for example: an odd unit."


def test_an_edit_that_the_destination_does_not_take_is_counted(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    row = tom.datum(target)
    tom.deliver(after=60)
    assert "Up to date" in text(admin.get(f"{SHARES}{share.pk}/"))
    before = row.brightness
    row.brightness = 12.5
    row.save()
    tom.deliver(after=60)
    assert tom.state(row) == "delivered"
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert "Up to date" not in page
    assert "1 record edited here after delivery: x takes no edits and has the old values." in page
    call_command("sharing", "status", stdout=(out := StringIO()))
    assert "1 edited here after delivery: the destination has the old values" in out.getvalue()
    row.brightness = before
    row.save()
    tom.deliver(after=60)
    assert "Up to date" in text(admin.get(f"{SHARES}{share.pk}/"))


@pytest.mark.parametrize("button", ["all", "one"])
def test_the_new_values_of_edited_data_can_be_sent(tom: Tom, admin: Client, button: str) -> None:
    share = tom.share(target := tom.target())
    row, other = tom.datum(target), tom.datum(target)
    tom.deliver(after=60)
    row.brightness = 12.5
    row.save()
    tom.deliver(after=60)
    page = f"{SHARES}{share.pk}/"
    edited = text(admin.get(page + "?state=outdated"))
    assert edited.count(">Send new values <") == 1
    assert f"datum {row.pk}" in edited
    assert f"datum {other.pk}" not in edited
    assert "x keeps the old values beside the new ones" in edited
    where = f"{page}send-edited" if button == "all" else f"{SHARES}records/{tom.row(row).pk}/retry"
    assert ("new values of 1 record" if button == "all" else "tried again") in told(admin.post(where))
    tom.deliver(after=60)
    assert [record.brightness for record in tom.x.received[2:]] == [12.5]
    after = text(admin.get(page))
    assert "Up to date" in after
    assert "Send new values" not in after


def test_a_datum_that_was_not_looked_at_is_called_what_it_is(tom: Tom, admin: Client) -> None:
    tom.data(target := tom.target(), 1)
    share = tom.share(target)
    assert Delivery.objects.get().kind == ""
    assert "<small>Photometry" in text(admin.get(f"{SHARES}{share.pk}/")).replace("<small> ", "<small>")


@pytest.mark.parametrize("word", ["upper limit", "Upper"])
def test_data_are_found_by_the_words_of_the_page(tom: Tom, admin: Client, word: str) -> None:
    share = tom.share(target := tom.target())
    tom.datum(target)
    limit = tom.datum(target, brightness=None, limit=20.5)
    tom.deliver(after=60)
    found = text(admin.get(f"{SHARES}{share.pk}/", {"q": word}))
    assert found.count("s-pill") == 1
    assert f"&gt; {limit.limit:g}" in found


def test_a_destination_says_the_same_last_success_as_its_shares(tom: Tom, admin: Client) -> None:
    tom.share(target := tom.target(), "x:red")
    tom.data(target, 1)
    tom.deliver(after=60)
    latest = Delivery.objects.get().delivered_at
    DestinationHealth.objects.update(last_success_at=latest - timedelta(hours=1))
    assert f"{latest:%Y-%m-%d %H:%M:%S} UTC" in text(admin.get("/targets/persistentshare/destinations/"))


def test_who_shares_once_is_told_what_is_there_already(tom: Tom, admin: Client) -> None:
    tom.share(target := tom.target(), "y")
    tom.data(target, 3)
    tom.deliver(after=60)
    Delivery.objects.filter(outbox__target_id=target.pk, pk=Delivery.objects.earliest("pk").pk).delete()
    form = {"share_destination": "y", "kinds": "photometry"}
    said = told(admin.post(f"/targets/{target.pk}/share/", form))
    assert said == f"1 record of {target.name} will be sent to y. 2 more are there, or on their way."


def test_what_was_shared_once_stays_done_when_its_destination_is_removed(tom: Tom, admin: Client) -> None:
    tom.data(target := tom.target(), 1)
    admin.post(f"/targets/{target.pk}/share/", {"share_destination": "y", "kinds": "photometry"})
    tom.deliver(after=60)
    page = f"/targets/{target.pk}/share/"
    with override_settings(DATA_SHARING=WITHOUT_Y):
        assert "Action needed" not in (said := text(admin.get(page)))
        assert "Done" in said
    tom.datum(target)
    admin.post(page, {"share_destination": "y", "kinds": "photometry"})
    with override_settings(DATA_SHARING=WITHOUT_Y):
        assert "Action needed" in text(admin.get(page))


def test_who_shares_a_list_is_told_what_is_there_and_where_to_look(tom: Tom, admin: Client) -> None:
    group = TargetList.objects.create(name="tonight")
    group.targets.add(target := tom.target(), tom.target())
    tom.data(target, 3)
    form = {
        "share_destination": "y",
        "dataSwitch": "on",
        "selected-target": [t.pk for t in group.targets.all()],
    }
    url = f"/targets/targetgrouping/{group.pk}/share/"
    first = told(admin.post(url, form))
    assert first.startswith("2 targets with 3 records will be sent to y. The Share page")
    tom.deliver(after=60)
    tom.datum(target)
    again = told(admin.post(url, form))
    assert "2 targets with 1 record will be sent to y. 3 records of their data are there" in again


def test_a_command_that_finds_nothing_says_so(tom: Tom) -> None:
    for name, said in {"resolve": "Nothing to resolve", "origins": "No other site has sent"}.items():
        call_command("sharing", name, stdout=(out := StringIO()))
        assert said in out.getvalue()


def test_the_command_that_empties_says_once_what_it_removed(tom: Tom) -> None:
    call_command("sharing", "purge", stdout=(out := StringIO()))
    assert out.getvalue().count("Removed") == 1


def test_what_a_deleted_share_sent_cannot_be_sent_again(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    row = tom.datum(target)
    tom.deliver(after=60)
    row.brightness = 12.5
    row.save()
    tom.deliver(after=60)
    share.delete()
    admin.post(f"{SHARES}records/{tom.row(row).pk}/retry")
    assert tom.state(row) == "delivered"


def test_a_share_with_data_that_no_worker_has_looked_at_is_not_up_to_date(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    tom.deliver(after=60)
    assert "Up to date" in text(admin.get(f"{SHARES}{share.pk}/"))
    Outbox.objects.update(look_now=True)
    assert "Up to date" not in text(admin.get(f"{SHARES}{share.pk}/"))


def test_what_waits_for_its_next_try_is_hurried_one_by_one_or_all(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    rows = tom.data(target, 3)
    tom.x.will(Deferred(reason="busy", retry_after=3600))
    tom.deliver(after=60)
    assert tom.states() == ["pending"] * 3
    page = f"{SHARES}{share.pk}/"
    assert text(admin.get(page)).count("Try now </button>") == 3
    tom.x.recover()
    admin.post(f"{SHARES}records/{tom.row(rows[0]).pk}/retry")
    assert tom.deliver(after=5) == 1
    assert told(admin.post(f"{page}hurry")).endswith("2 records will be tried now.")
    assert tom.deliver(after=5) == 2
    assert "Try all waiting now" not in text(admin.get(page))


def test_an_outage_is_told_once_for_all_shares(tom: Tom, admin: Client) -> None:
    tom.x.will(DestinationError("no route to host"))
    for _ in range(3):
        tom.share(target := tom.target())
        tom.datum(target)
    tom.deliver(after=60)
    page = text(admin.get(SHARES))
    assert page.count("no route to host") == 1
    assert "no route to host. <small>3 shares" in page
    assert page.count("1 record waits for the destination.") == 3
    share = PersistentShare.objects.first()
    assert "no route to host" in text(admin.get(f"{SHARES}{share.pk}/"))
    assert "no route to host" in in_rest(admin)[1]


def test_shares_to_a_removed_destination_tell_what_waits_and_are_deleted_together(
    tom: Tom, admin: Client
) -> None:
    for _ in range(3):
        tom.share(target := tom.target("" if PersistentShare.objects.exists() else "SN 2026 gone"), "y")
    tom.share(kept := tom.target())
    with override_settings(DATA_SHARING=WITHOUT_Y):
        tom.data(target, 5)
        tom.deliver(after=60)
        page = text(admin.get(SHARES))
        assert "3 shares to it are stopped; 5 records wait." in page
        assert page.count("has no destination") == 0
        question = f"{SHARES}delete?destination=y"
        assert question in page
        asked = text(admin.get(question))
        assert "SN 2026 gone" in asked
        assert "5 records </strong> not sent yet will not be sent" in asked
        assert told(admin.post(f"{SHARES}delete", {"destination": "y"})) == "3 shares to y deleted."
        assert [share.target.pk for share in PersistentShare.objects.all()] == [kept.pk]
        assert admin.post(f"{SHARES}delete", {"destination": "x"}).status_code == 404
    assert PersistentShare.objects.count() == 1


def test_who_may_not_delete_a_share_to_a_removed_destination_is_not_offered_it(tom: Tom) -> None:
    mine, theirs = tom.target(), tom.target("SN 2026 theirs")
    user = tom.user(mine)
    assign_perm("tom_targets.view_persistentshare", user)
    for target in (mine, theirs):
        tom.share(target, "y")
    client = Client()
    client.force_login(user)
    with override_settings(DATA_SHARING=WITHOUT_Y):
        page = text(client.get(SHARES))
        assert "1 share to it is stopped" in page
        assert "delete?destination" not in page
        assert client.get(f"{SHARES}delete?destination=y").status_code != 200
        assign_perm("tom_targets.delete_persistentshare", user)
        assert "theirs" not in text(client.get(f"{SHARES}delete?destination=y"))
        client.post(f"{SHARES}delete", {"destination": "y"})
    assert [share.target.pk for share in PersistentShare.objects.all()] == [theirs.pk]


def test_target_lists_are_found_from_the_page_of_shares(tom: Tom, admin: Client) -> None:
    seen = TargetList.objects.create(name="Tonight")
    TargetList.objects.create(name="Secret")
    assert 'href="/targets/persistentshare/lists/"' in text(admin.get(SHARES))
    assert "Secret" in text(admin.get("/targets/persistentshare/lists/"))
    user = tom.user(name="viewer")
    assign_perm("tom_targets.view_targetlist", user, seen)
    client = Client()
    client.force_login(user)
    page = text(client.get("/targets/persistentshare/lists/"))
    assert f'href="/targets/targetgrouping/{seen.pk}/share/"' in page
    assert "Secret" not in page
    assert Client().get("/targets/persistentshare/lists/").status_code == 302


@pytest.mark.parametrize("destination", ["y", "x:red"])
def test_a_preview_without_data_says_so_and_shows_the_target(
    tom: Tom, admin: Client, destination: str
) -> None:
    target = tom.target("SN 2026 bare")
    form = {"target": target.pk, "destination": destination, "kinds": ["photometry"]}
    for more in ({}, {"share_existing_data": "on"}):
        page = text(admin.post(f"{SHARES}preview", form | more))
        assert "SN 2026 bare has no such data yet." in page
        assert "10.000000 -20.000000 deg" in page
        assert "<pre" not in page


def _states_on(page: str) -> list[str]:
    return re.findall(r's-pill s-d-([a-z_]+)"', page)


def test_each_colour_is_of_a_state() -> None:
    styles = Path(str(finders.find("tom_integration/sharing.css"))).read_text()
    coloured = set(re.findall(r"s-d-([a-z_]+)", styles))
    # "outdated" is that of a delivered record of which the old values are there.
    assert coloured == {str(state) for state in State} - {"baseline", "cancelled"} | {"outdated"}


def test_what_needs_a_person_and_what_waits_come_first(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    tom.data(target, 120)
    tom.deliver(after=60)
    rows = list(Delivery.objects.order_by("pk"))
    for row, state in zip(rows[::9], BY_URGENCY, strict=True):
        Delivery.objects.filter(pk=row.pk).update(state=state, sent_at=tom.clock())
    page = f"{SHARES}{share.pk}/"
    first = _states_on(text(admin.get(page)))
    urgent = BY_URGENCY[: BY_URGENCY.index(State.DELIVERED)]
    assert first[: len(urgent)] == list(map(str, urgent))
    assert set(first[len(urgent) :]) == {"delivered"}
    last = _states_on(text(admin.get(page, {"page": "5"})))
    assert last[-2:] == ["baseline", "cancelled"]
    keys = [
        pk
        for number in range(1, 6)
        for pk in re.findall(
            r"(\d{4}-\d\d-\d\dT[0-9:.+]+)\"> \d{4}[^<]*</time></span>|$",
            text(admin.get(page, {"page": number})),
        )
    ]
    assert len(keys) >= 5
    assert 'aria-label="Page 2"' in text(admin.get(page))


@pytest.mark.parametrize("column", ["datum", "delivered"])
def test_deliveries_are_sorted_by_a_column(tom: Tom, admin: Client, column: str) -> None:
    share = tom.share(target := tom.target())
    tom.data(target, 3)
    tom.deliver(after=60)
    for number, row in enumerate(Delivery.objects.order_by("pk")):
        moment = row.timestamp + timedelta(days=number)
        fields = {"timestamp": moment, "delivered_at": moment}
        Delivery.objects.filter(pk=row.pk).update(record_id=f"r{number}", remote_id=f"n{number}", **fields)
    page = f"{SHARES}{share.pk}/"
    for sort, order in ((column, ["n0", "n1", "n2"]), (f"-{column}", ["n2", "n1", "n0"])):
        shown = text(admin.get(page, {"sort": sort}))
        assert re.findall(r"ID at destination: (n\d)", shown) == order
    assert 'aria-sort="descending"' in shown
    assert f"sort={column}" in shown


def test_every_delivery_is_on_one_page_whatever_the_order(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    tom.data(target, 60)
    tom.deliver(after=60)
    Delivery.objects.filter(pk__in=Delivery.objects.values("pk")[:7]).update(state="failed")
    for pk in Delivery.objects.values_list("pk", flat=True):
        Delivery.objects.filter(pk=pk).update(remote_id=f"n{pk}")
    for sort in ("", "datum", "-delivered", "attempts"):
        found = []
        for number in (1, 2, 3):
            shown = text(admin.get(f"{SHARES}{share.pk}/", {"sort": sort, "page": number}))
            found += re.findall(r"ID at destination: n(\d+)", shown)
        assert sorted(map(int, found)) == sorted(Delivery.objects.values_list("pk", flat=True)), sort


def test_a_refused_record_is_called_so(tom: Tom, admin: Client) -> None:
    share = tom.share(target := tom.target())
    tom.x.will(Rejected(reason="no such band"))
    tom.datum(target)
    tom.deliver(after=60)
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert 's-d-failed">Refused </span>' in page
    assert ">Reply" in page.replace("> Reply", ">Reply")
    assert "Parked" not in page


def test_first_deliveries_that_are_written_while_a_page_counts(tom: Tom, admin: Client, shared: Any) -> None:
    """A worker writes them between two of the queries."""
    share = PersistentShare.objects.get()
    outbox, rows, written = tom.outbox(shared), tom.data(shared, 2), []

    def write_after(execute: Any, sql: str, *others: Any) -> Any:
        result = execute(sql, *others)
        if not written and "COUNT" in sql and "sharecore_delivery" in sql:
            written.append(sql)
            for row, state in zip(rows, (State.PENDING, State.WITHHELD), strict=True):
                given = {"datum_pk": row.pk, "timestamp": row.timestamp, "kind": "photometry", "state": state}
                model = row._meta.model_name
                field = "release" if state is State.WITHHELD else ""
                Delivery.objects.create(outbox=outbox, destination="x", model=model, field=field, **given)
            versions.renew([outbox.pk])
        return result

    with connection.execute_wrapper(write_after):
        assert admin.get(f"{SHARES}{share.pk}/").status_code == 200
    assert written
    (figures,) = counts.counted([outbox], AnonymousUser()).values()
    assert figures.counts == {State.PENDING: 1, State.WITHHELD: 1}
