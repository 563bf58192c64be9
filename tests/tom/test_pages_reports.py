"""The pages and the REST API of reports: fill in, look, send, follow, open again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import reverse
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target

from sharecore import FieldType, Kind, Problem, Rejected, ReportField, ReportForm
from sharecore.delivery import State
from sharecore.exceptions import DestinationError
from tom.conftest import edit
from tom_integration.models import Delivery, Outbox, Report
from tom_integration.outbox import versions
from tom_integration.services import approval
from tom_integration.services.reports import Reporting

if TYPE_CHECKING:
    from tom.conftest import Tom

INSTRUMENTS = [(str(number), f"Instrument {number}") for number in range(300)]
FORM = ReportForm(
    name="at-report",
    label="AT report",
    help="Tell the world.",
    fields=(
        ReportField(name="reporter", label="Reporter", type=FieldType.TEXT, required=True, initial="Eve"),
        ReportField(name="remarks", label="Remarks", type=FieldType.LONG_TEXT, help="Be short."),
        ReportField(name="z", label="Redshift", type=FieldType.NUMBER),
        ReportField(name="discovered", label="Discovered", type=FieldType.TIME),
        ReportField(name="host", label="Has a host", type=FieldType.YES_NO),
        ReportField(name="instrument", label="Instrument", type=FieldType.CHOICE, choices=tuple(INSTRUMENTS)),
        ReportField(
            name="groups", label="Groups", type=FieldType.CHOICES, choices=(("1", "One"), ("2", "Two"))
        ),
        ReportField(name="detection", label="Detection", type=FieldType.DATUM, kinds=(Kind.PHOTOMETRY,)),
        ReportField(name="others", label="Other data", type=FieldType.DATA),
    ),
)
FILLED = {
    "reporter": "Eve",
    "remarks": "one\r\ntwo",
    "z": "0.031",
    "discovered": "2026-03-01 01:02:03",
    "host": "on",
    "instrument": "17",
    "groups": ["2"],
}


@pytest.fixture
def eve(tom: Tom, target: Target) -> Client:
    tom.y.forms = [FORM]
    client = Client()
    client.force_login(tom.user(target, name="eve"))
    return client


def new(target: Target, query: str = "?destination=y") -> str:
    return reverse("sharing:report-new", args=[target.pk]) + query


def place(datum: Any) -> str:
    return f"{datum._meta.model_name}:{datum.pk}"


def post(client: Client, target: Target, step: str, values: Mapping[str, Any], **others: Any) -> Any:
    data = {f"report-{name}": value for name, value in values.items()}
    given = {"destination": "y", "form": "at-report", "step": step, **data, **others}
    return client.post(new(target, ""), given)


def hidden(page: str) -> dict[str, list[str]]:
    """The form of a preview, as a browser sends it."""
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r'<input type="hidden"[^>]*>', page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            fields.setdefault(name[1], []).append(unescape(value[1]) if value else "")
    return fields


def text(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def test_a_report_is_filled_in_looked_at_and_sent(tom: Tom, target: Target, eve: Client) -> None:
    datum, other = tom.datum(target, telescope="1m0"), tom.datum(target, brightness=None, limit=21.5)
    tom.y.similar = ["AT 2026abc is 0.4 arcsec away"]
    assert "Report to y" in text(eve.get(f"/targets/{target.pk}/share/"))
    page = eve.get(new(target)).content.decode()
    assert 'value="Eve"' in page
    assert page.count("<option") == len(INSTRUMENTS) + 1 + 2
    assert f"{datum.timestamp:%Y-%m-%d %H:%M:%S} UTC, r {datum.brightness:g} AB, 1m0" in unescape(page)
    filled = {**FILLED, "detection": place(datum), "others": [place(other), place(datum)]}
    preview = post(eve, target, "preview", filled)
    assert "AT 2026abc is 0.4 arcsec away" in text(preview)
    assert '"form": "at-report"' in text(preview)
    assert not Report.objects.exists(), "nothing is made before it is sent"
    fields = hidden(preview.content.decode())
    changed = eve.post(new(target, ""), {**fields, "step": "edit"}).content.decode()
    assert 'value="0.031"' in changed
    assert "checked" in changed
    sent = eve.post(new(target, ""), {**fields, "step": "send"}, follow=True)
    assert "Waiting to be sent" in text(sent)
    assert "Discovered (UTC) 2026-03-01T01:02:03Z" in text(sent)
    assert "Instrument Instrument 17" in text(sent)
    assert len(Report.objects.all()) == 1
    again = eve.post(new(target, ""), {**fields, "step": "send"})
    assert again.url == reverse("sharing:report", args=[target.pk, Report.objects.get().pk])
    tom.deliver()
    (there,) = tom.y.reports.values()
    assert there.values == {
        "reporter": "Eve",
        "remarks": "one\ntwo",
        "z": 0.031,
        "discovered": "2026-03-01T01:02:03Z",
        "host": True,
        "instrument": "17",
        "groups": ["2"],
    }
    assert [each.timestamp for each in there.data["others"]] == [other.timestamp, datum.timestamp]
    Outbox.objects.update(target_name="AT 2026abc")
    shared = text(eve.get(f"/targets/{target.pk}/share/"))
    assert "Delivered Named there AT 2026abc There: report-1" in shared
    assert "Shared once before" not in shared, "a report is listed once"
    Delivery.objects.update(state=State.WITHHELD, delivered_at=None)
    assert "Named there" not in text(eve.get(f"/targets/{target.pk}/share/")), "another report was named"


def test_what_is_wrong_stands_at_its_field(tom: Tom, target: Target, eve: Client) -> None:
    wrong = {"reporter": "", "z": "much", "discovered": "yesterday", "instrument": "999", "detection": "x:1"}
    said = post(eve, target, "send", wrong).content.decode()
    for name, words in {
        "reporter": "This field is required",
        "z": "Enter a number",
        "discovered": "Write the time in UTC",
        "instrument": "999 is not one of the available choices",
        "detection": "not one of the available choices",
    }.items():
        found = re.search(rf'id="id_report-{name}_error"(.*?)</div>', said, re.DOTALL)
        assert found, name
        assert words in found[1], name
    tom.y.report_problems = [
        Problem(where="z", what="is needed for a host", hint="Give it."),
        Problem(where="", what="the group is closed", hint="Choose another."),
        Problem(where="remarks", what="are long", hint="Shorten them.", fatal=False),
    ]
    refused = post(eve, target, "send", FILLED)
    assert "Is needed for a host. Give it." in text(refused)
    assert "The group is closed. Choose another." in text(refused)
    tom.y.report_problems = tom.y.report_problems[2:]
    assert "Are long. Shorten them." in text(post(eve, target, "preview", FILLED))
    assert not Report.objects.exists()


def test_data_that_change_after_the_preview_are_shown_again(tom: Tom, target: Target, eve: Client) -> None:
    datum = tom.datum(target)
    preview = post(eve, target, "preview", {**FILLED, "detection": place(datum)})
    fields = {**hidden(preview.content.decode()), "step": "send"}
    edit(datum, brightness=12.5)
    shown = eve.post(new(target, ""), fields)
    assert "have changed since the last preview" in text(shown)
    assert "12.5" in text(shown)
    assert not Report.objects.exists()
    assert eve.post(new(target, ""), {**hidden(shown.content.decode()), "step": "send"}).status_code == 302


@override_settings(TARGET_PERMISSIONS_ONLY=False)
def test_data_that_a_person_may_not_see_cannot_be_chosen(tom: Tom, target: Target, eve: Client) -> None:
    seen, unseen = tom.datum(target, brightness=17.171), tom.datum(target, brightness=17.172)
    assign_perm("tom_dataproducts.view_photometryreduceddatum", User.objects.get(username="eve"), seen)
    page = text(eve.get(new(target)))
    assert "17.171" in page
    assert "17.172" not in page
    refused = post(eve, target, "preview", {**FILLED, "detection": place(unseen)})
    assert "not one of the available choices" in text(refused)
    assert "17.172" not in text(refused)
    of_another = tom.datum(tom.target())
    assert "not one of the available" in text(
        post(eve, target, "preview", {**FILLED, "detection": place(of_another)})
    )


def test_a_long_light_curve_offers_its_beginning_and_its_end(tom: Tom, target: Target, eve: Client) -> None:
    limits = [tom.unsaved(target, brightness=None, limit=21.0) for _ in range(130)]
    rows = PhotometryReducedDatum.objects.bulk_create([*limits, *(tom.unsaved(target) for _ in range(130))])
    of_later = PhotometryReducedDatum.objects.bulk_create(
        tom.unsaved(target, brightness=None, limit=20.0) for _ in range(100)
    )
    tom.y.forms = [FORM]
    page = eve.get(new(target))
    boxes = set(re.findall(r'name="report-others" value="([^"]*)"', page.content.decode()))
    there = [*limits[:20], *limits[-20:], *rows[130:150], *rows[180:], *of_later[20:]]
    assert boxes == {place(each) for each in there}
    assert f"{360 - len(there)} other data" in text(page)
    middle = {**FILLED, "detection": place(rows[160])}
    assert "Preview" in text(post(eve, target, "preview", middle)), "REST may choose any"
    few = tom.target()
    assign_perm("tom_targets.change_target", User.objects.get(username="eve"), few)
    tom.data(few, 3)
    assert "other data" not in text(eve.get(new(few)))


def test_a_destination_that_does_not_answer_is_told(tom: Tom, target: Target, eve: Client) -> None:
    tom.y.forms_fail = DestinationError("down for maintenance")
    page = eve.get(new(target))
    assert "down for maintenance" in text(page)
    assert "Try again" in text(page)
    tom.y.forms_fail = None
    assert "nowhere" in text(eve.get(new(target, "?destination=nowhere")))
    assert "x takes no reports" in text(eve.get(new(target, "?destination=x")))


def test_a_person_chooses_among_several_forms(tom: Tom, target: Target, eve: Client) -> None:
    other = ReportForm(name="class", label="Classification", fields=FORM.fields[:1])
    tom.y.forms = [FORM, other]
    page = eve.get(new(target))
    assert "Choose what to report" in text(page)
    assert "Classification" in text(page)
    assert "form=class" in page.content.decode()
    assert "Reporter" in text(eve.get(new(target, "?destination=y&form=class")))


def test_a_failed_report_is_opened_again_and_sent_as_a_new_one(tom: Tom, target: Target, eve: Client) -> None:
    tom.y.report_answers = [Rejected(reason="who are you?", field="reporter")]
    datum, gone = tom.data(target, 2)
    filled = {**FILLED, "detection": place(datum), "others": [place(datum), place(gone)]}
    preview = post(eve, target, "preview", filled)
    eve.post(new(target, ""), {**hidden(preview.content.decode()), "step": "send"})
    tom.deliver()
    first = Report.objects.get()
    page = text(eve.get(reverse("sharing:report", args=[target.pk, first.pk])))
    assert "Refused Reporter: who are you?" in page
    assert "Open again" in page
    gone.delete()
    again = eve.get(new(target, f"?again={first.pk}")).content.decode()
    assert 'value="0.031"' in again
    assert re.search(rf'value="{place(datum)}" selected', again)
    corrected = {**filled, "reporter": "Eve Adams", "others": [place(datum)]}
    preview = post(eve, target, "preview", corrected)
    eve.post(new(target, ""), {**hidden(preview.content.decode()), "step": "send"})
    tom.deliver()
    assert [each.values["reporter"] for each in tom.y.reports.values()] == ["Eve Adams"]
    assert [row.state for row in Delivery.objects.order_by("pk")] == [State.FAILED, State.DELIVERED]
    arrived = text(eve.get(reverse("sharing:report", args=[target.pk, Report.objects.latest("pk").pk])))
    assert "Open again" not in arrived


def test_a_report_waits_for_approval(tom: Tom, target: Target, eve: Client, admin: Client) -> None:
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory", "APPROVAL": True}}):
        preview = post(eve, target, "preview", FILLED)
        assert "Ask for approval" in text(preview)
        fields = hidden(preview.content.decode())
        told = text(eve.post(new(target, ""), {**fields, "step": "send"}, follow=True))
        assert "goes to y once it is approved." in told
        assert "Will wait for approval" in told
        assert "Waiting to be sent" not in told
        history = reverse("sharing:history", args=[target.pk, tom.outbox(target, "y").pk])
        listed = text(admin.get(history))
        assert "Will wait for approval" in listed
        assert "Waiting to be sent" not in listed
        tom.deliver()
        url = reverse("sharing:report", args=[target.pk, Report.objects.get().pk])
        assert "Waits for approval" in text(eve.get(url))
        row = Delivery.objects.get()
        approval.approve(User.objects.create_superuser("root"), {row.pk: row.asked})
        for page in (eve.get(url), admin.get(history)):
            assert "Waiting to be sent" in text(page), "nobody is asked a second time"
    assert tom.y.reports == {}


def test_who_approves_a_report_can_read_it_and_no_other(tom: Tom, target: Target, eve: Client) -> None:
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory", "APPROVAL": True}}):
        for _ in range(2):
            fields = hidden(post(eve, target, "preview", FILLED).content.decode())
            eve.post(new(target, ""), {**fields, "step": "send"})
        tom.deliver()
        urls = [
            reverse("sharing:report", args=[target.pk, each.pk]) for each in Report.objects.order_by("pk")
        ]
        settled = Delivery.objects.get(datum_pk=Report.objects.latest("pk").pk)
        versions.update(Delivery.objects.filter(pk=settled.pk), state=State.WITHHELD)
        ada, stranger = tom.user(target), tom.user(Target.objects.create(name="other", type="SIDEREAL"))
        for user in (ada, stranger):
            user.user_permissions.add(Permission.objects.get(codename="approve_share"))
        client, other = Client(), Client()
        client.force_login(User.objects.get(pk=ada.pk))
        other.force_login(User.objects.get(pk=stranger.pk))
        asked = client.get(reverse("sharing:approvals")).content.decode()
        assert f'href="{urls[0]}"' in asked
        shown = text(client.get(urls[0]))
        assert "Instrument Instrument 17" in shown
        assert "Show the delivery" not in shown, "that tells what else was shared"
        led = client.get(urls[1], follow=True)
        assert led.request["PATH_INFO"] == reverse("sharing:approvals")
        assert "That report no longer waits for approval." in text(led)
        versions.update(Delivery.objects.filter(pk=settled.pk), asked="")
        assert client.get(urls[1]).status_code == 404, "nobody was asked about it"
        assert [other.get(url).status_code for url in urls] == [404, 404]


def test_the_history_of_a_target_leads_to_its_reports(
    tom: Tom, target: Target, eve: Client, admin: Client
) -> None:
    preview = post(eve, target, "preview", FILLED)
    eve.post(new(target, ""), {**hidden(preview.content.decode()), "step": "send"})
    tom.deliver()
    url = reverse("sharing:report", args=[target.pk, Report.objects.get().pk])
    history = reverse("sharing:history", args=[target.pk, tom.outbox(target, "y").pk])
    assert url in admin.get(history).content.decode()
    assert "by eve" in text(admin.get(url))
    Outbox.objects.update(target_name="AT 2026abc")
    assert "Add AT 2026abc as an alias" in text(admin.get(url))
    assert "as an alias" not in text(eve.get(url)), "that is for who may view the share"
    alias = reverse("sharing:add-alias", args=[target.pk, tom.outbox(target, "y").pk])
    told = admin.post(alias, {"next": url}, follow=True)
    assert told.request["PATH_INFO"] == url
    assert "AT 2026abc is an alias" in text(told)
    assert "Add AT 2026abc" not in text(told)
    stranger = Client()
    stranger.force_login(tom.user(target))
    assert stranger.get(url).status_code == 404


@pytest.mark.filterwarnings("ignore:The default scheme will be changed")
def test_a_declined_report_is_history_once_another_arrived(
    tom: Tom, target: Target, eve: Client, admin: Client
) -> None:
    tom.y.takes_records = False
    root = User.objects.get(username="admin")
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory", "APPROVAL": True}}):
        said, shown = [], []
        for verdict in (approval.decline, approval.approve):
            fields = hidden(post(eve, target, "preview", FILLED).content.decode())
            eve.post(new(target, ""), {**fields, "step": "send"})
            tom.deliver()
            row = Delivery.objects.latest("pk")
            why = {"reason": "a duplicate"} if verdict is approval.decline else {}
            verdict(root, {row.pk: row.asked}, **why)
            tom.deliver_until_quiet()
            said.append(text(admin.get(reverse("targets:detail", args=[target.pk]))))
            history = reverse("sharing:history", args=[target.pk, tom.outbox(target, "y").pk])
            shown.append(text(admin.get(history)))
    assert "Reported to y , declined" in said[0]
    assert "Reported to y , done" in said[1]
    assert "Declined 1 record not sent: declined by admin: a duplicate" in shown[0]
    assert "Partly shared" not in shown[0], "nothing was"
    assert "Declined 1 record not sent" not in shown[1]
    for each in shown:
        assert "y takes reports only." in each
        assert "continuously" not in each
        assert "Shared once" not in each


class TestRest:
    def test_what_a_form_suggests_can_be_sent_as_it_is(self, tom: Tom, target: Target, eve: Client) -> None:
        datum = tom.datum(target)
        (offered,) = Reporting(User.objects.get(username="eve"), target, "y").data.values()
        field = ReportField(
            name="detection", label="Detection", type=FieldType.DATUM, initial=str(offered.record.key)
        )
        tom.y.forms = [replace(FORM, fields=(FORM.fields[0], FORM.fields[1], field))]
        base = f"/targets/{target.pk}/reports/"
        (form,) = eve.get(f"{base}forms/?destination=y").json()
        suggested = {each["name"]: each["initial"] for each in form["fields"]}
        assert suggested == {"reporter": "Eve", "remarks": None, "detection": place(datum)}
        asked = {"destination": "y", "form": "at-report", "values": suggested, "send": True}
        assert eve.post(base, asked, content_type="application/json").status_code == 201

    def test_a_report_is_made_and_read(self, tom: Tom, target: Target, eve: Client) -> None:
        datum = tom.datum(target)
        base = f"/targets/{target.pk}/reports/"
        (form,) = eve.get(f"{base}forms/?destination=y").json()
        assert (form["name"], form["fields"][0]["type"]) == ("at-report", "text")
        values = {
            "reporter": "Eve",
            "z": 0.031,
            "host": False,
            "groups": ["1", "2"],
            "detection": place(datum),
            "others": [place(datum)],
            "remarks": None,
        }
        asked = {"destination": "y", "form": "at-report", "values": values}
        shown = eve.post(base, asked, content_type="application/json")
        assert shown.status_code == 200
        assert (shown.json()["sent"], shown.json()["preview"]["content_type"]) == (False, "application/json")
        token = "6f0d3a52-8d1e-4c55-9f6e-0d1c2b3a4958"
        for _ in range(2):
            made = eve.post(base, {**asked, "send": True, "token": token}, content_type="application/json")
            assert (made.status_code, made.json()["state"]) == (201, "pending")
        tom.deliver()
        (there,) = tom.y.reports.values()
        assert there.values == {"reporter": "Eve", "z": 0.031, "host": False, "groups": ["1", "2"]}
        (listed,) = eve.get(base).json()["results"]
        assert listed == eve.get(f"{base}{listed['id']}/").json()
        assert (listed["state"], listed["remote_id"]) == ("delivered", "report-1")
        assert listed["data"] == {"detection": [place(datum)], "others": [place(datum)]}

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"destination": "nowhere"}, "destination"),
            ({"form": "none"}, "form"),
            ({"values": {"colour": 1}}, "values"),
            ({"values": {"reporter": {"a": 1}}}, "values"),
            ({"values": {}}, "values"),
            ({"values": {"reporter": "E", "z": "much"}}, "values"),
            ({"values": {"reporter": "E", "detection": "report:1"}}, "values"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, tom: Tom, target: Target, eve: Client, change: dict[str, Any], where: str
    ) -> None:
        asked = {"destination": "y", "form": "at-report", "values": {"reporter": "E"}, "send": True, **change}
        answer = eve.post(f"/targets/{target.pk}/reports/", asked, content_type="application/json")
        assert answer.status_code == 400
        assert where in answer.json()
        assert not Report.objects.exists()
