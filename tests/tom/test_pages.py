"""The pages: who gets them, what they say of a share, and what they make of what was typed and ticked."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.template import RequestContext, Template
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import DataProduct, SpectroscopyReducedDatum
from tom_targets.models import PersistentShare, Target, TargetList, TargetName

from sharecore.exceptions import AuthenticationFailed, DestinationError, Problem
from sharecore.outcomes import Rejected, Unconfirmed
from sharecore.records import DATA_KINDS
from tom_integration.models import Delivery, DestinationHealth, OneTimeShare, Outbox, Worker
from tom_integration.outbox import open_outboxes, versions

if TYPE_CHECKING:
    from conftest import Tom

SCRIPT = "<script>alert('x')</script>"
SHARES = "/targets/persistentshare/manage/"


@pytest.mark.parametrize("seen", [True, False])
def test_the_navigation_bar_leads_to_the_shares_who_has_to_do_with_them(tom: Tom, seen: bool) -> None:
    user = tom.user()
    if seen:
        assign_perm("tom_targets.view_persistentshare", user)
    client = Client()
    client.force_login(user)
    assert (f'href="{SHARES}"' in text(client.get("/users/"))) is seen


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def told(answer: Any) -> str:
    """What the next page will tell the user."""
    assert answer.status_code == 302, answer.status_code
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def summary(admin: Client, share: PersistentShare) -> str:
    """The row of the share in the table, and what stands above the table, without its markup."""
    page = text(admin.get(f"{SHARES}table"))
    row = page[page.index("sharing-table-title") : page.index("</tbody>")]
    return " ".join(row.replace("<", " <").split())


def test_a_share_is_up_to_date_or_says_what_it_waits_for(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    assert "Up to date" not in summary(admin, share)
    tom.deliver(after=60)
    assert "Up to date" in summary(admin, share)

    tom.x.will(DestinationError(f"down {SCRIPT}"))
    tom.datum(target)
    tom.deliver(after=60)
    assert "Waiting" in summary(admin, share)
    assert "1 record waits for the destination." in summary(admin, share)
    why = r"The last call to x failed; the next try is at [0-9:]{8} UTC\. Last error: down &lt;"
    assert re.search(why, summary(admin, share))

    tom.x.recover()
    tom.x.will(AuthenticationFailed(f"no {SCRIPT}"))
    tom.deliver(after=600)
    assert "Action needed </span>" in summary(admin, share)
    assert "refuses what we send: no &lt;script&gt;" in summary(admin, share)
    assert 'destinations/#destination-x">Show x' in summary(admin, share)

    admin.post(f"{SHARES}{share.pk}/pause")
    assert "Paused" in summary(admin, share)
    assert "Paused by admin. 1 record waits." in summary(admin, share)


def test_progress_counts_the_present_work(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.data(target, 3)
    tom.deliver(after=60)
    tom.data(target, 2)
    tom.x.will(DestinationError("down"))
    tom.deliver(after=60)
    Delivery.objects.filter(state="pending").update(created=timezone.now(), next_at=timezone.now())
    assert "2 records wait for the destination. </span>" in summary(admin, share)
    assert "progressbar" not in summary(admin, share)
    DestinationHealth.objects.update(failures=0, open_until=None)
    Worker.objects.create(name="w", runner="command", seen=timezone.now())
    assert "Sending </span>" in summary(admin, share)
    assert "0 of 2 sent" in summary(admin, share)
    pending = Delivery.objects.filter(state="pending")
    versions.update(pending, next_at=timezone.now() + timedelta(minutes=5), reason="HTTP 429")
    assert re.search(
        r"2 records wait; the next try is at [-0-9: ]+ UTC\. Last answer: HTTP 429\.", summary(admin, share)
    )
    one = Delivery.objects.filter(pk=pending.values("pk")[:1])
    versions.update(one, state="delivered", delivered_at=timezone.now(), next_at=None)
    assert 'aria-valuetext="1 of 2 sent"' in summary(admin, share)
    assert "1 record waits; the next try" in summary(admin, share)


def test_a_destination_that_is_gone_needs_a_person(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target(), "y")
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory"}}):
        shown = summary(admin, share)
    assert "Action needed </span>" in shown
    assert "is not in the settings of this TOM any more" in shown
    assert "1 share to it is stopped; nothing waits." in shown


def test_nothing_that_a_remote_said_becomes_markup(tom: Tom, admin: Client) -> None:
    target = tom.target(f"SN {SCRIPT}")
    share = tom.share(target)
    tom.x.will(Rejected(reason=f"bad {SCRIPT}", field=f"f{SCRIPT}"))
    tom.datum(target, bandpass=SCRIPT)
    tom.deliver(after=60)
    Delivery.objects.update(remote_id=SCRIPT)
    Outbox.objects.update(problem=SCRIPT)
    tom.x.problems = [Problem(where="x", what=f"broken {SCRIPT}", hint=SCRIPT)]
    ask = {"share_destination": "y", "share_title": SCRIPT, "share_message": SCRIPT, "kinds": ["photometry"]}
    admin.post(f"/targets/{target.pk}/share/", ask)
    OneTimeShare.objects.update(problem=SCRIPT)
    history = Outbox.objects.get(destination="y")
    pages = [
        admin.get(SHARES),
        admin.get(f"{SHARES}?q={SCRIPT}"),
        admin.get(f"{SHARES}{share.pk}/"),
        admin.get(f"{SHARES}{share.pk}/?q={SCRIPT}&state={SCRIPT}"),
        admin.get(f"{SHARES}{share.pk}/delete"),
        admin.get(f"{SHARES}{share.pk}/change"),
        admin.post(f"{SHARES}{share.pk}/change", {"kinds": SCRIPT, "until": SCRIPT}),
        admin.get(f"{SHARES}targets?target_name={SCRIPT}"),
        admin.get(f"/targets/{target.pk}/share/"),
        admin.get(f"/targets/{target.pk}/share/?tab=continuous"),
        admin.get(f"/targets/{target.pk}/share/{history.pk}/"),
        admin.get("/targets/persistentshare/destinations/"),
        admin.post("/targets/persistentshare/destinations/check", {"name": "x"}),
        admin.post(f"{SHARES}create", {"target_name": SCRIPT, "destination": SCRIPT, "until": SCRIPT}),
        admin.post(f"{SHARES}preview", {"target": target.pk, "destination": "y", "kinds": ["photometry"]}),
    ]
    for page in pages:
        assert SCRIPT not in text(page), page.request["PATH_INFO"]
    assert sum("&lt;script&gt;" in text(page) for page in pages) >= 12


def test_a_page_that_has_not_changed_is_not_sent_again(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    for path in (f"{SHARES}table", f"{SHARES}{share.pk}/live"):
        seen = admin.get(path)["X-Sharing-Digest"]
        assert admin.get(path, {"seen": seen}).status_code == 204
    tom.datum(target)
    tom.deliver(after=60)
    for path in (f"{SHARES}table", f"{SHARES}{share.pk}/live"):
        assert admin.get(path, {"seen": seen}).status_code == 200


def create(admin: Client, **form: Any) -> Any:
    return admin.post(
        f"{SHARES}create", {"destination": "y", "kinds": [kind.value for kind in DATA_KINDS], **form}
    )


def test_a_share_is_made_with_what_was_chosen(tom: Tom, admin: Client) -> None:
    target = tom.target("SN 2026abc")
    TargetName.objects.create(target=target, name="ZTF26aaaaxyz")
    tom.data(target, 3)
    until = timezone.now() + timedelta(days=3)
    answer = create(
        admin,
        target_name="ztf26AAAAXYZ",
        kinds=["photometry", "spectrum"],
        until=f"{until:%Y-%m-%dT%H:%M}",
        share_existing_data="on",
    )
    share = PersistentShare.objects.get()
    assert answer.url == reverse("sharing:share-page", args=[share.pk])
    assert (share.destination, share.user.username) == ("y", "admin")
    outbox = tom.outbox(target, "y")
    assert outbox.chosen.kinds == ("photometry", "spectrum")
    assert outbox.until == until.replace(second=0, microsecond=0)
    assert tom.deliver(after=60) == 3
    assert "Only photometry and spectra." in text(admin.get(answer.url))


def test_all_kinds_means_also_those_to_come(tom: Tom, admin: Client) -> None:
    create(admin, target=tom.target().pk)
    assert Outbox.objects.get().filter == ""


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"destination": "nowhere"}, "nowhere is not one of the available choices"),
        ({"destination": ""}, "Choose where the data are to go."),
        ({"kinds": []}, "Choose at least one kind of data."),
        ({"until": "2020-01-01T00:00"}, "This time is over. Give a later one, or none."),
        ({"target": ""}, "Choose a target."),
        ({"target": "999999"}, "There is no such target among those that you may share."),
        ({"target": "", "target_name": "SN"}, "There is no such target among those that you may share."),
        ({"destination": "x:red"}, "is shared with x:red already."),
    ],
)
def test_what_is_wrong_stands_in_the_form(tom: Tom, admin: Client, form: dict[str, Any], error: str) -> None:
    target = tom.target()
    tom.share(target, "x:red")
    answer = create(admin, **{"target": target.pk, **form})
    assert error in text(answer)
    assert PersistentShare.objects.count() == 1


def test_targets_are_found_by_parts_of_names_and_only_those_that_may_be_shared(tom: Tom) -> None:
    mine, theirs = tom.target("SN 2026mine"), tom.target("SN 2026theirs")
    TargetName.objects.create(target=mine, name="Gaia26abc")
    TargetName.objects.create(target=theirs, name="Gaia26abd")
    for number in range(12):
        assign_perm("tom_targets.change_target", tom.user(name=f"u{number}"), tom.target(f"many {number}"))
    user = tom.user(mine)
    assign_perm("tom_targets.add_persistentshare", user)
    client = Client()
    client.force_login(user)
    found = text(client.get(f"{SHARES}targets", {"target_name": "AIA26"}))
    assert "SN 2026mine" in found
    assert "theirs" not in found
    assert "abd" not in found
    assert "No target" in text(client.get(f"{SHARES}targets", {"target_name": "many"}))
    assert "at least 2" in text(client.get(f"{SHARES}targets", {"target_name": "S"}))
    client.force_login(User.objects.create_superuser("root"))
    assert "There are more" in text(client.get(f"{SHARES}targets", {"target_name": "many"}))


def test_existing_data_are_counted_by_kind(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 4)
    tom.datum(target, brightness=None, limit=21.0)
    ask = f"/targets/{target.pk}/persistentshare/manage/existing"
    assert "4 records" in text(admin.post(ask, {"kinds": ["photometry"]}))
    assert "1 record." in text(admin.post(ask, {"kinds": ["photometry-limit"]}))
    assert "5 records" in text(admin.post(ask, {"kinds": ["photometry", "photometry-limit", "spectrum"]}))
    assert "none yet" in text(admin.post(ask, {"kinds": ["spectrum"]}))


def test_the_number_of_existing_data_is_that_of_those_that_will_be_sent(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 3)
    share = tom.share(target, "y")
    tom.data(target, 2)
    tom.deliver(after=60)
    share.delete()
    tom.data(target, 1)
    ask = f"/targets/{target.pk}/persistentshare/manage/existing"
    kinds = [kind.value for kind in DATA_KINDS]
    assert "4 records (2 more are there" in text(admin.post(ask, {"kinds": kinds, "destination": "y"}))
    assert "6 records. " in text(admin.post(ask, {"kinds": kinds, "destination": "x:red"}))
    create(admin, target=target.pk, share_existing_data="on")
    assert tom.deliver(after=60) == 4
    PersistentShare.objects.all().delete()
    assert "None: the destination has them" in text(admin.post(ask, {"kinds": kinds, "destination": "y"}))


def test_what_a_share_sends_and_until_when_is_changed(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    path = f"{SHARES}{share.pk}/change"
    until = (timezone.now() + timedelta(days=3)).replace(second=0, microsecond=0)
    answer = admin.post(path, {"kinds": ["spectrum"], "until": f"{until:%Y-%m-%dT%H:%M}"})
    assert answer.url == f"{SHARES}{share.pk}/"
    outbox = tom.outbox(target)
    assert (outbox.chosen.kinds, outbox.until) == (("spectrum",), until)
    tom.datum(target)
    tom.deliver(after=60)
    assert tom.states() == []
    assert f'value="{until:%Y-%m-%dT%H:%M}"' in text(admin.get(path))
    assert "Choose at least one kind" in text(admin.post(path, {"until": ""}))
    assert "This time is over" in text(admin.post(path, {"kinds": ["other"], "until": "2020-01-01T00:00"}))
    assert tom.outbox(target).chosen.kinds == ("spectrum",)
    admin.post(path, {"kinds": [kind.value for kind in DATA_KINDS], "until": ""})
    assert (tom.outbox(target).filter, tom.outbox(target).until) == ("", None)
    assert tom.deliver(after=60) == 1


def test_a_share_that_has_ended_keeps_its_end_while_its_kinds_are_changed(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    ended = timezone.now() - timedelta(days=3)
    Outbox.objects.update(until=ended)
    form = {"kinds": ["spectrum"], "until": f"{ended:%Y-%m-%dT%H:%M}"}
    assert admin.post(f"{SHARES}{share.pk}/change", form).status_code == 302
    assert (tom.outbox(target).chosen.kinds, tom.outbox(target).until) == (("spectrum",), ended)


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize(("act", "sent"), [("arrived", 0), ("resend", 3)])
def test_all_of_a_message_that_may_have_arrived_is_resolved_at_once(
    tom: Tom, admin: Client, by_hand: bool, act: str, sent: int
) -> None:
    target = tom.target()
    tom.data(target, 3)
    tom.x.can_tell = False
    tom.x.will(Unconfirmed(reason="no answer"))
    if by_hand:
        form = {"share_destination": "x:red", "kinds": ["photometry"]}
        page = admin.post(f"/targets/{target.pk}/share/", form).url
        history = Outbox.objects.get()
        path = reverse(f"sharing:history-{act}", args=[target.pk, history.pk])
    else:
        share = tom.share(target, "x:red")
        tom.share_existing(target, "x:red")
        page, path = f"{SHARES}{share.pk}/", reverse(f"sharing:{act}", args=[share.pk])
    tom.deliver(after=60)
    tom.deliver(after=600)
    assert "<strong>3 records</strong>, sent " in text(admin.get(page))
    tom.x.recover()
    assert "3 records: " in told(admin.post(path))
    assert tom.deliver(after=60) == sent
    assert tom.states("x:red") == ["delivered"] * 3
    assert "Did these arrive?" not in text(admin.get(page))


def test_a_record_that_nobody_knows_the_fate_of_is_resolved(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.x.can_tell = False
    tom.x.will(Unconfirmed(reason="no answer"))
    first, second = tom.datum(target), tom.datum(target)
    tom.deliver(after=60)
    tom.deliver(after=600)
    page = text(admin.get(f"{SHARES}{share.pk}/"))
    assert "2 records may have arrived" in page
    admin.post(reverse("sharing:record-arrived", args=[tom.row(first).pk]))
    tom.x.recover()
    admin.post(reverse("sharing:record-resend", args=[tom.row(second).pk]))
    assert tom.deliver(after=60) == 1
    assert tom.states() == ["delivered", "delivered"]
    answer = admin.post(reverse("sharing:record-retry", args=[tom.row(first).pk]), follow=True)
    assert "The destination has it already." in text(answer)


def test_deleting_tells_what_becomes_of_data_and_does_it(tom: Tom, admin: Client) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.data(target, 2)
    tom.deliver(after=60)
    tom.x.will(DestinationError("down"))
    tom.data(target, 3)
    tom.deliver(after=60)
    page = text(admin.get(f"{SHARES}{share.pk}/delete"))
    assert "3 records</strong> not sent yet will not be sent" in page
    assert "2 delivered records stay" in page
    admin.post(f"{SHARES}{share.pk}/delete")
    assert not PersistentShare.objects.exists()
    assert sorted(tom.states()) == ["cancelled"] * 3 + ["delivered"] * 2


def test_a_destination_is_asked_from_its_page(tom: Tom, admin: Client) -> None:
    page = text(admin.get("/targets/persistentshare/destinations/"))
    assert page.count("Check now") == 2
    ask = "/targets/persistentshare/destinations/check"
    assert "takes our data" in text(admin.post(ask, {"name": "x"}))
    tom.x.problems = [Problem(where="x", what="has no room", hint="Make some")]
    assert "has no room. Make some" in text(
        admin.post(ask, {"name": "x"}, headers={"HX-OneTimeShare": "true"})
    )
    assert admin.post(ask, {"name": "nowhere"}).status_code == 404


def test_each_card_has_an_id_of_its_own_that_is_safe_in_html(tom: Tom, admin: Client) -> None:
    names = {"Tom B": "Tom%20B", "tom-b": "tom-b", "東": "%E6%9D%B1", 'a"><i>': "a%22%3E%3Ci%3E"}
    with override_settings(DATA_SHARING={name: {"ADAPTER": "memory"} for name in names}):
        page = text(admin.get("/targets/persistentshare/destinations/"))
        assert [page.count(f' id="destination-{each}"') for each in names.values()] == [1] * 4


def test_the_same_text_is_not_told_twice_on_a_card(tom: Tom, admin: Client) -> None:
    share = tom.share(tom.target())
    tom.datum(share.target)
    tom.x.will(AuthenticationFailed("no such user"))
    tom.deliver(after=60)
    page = text(admin.get("/targets/persistentshare/destinations/"))
    assert page.count("no such user") == 1
    assert "Last error" not in page


def test_settings_that_cannot_be_used_are_told_with_the_mend(tom: Tom, admin: Client) -> None:
    settings = {"x": {"ADAPTER": "memory"}, "old": {"ADAPTER": "pigeon"}}
    tom.datum(tom.share(tom.target(), "y").target)
    tom.deliver()
    Outbox.objects.update(destination="old")
    Delivery.objects.update(destination="old", state="pending")
    PersistentShare.objects.update(destination="old")
    with override_settings(DATA_SHARING=settings):
        page = text(admin.get("/targets/persistentshare/destinations/"))
        form = text(admin.get(SHARES))
    assert "Cannot be used" in page
    assert "1 share</a>" in page, "its shares are not forgotten"
    assert "<dd>1 record" in page
    assert 'destinations/#destination-old">Show old</a>' in form
    assert "DATA_SHARING[&#x27;old&#x27;][&#x27;ADAPTER&#x27;]" in page
    assert 'value="old"' in form
    assert "which no plugin provides" in form


def test_all_that_is_wrong_with_a_destination_stands_beside_it_in_sentences(tom: Tom, admin: Client) -> None:
    with override_settings(DATA_SHARING={"old": {"ADAPTER": 3, "DISPLAY_NAME": 4}}):
        form = text(admin.get(SHARES))
    reason = form.split('s-reason">')[1].split("</small>")[0]
    assert reason.count("DATA_SHARING[") > 1
    assert ".;" not in reason


def test_the_tags_show_form_and_table_in_a_page_of_the_tom(tom: Tom) -> None:
    target, other = tom.target("SN 2026shown"), tom.target("SN 2026other")
    tom.share(target)
    tom.share(other)
    source = (
        "{% load targets_extras %}{% create_persistent_share target %}{% persistent_share_table target %}"
    )
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("root")
    page = Template(source).render(RequestContext(request, {"target": target}))
    assert reverse("sharing:create-for-target", args=[target.pk]) in page
    assert 'value="x:red"' in page or 'value="x"' in page
    assert "SN 2026other" not in page
    assert "sharing.css" in page
    assert "csrfmiddlewaretoken" in page
    request.user = tom.user(target)
    page = Template(source).render(RequestContext(request, {"target": target}))
    assert "You do not have permission to continuously share data" in page
    assert "You do not have permission to view continuous shares." in page


def test_chosen_data_of_every_kind_are_shared_once(tom: Tom, admin: Client) -> None:
    target = tom.target()
    first, _ = tom.datum(target), tom.datum(target)
    spectrum = SpectroscopyReducedDatum.objects.create(
        target=target, timestamp=timezone.now(), flux=[1.0, 2.0], wavelength=[4000.0, 5000.0]
    )
    stranger = tom.datum(tom.target())
    form = {
        "share_destination": "y",
        "share_title": "Look",
        "share_message": "at this",
        "datum": [f"photometryreduceddatum:{first.pk}", f"photometryreduceddatum:{stranger.pk}"],
        "kinds": ["spectrum"],
    }
    answer = admin.post(f"/targets/{target.pk}/share/", form, follow=True)
    assert "2 records of" in text(answer)
    assert tom.deliver(after=60) == 2
    assert {record.key.kind for record in tom.y.records} == {"photometry", "spectrum"}
    assert {(call.title, call.message, call.shared_by) for call in tom.y.calls} == {
        ("Look", "at this", "admin")
    }
    assert tom.state(spectrum, "y") == "delivered"
    assert not Delivery.objects.filter(datum_pk=stranger.pk, model="photometryreduceddatum").exists()
    assert tom.y.introduced


def test_a_target_without_data_is_made_known(tom: Tom, admin: Client) -> None:
    target = tom.target("SN 2026bare")
    answer = admin.post(f"/targets/{target.pk}/share/", {"share_destination": "y"}, follow=True)
    assert "without data" in text(answer)
    tom.deliver(after=60)
    assert [each.name for each in tom.y.introduced] == ["SN 2026bare"]


def test_a_download_holds_what_was_chosen(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.datum(target, brightness=18.25)
    tom.datum(target, brightness=None, limit=21.5)
    form = {
        "share_destination": "download",
        "kinds": ["photometry"],
        "share_title": "Night 1",
        "share_message": "one\ntwo",
    }
    answer = admin.post(f"/targets/{target.pk}/share/", form)
    body = b"".join(answer.streaming_content).decode()
    assert body.startswith("# one\n# two\ntimestamp,")
    assert "18.25" in body
    assert "21.5" not in body
    assert 'filename="night-1.csv"' in answer["Content-Disposition"]
    assert "Choose the data" in text(
        admin.post(f"/targets/{target.pk}/share/", {"share_destination": "download"})
    )


@pytest.mark.django_db(transaction=True)
def test_a_slow_reader_of_a_download_keeps_nobody_from_saving(tom: Tom, admin: Client) -> None:
    target = tom.target()
    tom.data(target, 600)
    form = {"share_destination": "download", "kinds": ["photometry"]}
    lines = iter(admin.post(f"/targets/{target.pk}/share/", form).streaming_content)
    began = [next(lines) for _ in range(3)]
    with ThreadPoolExecutor(1) as other:
        other.submit(tom.datum, target).result()
        other.submit(connections.close_all).result()
    assert len([*began, *lines]) == 1 + 600


def test_the_targets_of_a_list_are_shared_as_far_as_the_user_may(tom: Tom) -> None:
    mine, theirs = tom.target("SN 2026mine"), tom.target("SN 2026theirs")
    group = TargetList.objects.create(name="Tonight")
    group.targets.add(mine, theirs)
    tom.datum(mine)
    tom.datum(theirs)
    user = tom.user(mine)
    client = Client()
    client.force_login(user)
    path = f"/targets/targetgrouping/{group.pk}/share/"
    assert client.get(path).status_code == 404
    assign_perm("tom_targets.view_targetlist", user, group)
    page = text(client.get(path))
    assert "SN 2026mine" in page
    assert "theirs" not in page
    form = {"share_destination": "y", "selected-target": [mine.pk, theirs.pk], "dataSwitch": "on"}
    assert client.post(path, form).status_code == 302
    tom.deliver(after=60)
    assert [record.key.kind for record in tom.y.records] == ["photometry"]
    assert [(each.name, each.lists) for each in tom.y.introduced] == [("SN 2026mine", ("Tonight",))]
    assert Client().post(path, form).url.startswith("/accounts/login")


def test_of_a_data_product_its_data_are_shared_and_the_page_says_that_the_file_is_not(
    tom: Tom, admin: Client
) -> None:
    target = tom.target()
    product = DataProduct.objects.create(
        target=target, product_id="p1", data=SimpleUploadedFile("night.csv", b"1,2")
    )
    path = f"/dataproducts/data/{product.pk}/share/"
    form = {"share_destination": "y", "submitter": "admin", "target": target.pk}
    assert "no data that could be sent" in told(admin.post(path, form))
    tom.datum(target, data_product=product)
    tom.datum(target)
    answer = told(admin.post(path, form))
    assert "1 record of" in answer
    assert "The file itself stays here" in answer
    assert tom.deliver(after=60) == 1
    stranger = Client()
    stranger.force_login(tom.user())
    before = OneTimeShare.objects.count()
    assert stranger.post(path, form).status_code in (302, 404)
    assert Client().post(path, form).url.startswith("/accounts/login")
    assert OneTimeShare.objects.count() == before


def test_ticked_photometry_of_the_target_page_is_shared_or_downloaded(tom: Tom, admin: Client) -> None:
    target = tom.target()
    first, _ = tom.datum(target), tom.datum(target)
    foreign = tom.datum(tom.target())
    path = f"/dataproducts/target/{target.pk}/share/"
    form = {"share_destination": "y", "share-box": [first.pk, foreign.pk], "submitter": "admin"}
    assert admin.post(path, form).url == f"/targets/{target.pk}/"
    assert tom.deliver(after=60) == 1
    answer = admin.post(path, {**form, "share_destination": "download"})
    assert b"".join(answer.streaming_content).count(b"\n") == 2
    nothing = {"share_destination": "download", "submitter": "admin"}
    assert "tick some first" in told(admin.post(path, nothing))


def test_data_that_the_user_may_not_see_are_neither_shown_nor_shared(tom: Tom) -> None:
    target = tom.target()
    seen, unseen = tom.datum(target, bandpass="seen"), tom.datum(target, bandpass="unseen")
    user = tom.user(target)
    for verb in ("view", "add"):
        assign_perm(f"tom_targets.{verb}_persistentshare", user)
    share = tom.share(target, "y", user=user)
    open_outboxes.ask_for(tom.outbox(target, "y"))
    client = Client()
    client.force_login(user)
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
        page = text(client.get(f"/targets/{target.pk}/share/"))
        assert "seen" in page.replace("unseen", "")
        assert "unseen" not in page
        page = text(client.get(f"{SHARES}{share.pk}/"))
        assert f"{seen.timestamp:%Y-%m-%d %H:%M:%S}" in page
        assert f"{unseen.timestamp:%Y-%m-%d %H:%M:%S}" not in page
        assert "<dt>Waiting</dt><dd>1</dd>" in page
        listed = client.get("/targets/persistentshare/").json()["results"][0]
        assert (listed["pending"], listed["counts"]) == (1, {"pending": 1})
        assign_perm("tom_targets.change_persistentshare", user)
        for row, status in ((tom.row(seen, "y"), 302), (tom.row(unseen, "y"), 404)):
            path = f"{SHARES}records/{row.pk}/retry"
            assert client.post(path).status_code == status
        ask = f"/targets/{target.pk}/persistentshare/manage/existing"
        assert "1 record." in text(client.post(ask, {"kinds": ["photometry"]}))
        _tell_nothing_of_what_is_unseen(tom, client, share, user)
        form = {"share_destination": "x", "datum": [f"photometryreduceddatum:{unseen.pk}"]}
        client.post(f"/targets/{target.pk}/share/", form)
        assert not Delivery.objects.filter(destination="x").exists()


def _tell_nothing_of_what_is_unseen(tom: Tom, client: Client, share: Any, user: User) -> None:
    assign_perm("tom_targets.delete_persistentshare", user)
    page = f"{SHARES}{share.pk}/"
    rows = Delivery.objects.filter(destination="y")
    rows.update(state="failed", reason="refused")
    tom.clock.forward(seconds=1)
    assert "1 record that did not arrive" in text(client.get(f"{page}delete"))
    assert told(client.post(f"{page}retry")) == "1 record will be tried again."
    assert sorted(rows.values_list("state", flat=True)) == ["failed", "pending"]
    Worker.objects.create(name="w", runner="command", seen=tom.clock.now)
    assert "No share matches" in text(client.get(f"{SHARES}?state=action-needed"))
    Worker.objects.all().delete()
    rows.update(state="needs_review", sent_at=tom.clock())
    assert "<strong>1 record</strong>, sent " in text(client.get(page))
    assert told(client.post(f"{page}arrived")).startswith("1 record: noted")
    arrived = rows.get(state="delivered")
    later = arrived.delivered_at + timedelta(days=2)
    rows.exclude(pk=arrived.pk).update(state="delivered", delivered_at=later)
    shown = text(client.get(page))
    assert "<dt>Delivered</dt><dd>1</dd>" in shown
    assert f"{later:%Y-%m-%d %H:%M}" not in shown
    assert client.get("/targets/persistentshare/").json()["results"][0]["delivered"] == 1


def test_the_target_of_a_share_is_the_only_one_that_a_page_names(tom: Tom, admin: Client) -> None:
    assert admin.get("/targets/999/share/").status_code == 404
    assert admin.get(f"{SHARES}999/").status_code == 404
    assert Target.objects.count() == 0
