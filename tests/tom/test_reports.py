"""Reports about a target: sent once, with data that may go, and never again without an answer."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import override_settings
from guardian.shortcuts import assign_perm, remove_perm
from tom_targets.models import Target

from sharecore import (
    Absent,
    Accepted,
    ConfigurationError,
    FieldType,
    Kind,
    Rejected,
    ReportField,
    ReportForm,
    Submitted,
)
from sharecore.delivery import State
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Unconfirmed
from tom.conftest import edit
from tom_integration import clock
from tom_integration.models import Activity, Delivery, InboxRecord, OneTimeShare, Report
from tom_integration.outbox import retention
from tom_integration.services import resolve, retry
from tom_integration.services.replay_lost import Replay
from tom_integration.services.reports import Reporting

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

FORM = ReportForm(
    name="at-report",
    label="AT report",
    fields=(
        ReportField(name="reporter", label="Reporter", type=FieldType.TEXT, required=True),
        ReportField(name="detection", label="Detection", type=FieldType.DATUM, kinds=(Kind.PHOTOMETRY,)),
    ),
)


@pytest.fixture
def reporter(tom: Tom, target: Target) -> User:
    tom.y.forms = [FORM]
    return tom.user(target, name="eve")


def make(user: User, target: Target, *data: Any, token: uuid.UUID | None = None, to: str = "y") -> Report:
    """A report with these values, as the page makes it."""
    places = [(row._meta.model_name, row.pk) for row in data]
    reporting = Reporting(user, target, to, chosen=places)
    report = reporting.report(FORM, {"reporter": "Eve"}, {"detection": places} if places else {})
    return reporting.make(report, token=token or uuid.uuid4())


def row_of(report: Report) -> Delivery:
    return Delivery.objects.get(model="report", datum_pk=report.pk)


def test_a_report_is_sent_once_with_the_data_as_they_are_then(
    tom: Tom, target: Target, reporter: User
) -> None:
    datum = tom.datum(target)
    report = make(reporter, target, datum)
    edit(datum, brightness=17.25)
    tom.deliver()
    (there,) = tom.y.reports.values()
    assert (there.form, there.values) == ("at-report", {"reporter": "Eve"})
    assert [each.brightness for each in there.data["detection"]] == [17.25]
    assert tom.y.calls[-1].shared_by == "eve"
    row = row_of(report)
    assert (row.state, row.kind, row.remote_id) == (State.DELIVERED, "report", "report-1")
    assert tom.y.received == [], "the chosen data are not shared beside it"
    edit(datum, brightness=18.0)
    tom.share(target, "y")
    tom.deliver_until_quiet()
    assert len(tom.y.reports) == 1


def test_a_form_that_comes_twice_is_one_report(tom: Tom, target: Target, reporter: User) -> None:
    token = uuid.uuid4()
    first, second = (make(reporter, target, token=token) for _ in range(2))
    assert first == second
    tom.deliver()
    assert len(tom.y.reports) == OneTimeShare.objects.count() == 1
    other = make(tom.user(target), target, token=token)
    assert other != first, "the mark of another person's form"
    assert Activity.objects.filter(what=Activity.What.REPORTED, detail="AT report").count() == 2


def test_nothing_is_left_of_a_report_that_could_not_be_made(
    tom: Tom, target: Target, reporter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("tom_integration.outbox.activity.of_shares", fails)
    with pytest.raises(RuntimeError):
        make(reporter, target)
    assert not any(each.objects.exists() for each in (Report, OneTimeShare, Delivery))


def test_an_answer_that_is_lost_leaves_one_report(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [Unconfirmed(reason="no answer")]
    report = make(reporter, target)
    tom.deliver()
    assert row_of(report).state == State.UNCONFIRMED
    tom.deliver_until_quiet()
    assert (row_of(report).state, row_of(report).remote_id) == (State.DELIVERED, "report-1")
    assert len(tom.y.reports) == 1


def test_a_report_that_nobody_can_look_up_waits_for_a_person(
    tom: Tom, target: Target, reporter: User
) -> None:
    tom.y.can_tell = False
    tom.y.report_answers = [Unconfirmed(reason="no answer")]
    report = make(reporter, target)
    tom.deliver_until_quiet(hours=200)
    assert row_of(report).state == State.NEEDS_REVIEW
    assert len(tom.y.reports) == 1
    resolve.resolve_all(Delivery.objects.filter(pk=row_of(report).pk), arrived=False, by="eve")
    tom.deliver()
    assert len(tom.y.reports) == 2, "a person said that it is not there"


def test_only_absent_lets_a_report_go_again(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [Unconfirmed(reason="no answer")]
    tom.y.find_answers = [Unconfirmed(reason="busy"), Unconfirmed(reason="busy"), Absent()]
    report = make(reporter, target)
    tom.deliver()
    for _ in range(2):
        tom.deliver(after=7200)
        assert (row_of(report).state, len(tom.y.reports)) == (State.UNCONFIRMED, 1)
    tom.deliver_until_quiet(hours=48)
    assert (row_of(report).state, len(tom.y.reports)) == (State.DELIVERED, 2)


def test_a_report_that_is_there_with_other_content_is_not_sent_again(
    tom: Tom, target: Target, reporter: User
) -> None:
    datum = tom.datum(target)
    tom.y.report_answers = [Unconfirmed(reason="no answer")]
    report = make(reporter, target, datum)
    tom.deliver()
    edit(datum, brightness=12.0)
    tom.deliver_until_quiet()
    assert (row_of(report).state, len(tom.y.reports)) == (State.DELIVERED, 1)


def test_a_destination_that_is_down_gets_the_report_later(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [DestinationError("down")]
    report = make(reporter, target)
    tom.deliver()
    assert row_of(report).state == State.PENDING
    tom.deliver_until_quiet()
    assert (row_of(report).state, len(tom.y.reports)) == (State.DELIVERED, 1)


def test_an_answer_that_comes_later_is_followed(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [Submitted(ticket="t-1", ask_after=60)]
    tom.y.follow_answers = [Submitted(ticket="t-1", ask_after=60), Accepted(target_name="AT 2026abc")]
    report = make(reporter, target)
    tom.deliver()
    assert row_of(report).state == State.SUBMITTED
    tom.deliver_until_quiet()
    assert (row_of(report).state, row_of(report).outbox.target_name) == (State.DELIVERED, "AT 2026abc")
    assert len([batch for batch in tom.y.calls if not batch.records]) == 1, "sent once"


def test_a_refusal_names_the_field(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [Rejected(reason="who are you?", field="reporter")]
    report = make(reporter, target)
    tom.deliver_until_quiet()
    row = row_of(report)
    assert (row.state, row.field, row.reason) == (State.FAILED, "reporter", "who are you?")
    assert tom.y.reports == {}
    retry.retry_outbox(tom.outbox(target, "y"), among=Delivery.objects.all())
    tom.deliver()
    assert len(tom.y.reports) == 1


@pytest.mark.parametrize("why", ["deleted", "moved"])
def test_a_chosen_datum_that_is_gone_is_said_once_and_clearly(
    tom: Tom, target: Target, reporter: User, why: str
) -> None:
    datum = tom.datum(target)
    report = make(reporter, target, datum)
    if why == "deleted":
        datum.delete()
    else:
        edit(datum, target=tom.target())
    tom.deliver_until_quiet()
    row = row_of(report)
    said = "was deleted" if why == "deleted" else "belongs to another target now"
    assert (row.state, row.field) == (State.FAILED, "detection")
    assert row.reason == f"a chosen datum {said}; open the report again and choose another"
    assert tom.y.reports == {}


@override_settings(TARGET_PERMISSIONS_ONLY=False)
def test_a_report_goes_with_the_rights_of_who_made_it(tom: Tom, target: Target, reporter: User) -> None:
    seen, hidden = tom.data(target, 2)
    for row in (seen, hidden):
        assign_perm("tom_dataproducts.view_photometryreduceddatum", reporter, row)
    reports = [make(reporter, target, row) for row in (seen, hidden)]
    remove_perm("tom_dataproducts.view_photometryreduceddatum", reporter, hidden)
    assert list(Reporting(reporter, target, "y").data) == [("photometryreduceddatum", seen.pk)]
    tom.deliver()
    assert [row_of(each).state for each in reports] == [State.DELIVERED, State.WITHHELD]
    assert row_of(reports[1]).reason == "the user who shares may not see all data of this report"
    remove_perm("tom_targets.change_target", reporter, target)
    third = make(reporter, target, seen)
    tom.deliver()
    assert (row_of(third).state, len(tom.y.reports)) == (State.WITHHELD, 1)


def test_only_members_report_to_a_destination_with_groups(tom: Tom, target: Target, reporter: User) -> None:
    guarded = {"y": {"ADAPTER": "memory", "GROUPS": ["observers"]}}
    with override_settings(DATA_SHARING=guarded):
        with pytest.raises(ConfigurationError, match="not one to which you may share"):
            Reporting(reporter, target, "y")
        reporter.groups.add(Group.objects.create(name="observers"))
        make(reporter, target)
        reporter.groups.clear()
        tom.deliver()
    assert tom.y.reports == {}


def test_a_report_waits_for_the_release_of_its_data(tom: Tom, target: Target, reporter: User) -> None:
    until = clock.now() + timedelta(days=30)
    free, kept = tom.datum(target), tom.datum(target, value={"release_date": until.isoformat()})
    reports = [make(reporter, target, row) for row in (free, kept)]
    tom.deliver_until_quiet()
    assert [row_of(each).state for each in reports] == [State.DELIVERED, State.WITHHELD]
    tom.deliver(after=31 * 86400)
    assert row_of(reports[1]).state == State.DELIVERED


def test_a_report_of_data_that_a_destination_filters_out_stays(
    tom: Tom, target: Target, reporter: User
) -> None:
    only = {"y": {"ADAPTER": "memory", "ONLY": {"own": True}}}
    own, foreign = tom.datum(target), tom.datum(target, source_name="ALeRCE")
    with override_settings(DATA_SHARING=only):
        reports = [make(reporter, target, row) for row in (own, foreign)]
        tom.deliver_until_quiet()
    assert [row_of(each).state for each in reports] == [State.DELIVERED, State.WITHHELD]


def test_data_of_another_site_are_reported_under_its_key(tom: Tom, target: Target, reporter: User) -> None:
    datum = tom.datum(target)
    InboxRecord.objects.create(
        origin="another", kind="photometry", record_id="theirs", target_id=target.pk, relayed_by="another",
        model="photometryreduceddatum", datum_pk=datum.pk, identity="", content="as received", fingerprint="",
    )  # fmt: skip
    make(reporter, target, datum)
    tom.deliver()
    (there,) = tom.y.reports.values()
    assert str(there.data["detection"][0].key) == "another/photometry/theirs"


def test_a_replay_of_lost_records_sends_no_report(tom: Tom, target: Target, reporter: User) -> None:
    report = make(reporter, target)
    tom.deliver()
    tom.y.reports.clear()
    plan = Replay(destination="y", by=reporter).send_again(doubles=True)
    assert plan.number == 0
    tom.deliver_until_quiet()
    assert (row_of(report).state, tom.y.reports) == (State.DELIVERED, {})


def test_a_report_is_no_datum_that_could_be_shared(
    tom: Tom, target: Target, reporter: User, admin: Any
) -> None:
    tom.x.forms = [FORM]
    report = make(reporter, target)
    tom.deliver()
    path = f"/targets/{target.pk}/share/"
    for chosen in ({"datum": [f"report:{report.pk}"]}, {"kinds": ["report"]}):
        admin.post(path, {"share_destination": "x:red", **chosen})
    tom.deliver_until_quiet()
    assert (tom.x.reports, len(tom.y.reports)) == ({}, 1)


def test_reports_of_a_deleted_target_end_and_go(tom: Tom, target: Target, reporter: User) -> None:
    tom.y.report_answers = [DestinationError("down")]
    report = make(reporter, target)
    tom.deliver()
    target.delete()
    tom.deliver(after=60)
    assert (row_of(report).state, row_of(report).reason) == (State.CANCELLED, "the target was deleted")
    retention.everything()
    assert Report.objects.exists()
    tom.clock.forward(days=800)
    for _ in range(2):
        retention.everything()
    assert not any(each.objects.exists() for each in (Report, Delivery))


def test_a_report_follows_its_data_in_a_merge(tom: Tom, target: Target, reporter: User) -> None:
    from tom_targets.merge import target_merge

    kept = tom.target("SN kept")
    assign_perm("tom_targets.change_target", reporter, kept)
    tom.y.report_answers = [DestinationError("down")]
    report = make(reporter, target, tom.datum(target))
    tom.deliver()
    target_merge(kept, target)
    tom.deliver_until_quiet()
    row = row_of(report)
    assert (row.state, row.outbox.target_id) == (State.DELIVERED, kept.pk)
    assert len(tom.y.reports) == 1
    assert tom.y.calls[-1].target.name == "SN kept"
