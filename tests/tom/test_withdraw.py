"""Withdraw what was delivered, by hand, and never send it again by itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm

from sharecore import Deferred, DeliveredReport, DestinationError, Rejected, Unconfirmed, Withdrawn, hookimpl
from sharecore.addresses import Address
from tom.conftest import Tom, edit
from tom.deaths import Died
from tom_integration.models import Activity, Attempt, Delivery
from tom_integration.outbox import restored
from tom_integration.pages import destination_numbers
from tom_integration.pages.share_status import summaries
from tom_integration.services import replay_lost, retry, shares, withdraw

WHY = "wrong calibration"


class Observer:
    """Keeps what observers are told."""

    def __init__(self) -> None:
        self.told: list[DeliveredReport] = []

    @hookimpl
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        self.told.append(report)


observer = Observer()


@pytest.fixture
def plugins() -> list[object]:
    observer.told.clear()
    return [observer]


@pytest.fixture(autouse=True)
def withdrawing(tom: Tom) -> None:
    tom.x.can_withdraw = True


@pytest.fixture
def pi(tom: Tom) -> User:
    return User.objects.create_superuser("pi")


@pytest.fixture
def sent(tom: Tom, shared: Any) -> list[Any]:
    """Three delivered data."""
    data = [tom.datum(shared) for _ in range(3)]
    assert tom.deliver() == 3
    return data


def withdraw_data(tom: Tom, target: Any, *data: Any, by: Any, **options: Any) -> withdraw.WithdrawalPlan:
    pks = [tom.row(each).pk for each in data]
    return withdraw.withdraw(tom.outbox(target), pks, reason=WHY, by=by, **options)


def one_message(tom: Tom, *data: Any) -> None:
    """Let the destination have these data under one name."""
    pks = [tom.row(each).pk for each in data]
    Delivery.objects.filter(pk__in=pks).update(remote_id="message-1")


def test_a_person_withdraws_some_of_the_records(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    plan = withdraw_data(tom, shared, sent[0], by=pi)
    assert (plan.number, plan.others) == (1, 0)
    assert tom.state(sent[0]) == "withdrawing"
    tom.deliver()
    assert [tom.state(each) for each in sent] == ["withdrawn", "delivered", "delivered"]
    assert len(tom.x.records) == 2
    ((reason, names),) = tom.x.withdrawn
    assert (reason, list(names.values())) == (WHY, ["memory-1"])
    row = Activity.objects.get(what=Activity.What.WITHDRAWN)
    assert (row.user_name, row.detail) == ("pi", f"1 record: {WHY}")
    assert row.get_what_display() == "Withdrawal asked for", "the destination may refuse it"
    assert tom.row(sent[0]).withdrawal_reason == WHY
    assert Attempt.objects.filter(delivery=tom.row(sent[0])).latest("pk").outcome == "withdrawn"


def test_observers_are_told_of_what_is_gone_there(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    (delivered,) = observer.told
    tom.x.withdraw_answers = [Rejected(reason="it stays"), Withdrawn()]
    withdraw_data(tom, shared, *sent[:2], by=pi)
    tom.deliver()
    assert sorted(tom.states()) == ["delivered", "delivered", "withdrawn"]
    _, gone = observer.told
    (key,) = gone.withdrawn
    assert key in delivered.results
    assert (gone.address, gone.records, dict(gone.results)) == (delivered.address, (), {})


def test_what_was_withdrawn_is_no_try_that_failed(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    numbers = destination_numbers.read(pi)["x"]
    assert (numbers.attempts, numbers.successes) == (3, 3)


@pytest.mark.parametrize(
    "how", ["edited", "replayed", "rescanned", "retried", "existing", "restored", "made again", "shared anew"]
)
def test_nothing_sends_it_again_but_a_person(
    tom: Tom, shared: Any, sent: list[Any], pi: User, how: str
) -> None:
    tom.x.can_update = True
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    calls = len(tom.x.calls)
    share_id = tom.outbox(shared).share_id
    match how:
        case "edited":
            edit(sent[0], brightness=21.5)
        case "replayed":
            replay_lost.Replay(by=pi).send_again()
        case "rescanned":
            tom.clock.forward(days=2)
            type(sent[0]).objects.filter(pk=sent[0].pk).update(brightness=21.5)
        case "retried":
            retry.retry(share_id)
        case "existing":
            tom.share_existing(shared)
        case "restored":
            restored.doubt()
        case "made again":
            fields = {
                each.attname: getattr(sent[0], each.attname)
                for each in sent[0]._meta.concrete_fields
                if not each.primary_key
            }
            sent[0].delete()
            type(sent[0]).objects.create(**fields)
        case "shared anew":
            tom.outbox(shared)
            from tom_targets.models import PersistentShare

            PersistentShare.objects.get(pk=share_id).delete()
            tom.deliver()
            tom.share(shared)
    tom.deliver_until_quiet()
    assert "withdrawn" in tom.states()
    assert not [batch for batch in tom.x.calls[calls:] if batch.records]


def test_a_person_sends_it_again(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    retry.retry_one(tom.row(sent[0]))
    assert tom.deliver() == 1
    row = tom.row(sent[0])
    assert (row.state, row.withdrawal_reason) == ("delivered", "")
    assert len(tom.x.records) == 3


def test_edited_and_then_sent_again_it_goes_with_its_present_values(
    tom: Tom, shared: Any, sent: list[Any], pi: User
) -> None:
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    edit(sent[0], brightness=21.5)
    tom.deliver()
    retry.retry_one(tom.row(sent[0]))
    tom.deliver()
    assert tom.x.calls[-1].records[0].brightness == 21.5  # type: ignore[union-attr]
    assert not tom.x.calls[-1].previous, "it is no edit of what is there"


class TestWhatTheDestinationSays:
    def test_refused_it_stays_there_and_says_why(
        self, tom: Tom, shared: Any, sent: list[Any], pi: User
    ) -> None:
        before = tom.row(sent[0])
        tom.x.withdraw_answers = [Rejected(reason="too late")]
        withdraw_data(tom, shared, sent[0], by=pi)
        tom.deliver()
        row = tom.row(sent[0])
        assert (row.state, row.reason) == ("delivered", "not withdrawn: too late")
        assert (row.delivered_at, row.revision, row.arrived) == (
            before.delivered_at, before.revision, before.arrived
        )  # fmt: skip
        tom.deliver_until_quiet()
        assert len(tom.x.calls) == 1

    @pytest.mark.parametrize("answer", [Deferred(reason="busy"), Unconfirmed(reason="no answer"), None])
    def test_without_an_answer_it_is_asked_again(
        self, tom: Tom, shared: Any, sent: list[Any], pi: User, answer: Any
    ) -> None:
        tom.x.withdraw_answers = [answer, answer]
        withdraw_data(tom, shared, sent[0], by=pi)
        tom.deliver()
        assert tom.state(sent[0]) == "withdrawing"
        tom.deliver_until_quiet()
        assert tom.state(sent[0]) == "withdrawn"
        assert len(tom.x.withdrawn) == 3

    def test_down_it_costs_no_try(self, tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
        tom.x.withdraw_fails = DestinationError("down")
        withdraw_data(tom, shared, sent[0], by=pi)
        for _ in range(3):
            tom.deliver(after=60)
        assert (tom.state(sent[0]), tom.row(sent[0]).failures) == ("withdrawing", 0)
        tom.x.recover()
        tom.deliver_until_quiet()
        assert tom.state(sent[0]) == "withdrawn"

    def test_a_worker_that_dies_meanwhile_loses_nothing(
        self, tom: Tom, shared: Any, sent: list[Any], pi: User
    ) -> None:
        tom.x.withdraw_fails = Died()
        withdraw_data(tom, shared, *sent, by=pi)
        with pytest.raises(Died):
            tom.deliver()
        tom.x.recover()
        tom.deliver_until_quiet()
        assert tom.states() == ["withdrawn"] * 3


def test_records_of_one_message_go_together(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    one_message(tom, *sent[:2])
    with pytest.raises(withdraw.TakesOthers, match="1 more goes with them"):
        withdraw_data(tom, shared, sent[0], by=pi)
    assert tom.states() == ["delivered"] * 3
    plan = withdraw_data(tom, shared, sent[0], by=pi, with_others=True)
    assert (plan.number, plan.others) == (1, 1)
    tom.deliver()
    assert tom.states() == ["withdrawn", "withdrawn", "delivered"]


def test_also_those_that_moved_to_another_target_since(
    tom: Tom, shared: Any, sent: list[Any], pi: User
) -> None:
    one_message(tom, *sent)
    other = tom.target("another")
    tom.share(other)
    edit(sent[2], target=other)
    tom.deliver()
    stranger = tom.user(shared)
    assign_perm("tom_targets.change_persistentshare", stranger)
    with pytest.raises(shares.NotPossible, match="other targets"):
        withdraw_data(tom, shared, sent[0], by=stranger, with_others=True)
    assert withdraw_data(tom, shared, sent[0], by=pi, with_others=True).others == 2
    tom.deliver()
    assert tom.states() == ["withdrawn"] * 3


def test_what_cannot_be_withdrawn_says_so(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    pks = [tom.row(sent[0]).pk]
    with pytest.raises(shares.NotPossible, match="Give a reason"):
        withdraw.withdraw(tom.outbox(shared), pks, reason=" ", by=pi)
    waiting = tom.datum(shared)
    tom.x.will(DestinationError("down"))
    tom.deliver()
    with pytest.raises(shares.NotPossible, match="None of these is delivered"):
        withdraw_data(tom, shared, waiting, by=pi)


def test_a_deleted_datum_is_withdrawn_all_the_same(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    row = tom.row(sent[0])
    sent[0].delete()
    withdraw.withdraw(tom.outbox(shared), [row.pk], reason=WHY, by=pi)
    tom.deliver()
    row.refresh_from_db()
    assert row.state == "withdrawn"


def test_of_a_deleted_target_it_stays_there(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    withdraw_data(tom, shared, sent[0], by=pi)
    shared.delete()
    tom.deliver_until_quiet()
    assert tom.states() == ["delivered"] * 3


def test_a_paused_share_withdraws(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    from tom_targets.models import PersistentShare

    shares.pause(PersistentShare.objects.get(), by=pi)
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    assert tom.state(sent[0]) == "withdrawn"


def test_a_share_with_it_is_not_up_to_date(tom: Tom, shared: Any, sent: list[Any], pi: User) -> None:
    withdraw_data(tom, shared, sent[0], by=pi)
    tom.deliver()
    outbox = tom.outbox(shared)
    summary = summaries([outbox], pi)[outbox.pk]
    assert (summary.status, summary.text) == ("partly", "1 record was withdrawn.")


class TestPages:
    def pages(self, tom: Tom, shared: Any) -> tuple[str, str]:
        share = tom.outbox(shared).share_id
        return reverse("sharing:share-page", args=[share]), reverse("sharing:withdraw", args=[share])

    def test_ask_before_it_is_done(self, tom: Tom, shared: Any, sent: list[Any], admin: Client) -> None:
        page, url = self.pages(tom, shared)
        assert "Withdraw" in admin.get(page).content.decode()
        one_message(tom, *sent[:2])
        chosen = {"delivery": [str(tom.row(sent[0]).pk)]}
        asked = admin.post(url, chosen).content.decode()
        assert "Withdraw 2 records from x?" in asked
        assert "1 more goes with it" in asked
        assert tom.states() == ["delivered"] * 3
        blank = admin.post(url, {**chosen, "confirmed": "1", "with_others": "1", "reason": " "})
        assert "Give a reason." in blank.content.decode()
        assert (
            admin.post(url, {**chosen, "confirmed": "1", "with_others": "1", "reason": WHY}, follow=True)
            .content.decode()
            .count("will be withdrawn")
            == 1
        )
        tom.deliver()
        shown = admin.get(page).content.decode()
        assert "Withdrawn" in shown
        assert WHY in shown
        assert "Send again" in shown

    def test_nothing_chosen_and_a_destination_that_cannot(
        self, tom: Tom, shared: Any, sent: list[Any], admin: Client
    ) -> None:
        _, url = self.pages(tom, shared)
        assert "Choose at least one" in admin.post(url, {}, follow=True).content.decode()
        target = tom.target()
        tom.share(target, "y")
        datum = tom.datum(target)
        tom.deliver()
        share = tom.outbox(target, "y").share_id
        assert "Withdraw" not in admin.get(reverse("sharing:share-page", args=[share])).content.decode()
        answer = admin.post(
            reverse("sharing:withdraw", args=[share]), {"delivery": tom.row(datum, "y").pk}, follow=True
        )
        assert "nothing can be withdrawn" in answer.content.decode()

    def test_need_the_right_to_change_the_share(self, tom: Tom, shared: Any, sent: list[Any]) -> None:
        page, url = self.pages(tom, shared)
        viewer = tom.user(shared)
        assign_perm("tom_targets.view_persistentshare", viewer)
        client = Client()
        client.force_login(viewer)
        assert "Withdraw" not in client.get(page).content.decode()
        refused = client.post(url, {"delivery": tom.row(sent[0]).pk})
        assert refused["Location"].startswith("/accounts/login/")
        client.force_login(tom.user())
        assert client.post(url, {"delivery": tom.row(sent[0]).pk}).status_code == 404
        assert tom.states() == ["delivered"] * 3


class TestRest:
    def post(self, client: Client, tom: Tom, shared: Any, **body: Any) -> Any:
        url = f"/targets/persistentshare/{tom.outbox(shared).share_id}/withdraw/"
        return client.post(url, body, content_type="application/json")

    def test_count_then_withdraw(self, tom: Tom, shared: Any, sent: list[Any], admin: Client) -> None:
        one_message(tom, *sent)
        chosen = {"deliveries": [tom.row(sent[0]).pk]}
        counted = self.post(admin, tom, shared, **chosen)
        assert counted.json() == {"number": 1, "others": 2, "withdrawn": False}
        refused = self.post(admin, tom, shared, **chosen, withdraw=True, reason=WHY)
        assert refused.status_code == 409
        assert "with_others" in refused.json()["detail"]
        assert self.post(admin, tom, shared, **chosen, withdraw=True).status_code == 400
        done = self.post(admin, tom, shared, **chosen, withdraw=True, reason=WHY, with_others=True)
        assert done.json() == {"number": 1, "others": 2, "withdrawn": True}
        tom.deliver()
        assert tom.states() == ["withdrawn"] * 3

    def test_need_the_right_to_change_the_share(self, tom: Tom, shared: Any, sent: list[Any]) -> None:
        viewer = tom.user(shared)
        assign_perm("tom_targets.view_persistentshare", viewer)
        client = Client()
        client.force_login(viewer)
        chosen = {"deliveries": [tom.row(sent[0]).pk], "withdraw": True, "reason": WHY}
        assert self.post(client, tom, shared, **chosen).status_code == 403
        assert tom.states() == ["delivered"] * 3


def test_the_states_have_words() -> None:
    address = str(Address.parse("x"))
    from tom_integration.pages import phrases

    assert phrases.state("withdrawn", address) == "Withdrawn"
    assert isinstance(Withdrawn(), Withdrawn)
