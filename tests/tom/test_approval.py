"""Nothing reaches a destination with APPROVAL but the content that a person has approved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import override_settings
from guardian.shortcuts import assign_perm, remove_perm
from tom_dataproducts.models import DataProduct, PhotometryReducedDatum
from tom_targets.merge import target_merge
from tom_targets.models import Target

from sharecore import Deferred, FieldType, Kind, ReportField, ReportForm, Unconfirmed
from sharecore.delivery import DECLINED, State
from tom.conftest import Tom, edit
from tom.deaths import POINTS, Died
from tom_integration import access
from tom_integration.models import Activity, Delivery, OneTimeShare, Outbox
from tom_integration.outbox import open_outboxes, restored
from tom_integration.services import approval, retry, send_test, shares
from tom_integration.services.approval_preview import previews
from tom_integration.services.reports import Reporting

pytestmark = pytest.mark.django_db
ASKS = {"x": {"ADAPTER": "memory", "APPROVAL": True}, "y": {"ADAPTER": "memory"}}


@pytest.fixture(autouse=True)
def asks(tom: Tom) -> Iterator[None]:
    with override_settings(DATA_SHARING=ASKS):
        yield


def approver(tom: Tom, *targets: Any) -> User:
    user = tom.user(*targets)
    user.user_permissions.add(Permission.objects.get(codename="approve_share"))
    return User.objects.get(pk=user.pk)


def asked(user: User) -> dict[int, str]:
    """What waits for the user, as its page shows it."""
    return dict(access.approvable(user).values_list("pk", "asked"))


def approve(user: User) -> int:
    return approval.approve(user, asked(user))


def values(tom: Tom) -> list[float | None]:
    return [getattr(record, "brightness", None) for record in tom.x.received]


def test_nothing_leaves_before_a_person_approves(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    assert tom.deliver() == 0
    assert (tom.state(datum), tom.x.calls, tom.x.introduced) == (State.TO_APPROVE, [], [])
    row = tom.row(datum)
    assert (row.sent_at, row.attempts, row.approved_by) == (None, 0, None)
    assert row.fingerprint
    tom.deliver_until_quiet()
    assert tom.x.calls == []
    user = approver(tom, shared)
    assert approve(user) == 1
    assert tom.deliver() == 1
    assert values(tom) == [datum.brightness]
    row = tom.row(datum)
    assert (row.state, row.approved_by, row.approved) == (State.DELIVERED, user.pk, row.asked)
    told = Activity.objects.get(what=Activity.What.APPROVED)
    assert (told.user_id, told.target_id, told.detail) == (user.pk, shared.pk, "1 record")


def test_the_command_says_so_first(tom: Tom, shared: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tom.data(shared, 2)
    tom.deliver()
    call_command("sharing", "status")
    said = capsys.readouterr().out
    assert "action needed for 1" in said
    assert "2 wait for approval" in said


def test_a_destination_without_it_asks_nobody(tom: Tom, shared_to_both: Any) -> None:
    tom.datum(shared_to_both)
    assert tom.deliver() == 1
    assert (tom.states("x"), tom.states("y")) == (["to_approve"], ["delivered"])


@pytest.mark.parametrize("point", POINTS)
def test_a_sender_that_dies_lets_nothing_out(tom: Tom, shared: Any, point: str, monkeypatch: Any) -> None:
    """Two of five are approved; the sender dies between any two commits, with and without some to stop."""
    tom.x.max_batch = 2
    user = approver(tom, shared)
    first = tom.data(shared, 2)
    tom.deliver()
    approve(user)
    tom.data(shared, 3)
    how, where, name = POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        with pytest.raises(Died):
            tom.deliver()
    tom.deliver_until_quiet(hours=3)
    assert sorted(values(tom)) == sorted(each.brightness for each in first)
    assert sorted(tom.states()) == ["delivered"] * 2 + ["to_approve"] * 3
    approve(user)
    assert tom.deliver_until_quiet(hours=3) == 3
    assert not tom.x.repeated


def test_only_the_content_that_was_seen_goes(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    user = approver(tom, shared)
    tom.deliver()
    before = asked(user)
    edit(datum, brightness=15.0)
    # It was approved before the edit was noticed, and after.
    assert approval.approve(user, before) == 1
    assert tom.deliver() == 0
    assert tom.state(datum) is State.TO_APPROVE
    assert approval.approve(user, before) == 0
    tom.deliver()
    assert approve(user) == 1
    edit(datum, brightness=14.0)
    tom.deliver()
    assert tom.x.calls == []
    approve(user)
    tom.deliver()
    assert values(tom) == [14.0]


def test_an_edit_while_it_waits_asks_with_the_new_content(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    user = approver(tom, shared)
    tom.deliver()
    before = asked(user)
    edit(datum, brightness=15.0)
    tom.deliver()
    assert asked(user).keys() == before.keys()
    assert asked(user) != before


def test_an_edit_of_what_is_there_asks_again(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    datum = tom.datum(shared)
    user = approver(tom, shared)
    tom.deliver()
    approve(user)
    tom.deliver()
    first = datum.brightness
    edit(datum, brightness=15.0)
    assert tom.deliver() == 0
    row = tom.row(datum)
    assert (row.state, row.approved_by) == (State.TO_APPROVE, user.pk)
    assert values(tom) == [first]
    approve(user)
    assert tom.deliver() == 1
    assert values(tom) == [first, 15.0]


def test_a_retry_of_approved_content_does_not_ask_again(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    user = approver(tom, shared)
    tom.deliver()
    approve(user)
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.x.will(Unconfirmed(reason="silence"), times=1)
    tom.deliver()
    assert tom.state(datum) is State.PENDING
    assert tom.deliver_until_quiet() == 1
    assert Activity.objects.filter(what=Activity.What.APPROVED).count() == 1


def test_no_way_around(tom: Tom, shared: Any) -> None:
    """Retry, hurry, replay, a test, share existing data, a restored backup, an introduction."""
    datum = tom.datum(shared)
    tom.deliver()
    outbox = tom.outbox(shared)
    for action in ("retry", "hurry", "send-existing", "send-edited"):
        retry.retry_outbox(outbox, action, among=outbox.deliveries.all())
        tom.deliver()
    with pytest.raises(shares.NotPossible):
        retry.retry_one(tom.row(datum))
    open_outboxes.ask_for(outbox)
    tom.deliver()
    restored.doubt()
    tom.deliver_until_quiet()
    from tom_integration import site

    with pytest.raises(shares.NotPossible, match="takes no test"):
        send_test.send_test(site.destinations()["x"])
    OneTimeShare.objects.create(outbox=outbox, introduce=True)
    open_outboxes.look_at(shared.pk)
    tom.deliver(after=60)
    assert "approved" in OneTimeShare.objects.get().problem
    assert (tom.x.calls, tom.x.introduced, tom.x.tests) == ([], [], [])
    assert tom.state(datum) is State.TO_APPROVE


def test_what_was_sent_before_the_setting_asks_when_it_is_sent_again(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory"}}):
        tom.x.will(Unconfirmed(reason="silence"), times=1)
        tom.deliver()
    assert tom.state(datum) is State.UNCONFIRMED
    tom.deliver_until_quiet()
    assert (tom.state(datum), tom.x.received) == (State.TO_APPROVE, [])


def test_without_the_setting_what_waits_goes(tom: Tom, shared: Any) -> None:
    datum = tom.datum(shared)
    tom.deliver()
    with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "APPROVAL": False}}):
        tom.deliver_until_quiet()
    assert values(tom) == [datum.brightness]


class TestDeclined:
    def test_it_stays_until_somebody_asks_for_it(self, tom: Tom, shared: Any) -> None:
        datum = tom.datum(shared)
        user = approver(tom, shared)
        tom.deliver()
        with pytest.raises(shares.NotPossible, match="reason"):
            approval.decline(user, asked(user), reason="  ")
        assert approval.decline(user, asked(user), reason="a cosmic ray") == 1
        row = tom.row(datum)
        reason = f"declined by {user.get_username()}: a cosmic ray"
        assert (row.state, row.field, row.reason, row.next_at) == (State.WITHHELD, DECLINED, reason, None)
        told = Activity.objects.get(what=Activity.What.DECLINED)
        assert (told.user_id, told.detail) == (user.pk, "1 record: a cosmic ray")
        tom.deliver_until_quiet()
        other = ASKS["x"] | {"RELEASE_AFTER_DAYS": 0.5}
        with override_settings(DATA_SHARING={"x": other}):
            tom.deliver_until_quiet()
            assert tom.state(datum) is State.WITHHELD
            retry.retry_one(tom.row(datum))
            tom.deliver()
            assert tom.state(datum) is State.TO_APPROVE
            approve(user)
            assert tom.deliver() == 1

    def test_an_edit_asks_for_it(self, tom: Tom, shared: Any) -> None:
        datum = tom.datum(shared)
        user = approver(tom, shared)
        tom.deliver()
        approval.decline(user, asked(user), reason="wrong band")
        edit(datum, bandpass="g")
        tom.deliver()
        assert tom.state(datum) is State.TO_APPROVE

    def test_what_was_approved_meanwhile_is_not_declined(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        one, two = approver(tom, shared), approver(tom, shared)
        tom.deliver()
        both_saw = asked(one)
        assert approval.approve(one, both_saw) == 1
        assert approval.approve(one, both_saw) == 0
        assert approval.approve(two, both_saw) == 0
        assert approval.decline(two, both_saw, reason="no") == 0
        assert tom.deliver() == 1
        assert Delivery.objects.get().approved_by == one.pk
        assert Activity.objects.filter(what=Activity.What.DECLINED).count() == 0


class TestWhatBecomesOfTheDatum:
    @pytest.fixture
    def waiting(self, tom: Tom, shared: Any) -> PhotometryReducedDatum:
        datum = tom.datum(shared)
        tom.deliver()
        return datum

    def test_it_is_deleted(self, tom: Tom, waiting: Any) -> None:
        waiting.delete()
        tom.deliver_until_quiet()
        assert tom.states() == ["cancelled"]

    def test_the_target_is_deleted(self, tom: Tom, shared: Any, waiting: Any) -> None:
        shared.delete()
        tom.deliver_until_quiet()
        assert tom.states() == ["cancelled"]

    def test_the_share_is_deleted_and_made_again(self, tom: Tom, shared: Any, waiting: Any) -> None:
        user = approver(tom, shared)
        approve(user)
        tom.outbox(shared)
        shared.persistentshare_set.all()[0].delete()
        assert tom.states() == ["cancelled"]
        tom.share(shared)
        tom.share_existing(shared)
        tom.deliver_until_quiet()
        # The approval was for a share that is gone.
        assert (tom.states(), tom.x.received) == (["to_approve"], [])

    def test_the_share_gets_another_destination(self, tom: Tom, shared: Any, waiting: Any) -> None:
        approve(approver(tom, shared))
        with override_settings(DATA_SHARING=dict.fromkeys("xy", ASKS["x"])):
            share = shared.persistentshare_set.get()
            share.destination = "y"
            share.save()
            tom.deliver_until_quiet()
            assert (tom.states("x"), tom.states("y")) == (["cancelled"], ["to_approve"])
            assert tom.y.received == []

    def test_the_target_is_merged_into_another(self, tom: Tom, shared: Any, waiting: Any) -> None:
        other = tom.target()
        tom.share(other)
        approve(approver(tom, shared))
        target_merge(other, shared)
        tom.deliver_until_quiet()
        assert (tom.states(), tom.x.received) == (["to_approve"], [])
        approve(approver(tom, other))
        assert tom.deliver() == 1

    @pytest.mark.parametrize("what", ["name", "ra"])
    def test_the_target_is_another_one_by_now(self, tom: Tom, shared: Any, waiting: Any, what: str) -> None:
        user = approver(tom, shared)
        approve(user)
        Target.objects.filter(pk=shared.pk).update(**{what: {"name": "AT 2026q", "ra": 11.0}[what]})
        tom.deliver()
        assert tom.x.calls == []
        approve(user)
        assert tom.deliver() == 1

    def test_the_destination_has_other_names(self, tom: Tom, shared: Any, waiting: Any) -> None:
        user = approver(tom, shared)
        approve(user)
        with override_settings(DATA_SHARING={"x": ASKS["x"] | {"BANDPASS_MAP": {"r": "g"}}}):
            tom.deliver()
            assert tom.x.calls == []
            approve(user)
            assert tom.deliver() == 1


def test_files_and_texts_are_approved_too(tom: Tom) -> None:
    target = tom.target()
    tom.x.takes_files = True
    made = DataProduct.objects.create(product_id="p", target=target, data_product_type="photometry")
    made.data.save("a.csv", ContentFile(b"a,b"))
    user = approver(tom, target)
    outbox = open_outboxes.open_outbox(open_outboxes.Address("x"), target.pk)
    once = OneTimeShare.objects.create(outbox=outbox, user_id=user.pk, title="A find", introduce=True)
    from django.db.models import Q

    from tom_integration.mapping.data_files import FILE_MODEL

    open_outboxes.ask_for(outbox, selection={FILE_MODEL: Q(pk=made.pk)}, one_time_share=once)
    tom.deliver(after=60)
    assert (tom.x.files, tom.x.introduced) == ({}, [])
    seen = asked(user)
    OneTimeShare.objects.filter(pk=once.pk).update(title="Another find")
    approval.approve(user, seen)
    tom.deliver(after=60)
    assert tom.x.files == {}
    approve(user)
    assert tom.deliver(after=60) == 1
    assert len(tom.x.files) == 1


def test_a_report_is_approved_with_its_data(tom: Tom) -> None:
    target = tom.target()
    datum = tom.datum(target, brightness=17.25)
    field = ReportField(name="detection", label="Detection", type=FieldType.DATUM, kinds=(Kind.PHOTOMETRY,))
    form = ReportForm(name="at-report", label="AT report", fields=(field,))
    tom.x.forms = [form]
    user = approver(tom, target)
    place = [("photometryreduceddatum", datum.pk)]
    reporting = Reporting(user, target, "x", chosen=place)
    reporting.make(reporting.report(form, {}, {"detection": place}), token=uuid4())
    tom.deliver(after=60)
    assert (tom.states(), tom.x.reports, tom.x.introduced) == (["to_approve"], {}, [])
    seen = asked(user)
    (row,) = Delivery.objects.all()
    assert "17.25" in previews(row.outbox, [row])[row.pk].body
    edit(datum, brightness=16.5)
    approval.approve(user, seen)
    tom.deliver(after=60)
    assert tom.x.reports == {}
    approve(user)
    tom.deliver(after=60)
    assert [each.data["detection"][0].brightness for each in tom.x.reports.values()] == [16.5]


class TestWhoMay:
    def test_the_right_to_approve_and_the_right_on_the_target(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.deliver()
        seen = dict(Delivery.objects.values_list("pk", "asked"))
        for nobody in (tom.user(shared), approver(tom), User.objects.create_user("idle", is_active=False)):
            assert not access.approvable(nobody).exists()
            assert approval.approve(nobody, seen) == 0
            assert approval.decline(nobody, seen, reason="no") == 0
        user = approver(tom, shared)
        assert access.approvable(user).count() == 1
        remove_perm("tom_targets.change_target", user, shared)
        assert approval.approve(User.objects.get(pk=user.pk), seen) == 0
        assert approval.approve(User.objects.create_superuser("root"), seen) == 1

    def test_a_destination_that_is_closed_to_the_user(self, tom: Tom, shared: Any) -> None:
        user = approver(tom, shared)
        with override_settings(DATA_SHARING={"x": ASKS["x"] | {"GROUPS": ["Observers"]}}):
            tom.datum(shared)
            Outbox.objects.update(creator_id=User.objects.create_superuser("root").pk)
            tom.deliver()
            assert tom.states() == ["to_approve"]
            assert not access.approvable(user).exists()

    def test_the_maker_of_the_share_with_the_right(self, tom: Tom) -> None:
        target = tom.target()
        user = approver(tom, target)
        tom.share(target, user=user)
        tom.datum(target)
        tom.deliver()
        assert approve(user) == 1
        assert tom.deliver() == 1

    def test_data_that_the_user_may_not_see(self, tom: Tom, shared: Any) -> None:
        user = approver(tom, shared)
        with override_settings(TARGET_PERMISSIONS_ONLY=False):
            seen, hidden = tom.datum(shared), tom.datum(shared)
            assign_perm("tom_dataproducts.view_photometryreduceddatum", user, seen)
            tom.deliver()
            assert approve(user) == 1
            assert (tom.state(seen), tom.state(hidden)) == (State.PENDING, State.TO_APPROVE)
