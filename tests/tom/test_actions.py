"""What a person does to a share, and when that makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from tom_targets.models import PersistentShare

from sharecore.delivery import State
from sharecore.exceptions import AuthenticationFailed, Problem
from sharecore.outcomes import Accepted, Outcome, Rejected, Unsupported
from sharecore.records import Record
from tom_integration import site
from tom_integration.models import Delivery, DestinationHealth, Outbox
from tom_integration.services import resolve, retry, shares

if TYPE_CHECKING:
    from conftest import Tom

pytestmark = pytest.mark.any_database


class TestPause:
    def test_waiting_data_are_sent_when_it_goes_on(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target)
        shares.pause(share, by=tom.user(name="ada"))
        rows = [tom.datum(target) for _ in range(3)]
        assert tom.deliver(after=60) == 0
        shares.resume(share)
        assert tom.deliver(after=60) == 3
        assert {tom.state(row) for row in rows} == {State.DELIVERED}

    def test_it_takes_effect_between_two_batches(self, tom: Tom) -> None:
        target = tom.target()
        share, user = tom.share(target), tom.user()
        tom.x.max_batch = 2
        for _ in range(6):
            tom.datum(target)

        def pausing(record: Record) -> Outcome:
            shares.pause(share, by=user)
            return Accepted()

        tom.x.will(pausing, times=1)
        tom.deliver(after=60)
        assert len(tom.x.calls) == 1
        shares.resume(share)
        tom.deliver(after=60)
        assert tom.states().count("delivered") == 6

    def test_who_paused_it_first_is_remembered(self, tom: Tom) -> None:
        share = tom.share(tom.target())
        shares.pause(share, by=tom.user(name="ada"))
        shares.pause(share, by=tom.user(name="bob"))
        assert shares.outbox_of(share).paused == "paused by ada"

    def test_a_share_made_in_bulk_can_be_paused_before_a_worker_saw_it(self, tom: Tom) -> None:
        target = tom.target()
        PersistentShare.objects.bulk_create([PersistentShare(target=target, destination="x")])
        shares.pause(PersistentShare.objects.get(), by=tom.user())
        tom.datum(target)
        assert tom.deliver(after=60) == 0


def test_to_look_at_a_share_that_is_older_than_the_app_changes_nothing(tom: Tom) -> None:
    """It acts as the site, although it has a user: that user may have lost their rights long ago."""
    target = tom.target()
    share = tom.share(target, user=tom.user())
    Outbox.objects.update(creator_id=None)  # as the migration leaves it
    tom.datum(target)
    assert shares.outbox_of(share).creator_id is None
    assert tom.deliver() == 1


class TestAdopt:
    def test_one_whose_user_was_deleted(self, tom: Tom) -> None:
        target = tom.target()
        gone, heir = tom.user(target), tom.user(target)
        share = tom.share(target, user=gone)
        gone.delete()
        share.refresh_from_db()
        tom.datum(target)
        assert tom.deliver(after=60) == 0
        assert tom.outbox(target).needs_person
        shares.adopt(share, by=heir)
        assert tom.deliver() == 1
        assert not tom.outbox(target).needs_person
        share.refresh_from_db()
        assert share.user == heir

    def test_only_who_may_change_the_target(self, tom: Tom) -> None:
        target = tom.target()
        gone = tom.user(target)
        share = tom.share(target, user=gone)
        gone.delete()
        share.refresh_from_db()
        with pytest.raises(shares.NotPossible, match="has no right to change the target"):
            shares.adopt(share, by=tom.user())

    def test_not_what_its_user_can_answer_for(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target, user=tom.user(target))
        with pytest.raises(shares.NotPossible, match="still answers"):
            shares.adopt(share, by=tom.user(target))

    def test_another_user_given_on_the_admin_page_counts_as_well(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target, user=tom.user())
        tom.datum(target)
        assert tom.deliver(after=60) == 0
        share.user = tom.user(target)
        share.save()
        tom.deliver_until_quiet()
        assert tom.states() == ["delivered"]


class TestRetry:
    @pytest.mark.parametrize("outcome", [Rejected(reason="no"), Unsupported(reason="no", feature="band")])
    def test_what_was_refused(self, tom: Tom, outcome: Any) -> None:
        target = tom.target()
        share = tom.share(target)
        tom.x.will(outcome, times=2)
        rows = [tom.datum(target) for _ in range(3)]
        tom.deliver(after=60)
        assert retry.retry(share.pk) == 2
        assert tom.deliver() == 2
        assert {tom.state(row) for row in rows} == {State.DELIVERED}

    def test_of_this_share_only(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target)
        tom.share(target, "y")
        for destination in (tom.x, tom.y):
            destination.will(Rejected(reason="no"), times=1)
        tom.datum(target)
        tom.deliver(after=60)
        retry.retry(share.pk)
        tom.deliver()
        assert (tom.states("x"), tom.states("y")) == (["delivered"], ["failed"])

    def test_of_all_by_the_command(self, tom: Tom, capsys: pytest.CaptureFixture[str]) -> None:
        target = tom.target()
        tom.share(target)
        tom.x.will(Rejected(reason="no"), times=1)
        tom.datum(target)
        tom.deliver(after=60)
        call_command("sharing", "retry")
        assert "1 record" in capsys.readouterr().out
        assert tom.deliver() == 1

    def test_of_a_share_that_there_is_not(self, tom: Tom) -> None:
        with pytest.raises(shares.NotPossible, match="no share 17"):
            retry.retry(17)
        with pytest.raises(CommandError, match="no share 17"):
            call_command("sharing", "retry", "17")

    def test_one(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        tom.x.will(Rejected(reason="no"), times=2)
        first, second = tom.datum(target), tom.datum(target)
        tom.deliver(after=60)
        retry.retry_one(tom.row(first))
        tom.deliver()
        assert (tom.state(first), tom.state(second)) == (State.DELIVERED, State.FAILED)

    def test_one_that_was_there_before(self, tom: Tom) -> None:
        target = tom.target()
        old = tom.datum(target)
        tom.share(target)
        retry.retry_one(tom.row(old))
        tom.deliver()
        assert tom.state(old) is State.DELIVERED

    @pytest.mark.parametrize(
        ("state", "says"),
        [
            (State.DELIVERED, "has it already"),
            (State.SENDING, "being sent"),
            (State.NEEDS_REVIEW, "may have arrived"),
            (State.UNCONFIRMED, "may have arrived"),
            (State.CANCELLED, "cancelled: the datum was deleted"),
        ],
    )
    def test_not_one_that_is(self, tom: Tom, state: State, says: str) -> None:
        row = delivery_in(tom, state)
        with pytest.raises(shares.NotPossible, match=says):
            retry.retry_one(row)
        assert Delivery.objects.get(pk=row.pk).state == state


def delivery_in(tom: Tom, state: State) -> Delivery:
    """A delivery of a share, put into a state by hand."""
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver(after=60)
    Delivery.objects.filter(pk=tom.row(datum).pk).update(
        state=state, reason="the datum was deleted", delivered_at=None, fingerprint=""
    )
    return tom.row(datum)


class TestResolve:
    @pytest.mark.parametrize("state", [State.NEEDS_REVIEW, State.UNCONFIRMED])
    def test_it_arrived(self, tom: Tom, state: State) -> None:
        row = delivery_in(tom, state)
        sent = len(tom.x.calls)
        resolve.resolve(row, arrived=True, by="ada")
        row.refresh_from_db()
        assert (row.state, row.reason) == (State.DELIVERED, "ada found that it arrived")
        assert row.delivered_at is not None
        tom.deliver_until_quiet()
        assert len(tom.x.calls) == sent

    def test_it_did_not(self, tom: Tom) -> None:
        row = delivery_in(tom, State.NEEDS_REVIEW)
        resolve.resolve(row, arrived=False, by="ada")
        assert tom.deliver() == 1

    @pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.DELIVERED, State.FAILED])
    def test_not_one_whose_fate_is_known(self, tom: Tom, state: State) -> None:
        row = delivery_in(tom, state)
        with pytest.raises(shares.NotPossible, match=f"is {state}"):
            resolve.resolve(row, arrived=True, by="ada")

    def test_not_one_that_somebody_else_resolved_meanwhile(self, tom: Tom) -> None:
        row = delivery_in(tom, State.NEEDS_REVIEW)
        seen = Delivery.objects.get(pk=row.pk)
        resolve.resolve(row, arrived=True, by="ada")
        with pytest.raises(shares.NotPossible, match="try again"):
            resolve.resolve(seen, arrived=False, by="ada")
        seen.refresh_from_db()
        assert seen.state == State.DELIVERED


class TestCheck:
    def refused(self, tom: Tom) -> None:
        tom.x.will(AuthenticationFailed("the password is wrong"))
        for destination in ("x", "x:red"):
            target = tom.target()
            tom.share(target, destination)
            tom.datum(target)
        tom.deliver(after=60)
        assert DestinationHealth.objects.get(destination="x").paused

    def test_a_destination_that_is_well_again_goes_on(self, tom: Tom) -> None:
        self.refused(tom)
        tom.x.recover()
        assert tom.deliver(after=60) == 0
        shares.check(site.destinations()["x"])
        assert tom.deliver() == 2

    def test_one_that_is_not_stays_paused(self, tom: Tom) -> None:
        self.refused(tom)
        tom.x.problems = [Problem(where="x", what="refuses the password", hint="Give another.")]
        (problem,) = shares.check(site.destinations()["x"])
        assert problem.what == "refuses the password"
        assert DestinationHealth.objects.get(destination="x").paused
        assert not Outbox.objects.filter(look_now=True).exists()
