"""Upkeep: what grows old is emptied, and nothing is sent again because of it. Backups, deletions, dumps."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db.models import Model
from django.test import override_settings
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target

from sharecore import Accepted, Deferred, DestinationError, Rejected, Unconfirmed
from sharecore.records import Record
from tom_integration.models import Attempt, Delivery, OneTimeShare, Outbox, Worker
from tom_integration.outbox import restored, retention
from tom_integration.outbox.retention import Upkeep
from tom_integration.tomtoolkit import functions

if TYPE_CHECKING:
    from tom.conftest import Tom

YEARS = 3 * 365 * 86400.0


def quiet(tom: Tom) -> bool:
    """Nothing has gone out twice, and nothing is to go out."""
    return tom.deliver() == 0 and tom.deliver(after=100000) == 0 and not tom.x.repeated


class TestPurge:
    def test_attempts_go_first_then_answers_and_what_makes_a_datum_known_stays(
        self, tom: Tom, shared: Any
    ) -> None:
        tom.x.will(Deferred(reason="busy"), times=1)
        row = tom.datum(shared)
        tom.deliver()
        tom.deliver(after=60)
        Delivery.objects.update(reason="an answer", field="brightness")
        before = tom.row(row)
        tom.clock.forward(days=29)
        assert not +retention.everything()
        tom.clock.forward(days=2)
        assert retention.everything()["attempts"] == 2
        assert tom.row(row).reason == "an answer"
        tom.clock.forward(days=60)
        assert retention.everything()["answers"] == 1
        after = tom.row(row)
        assert (after.reason, after.field, Attempt.objects.count()) == ("", "", 0)
        kept = ("state", "identity", "fingerprint", "arrived", "remote_id", "record_id", "delivered_at")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        assert quiet(tom)

    def test_the_times_are_settings(self, tom: Tom, shared: Any) -> None:
        tom.datum(shared)
        tom.deliver()
        tom.clock.forward(days=2)
        with override_settings(SHARECORE_KEEP_ATTEMPTS_DAYS=3, SHARECORE_KEEP_DELIVERED_DAYS=1):
            assert retention.everything()["attempts"] == 0
        assert not Attempt.objects.exists(), "an attempt of what is delivered goes with its answer"

    def test_what_waits_or_needs_a_person_is_left_alone(self, tom: Tom, shared: Any) -> None:
        tom.x.will(Rejected(reason="no such filter", field="bandpass"), times=1)
        tom.x.can_tell = False
        failed, held = tom.datum(shared), tom.datum(shared)
        tom.x.will(Unconfirmed(reason="lost"), times=1)
        tom.deliver()
        tom.deliver(after=1000)
        tom.clock.forward(days=4000)
        retention.everything()
        assert (tom.state(failed), tom.row(failed).reason) == ("failed", "no such filter")
        assert tom.state(held) == "needs_review"

    def test_in_small_steps_by_one_who_remembers_how_far(
        self, tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "STEP", 2)
        monkeypatch.setattr("random.randrange", lambda rows: 0)  # it begins at the first
        tom.data(shared, 5)
        tom.deliver()
        Delivery.objects.update(reason="an answer")
        tom.clock.forward(days=100)
        seconds = [0.0]
        worker = Upkeep(now=lambda: seconds[0])
        left = []
        for _ in range(5):
            worker.step()
            left.append(Delivery.objects.exclude(reason="").count())
        assert left == [3, 1, 0, 0, 0]
        assert not Attempt.objects.exists()
        Delivery.objects.update(reason="another")
        worker.step()
        assert Delivery.objects.exclude(reason="").count() == 5, "it rests for a day"
        seconds[0] = 86401.0
        worker.step()
        assert Delivery.objects.exclude(reason="").count() == 3

    def test_workers_that_live_for_one_step_reach_everything(
        self, tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "STEP", 2)
        tom.data(shared, 6)
        tom.deliver()
        Delivery.objects.update(reason="an answer")
        tom.clock.forward(days=100)
        for _ in range(200):
            Upkeep().step()
        assert not Delivery.objects.exclude(reason="").exists()

    def test_the_command_says_what_it_did(self, tom: Tom, shared: Any) -> None:
        tom.data(shared, 3)
        tom.deliver()
        Worker.objects.create(name="dead:1", runner="thread", seen=tom.clock.now)
        tom.clock.forward(days=31)
        out = StringIO()
        call_command("sharing", "purge", stdout=out)
        assert "0 answers, 3 attempts, 0 calls, 0 rows, 0 outboxes" in out.getvalue()
        assert not Worker.objects.exists()


def _save(tom: Tom, target: Any, row: Any) -> None:
    row.save()


def _rescan(tom: Tom, target: Any, row: Any) -> None:
    Outbox.objects.update(rescanned_at=None)


def _share_anew(tom: Tom, target: Any, row: Any) -> None:
    PersistentShare.objects.all().delete()
    tom.deliver()
    tom.share(target)


def _share_existing(tom: Tom, target: Any, row: Any) -> None:
    tom.share_existing(target)


def _by_hand(tom: Tom, target: Any, row: Any) -> None:
    functions.share_target_and_all_data("x", target, None)


def _made_again(tom: Tom, target: Any, row: Any) -> None:
    row.delete()
    retention.everything()
    row.pk = None
    row.save(force_insert=True)


def _gone_long_ago_and_made_again(tom: Tom, target: Any, row: Any) -> None:
    row.delete()
    tom.deliver(after=100000)
    tom.deliver(after=YEARS)
    retention.everything()
    row.pk = None
    row.save(force_insert=True)


def _restored(tom: Tom, target: Any, row: Any) -> None:
    restored.doubt()


@pytest.mark.parametrize("was_before", [False, True], ids=["delivered", "before"])
@pytest.mark.parametrize(
    "afterwards",
    [
        _save,
        _rescan,
        _share_anew,
        _share_existing,
        _by_hand,
        _made_again,
        _gone_long_ago_and_made_again,
        _restored,
    ],
)
def test_a_purge_never_causes_a_resend(
    tom: Tom, shared: Any, afterwards: Callable[[Tom, Any, Any], None], was_before: bool
) -> None:
    """Whatever anybody does after it."""
    if was_before:
        tom.deliver()
        PersistentShare.objects.all().delete()
        row = tom.datum(shared)
        tom.share(shared)
        tom.deliver()
        wanted = afterwards in (_save, _share_existing, _by_hand)
    else:
        row = tom.datum(shared)
        tom.deliver()
        wanted = True
    tom.clock.forward(seconds=YEARS)
    retention.everything()
    afterwards(tom, shared, row)
    retention.everything()
    tom.deliver()
    tom.deliver(after=1000)
    retention.everything()
    assert quiet(tom)
    assert len(tom.x.received) == (1 if wanted else 0)


class TestGone:
    def test_what_never_left_is_removed_with_its_datum(self, tom: Tom, shared: Any) -> None:
        tom.x.will(Deferred(reason="busy"))
        row = tom.datum(shared)
        tom.deliver()
        row.delete()
        tom.deliver(after=1000)
        assert tom.states() == ["cancelled"]
        retention.everything()
        assert tom.states() == ["cancelled"], "people may look why for a while"
        tom.clock.forward(days=91)
        assert retention.everything()["rows"] == 1
        assert quiet(tom)

    def test_with_its_target_everything_goes_in_the_end(self, tom: Tom, shared: Any) -> None:
        tom.data(shared, 3)
        functions.share_target_with_tom("x", {"target": shared})
        tom.deliver()
        shared.delete()
        tom.deliver(after=100)
        assert not retention.everything()["rows"]
        tom.clock.forward(days=91)
        done = retention.everything()
        assert (done["rows"], done["outboxes"]) == (3, 1)
        assert not OneTimeShare.objects.exists()

    def test_what_moved_without_an_answer_is_looked_up_at_a_target_that_is_long_gone(
        self, tom: Tom, shared: Any
    ) -> None:
        gone = tom.target("gone")
        tom.share(gone)
        tom.clock.forward(days=91)
        tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
        row = tom.datum(gone)
        tom.deliver()
        row.target = shared
        row.save()
        gone.delete()
        tom.x.find_fails = DestinationError("down")
        tom.deliver(after=100)
        assert not retention.everything()["outboxes"]
        tom.x.recover()
        tom.deliver_until_quiet()
        assert tom.x.looked_up[-1].target.names == ("gone",)
        assert tom.states() == ["delivered"]

    def test_a_key_that_the_database_gives_again_means_another_datum(self, tom: Tom, shared: Any) -> None:
        """As after a backup in which the data are older than the ledger."""
        row = tom.datum(shared)
        tom.deliver()
        key = row.pk
        row.delete()
        call_command("sharing", "restored", stdout=StringIO())
        other = tom.datum(shared, pk=key)
        assert tom.deliver() == 1
        assert (tom.state(other), len(tom.x.records)) == ("delivered", 2)
        assert quiet(tom)


class TestInFlight:
    """Deleted while the adapter has it in hand."""

    @pytest.mark.parametrize("what", ["datum", "share", "target", "user"])
    def test_an_answer_that_comes_later_does_no_harm(self, tom: Tom, what: str) -> None:
        target = tom.target()
        user = tom.user(target)
        things: dict[str, Model] = {
            "target": target,
            "user": user,
            "share": tom.share(target, user=user),
            "datum": tom.datum(target),
        }

        def delete_it(record: Record) -> Accepted:
            if things[what].pk:
                things[what].delete()
            return Accepted(remote_id="1")

        tom.x.will(delete_it)
        assert tom.deliver() == 1
        tom.datum(target) if what != "target" else None
        assert tom.deliver(after=1000) == (1 if what == "datum" else 0)
        assert tom.states()[0] == "delivered"
        assert tom.deliver(after=100000) == 0
        tom.clock.forward(days=91)
        retention.everything()
        assert tom.deliver() == 0

    @pytest.mark.parametrize("what", ["datum", "share", "target"])
    def test_and_an_answer_that_does_not_come_sends_nothing_again(self, tom: Tom, what: str) -> None:
        target = tom.target()
        things: dict[str, Model] = {
            "target": target,
            "share": tom.share(target),
            "datum": tom.datum(target),
        }

        def delete_it(record: Record) -> Unconfirmed:
            things[what].delete()
            return Unconfirmed(reason="no answer")

        tom.x.will(delete_it, times=1, stores=True)
        tom.deliver()
        for _ in range(5):
            tom.deliver(after=1000)
        assert tom.states()[0] in ("delivered", "cancelled")
        assert len(tom.x.received) == 1


class TestBackups:
    """The destination is what it was: it has more than the ledger knows, or data are gone that it has."""

    def test_a_dump_that_is_loaded_sends_nothing_again(self, tom: Tom, tmp_path: Path) -> None:
        target = tom.target()
        tom.datum(target)
        tom.share(target)
        tom.data(target, 3)
        assert tom.deliver() == 3
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "tom_targets", "tom_dataproducts", "sharecore", output=str(dump))
        _wipe()
        call_command("loaddata", str(dump), verbosity=0)
        assert quiet(tom)
        assert Outbox.objects.get().share_id == PersistentShare.objects.get().pk
        tom.datum(Target.objects.get())
        assert tom.deliver() == 1

    def test_a_dump_of_shares_and_data_without_a_ledger_shares_what_comes_after(
        self, tom: Tom, tmp_path: Path
    ) -> None:
        target = tom.target()
        tom.share(target)
        tom.data(target, 3)
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "tom_targets", "tom_dataproducts", output=str(dump))
        _wipe()
        call_command("loaddata", str(dump), verbosity=0)
        assert tom.deliver() == 0
        assert tom.states() == ["baseline"] * 3
        tom.datum(Target.objects.get())
        assert tom.deliver() == 1

    def test_data_alone_that_are_loaded_under_a_share_are_shared(self, tom: Tom, tmp_path: Path) -> None:
        target = tom.target()
        tom.data(target, 3)
        dump = tmp_path / "dump.json"
        call_command("dumpdata", "tom_dataproducts", output=str(dump))
        PhotometryReducedDatum.objects.all().delete()
        tom.share(target)
        call_command("loaddata", str(dump), verbosity=0)
        assert tom.deliver() == 3

    def _older_ledger(self, tom: Tom, target: Any, tmp_path: Path) -> None:
        tom.datum(target)
        tom.deliver()
        dump = tmp_path / "ledger.json"
        call_command("dumpdata", "sharecore", output=str(dump))
        waiting = tom.datum(target)
        tom.deliver()
        assert len(tom.x.received) == 2
        Delivery.objects.all().delete()
        Outbox.objects.all().delete()
        call_command("loaddata", str(dump), verbosity=0)
        tom.clock.forward(seconds=1000)
        assert not Delivery.objects.filter(datum_pk=waiting.pk).exists()

    def test_a_ledger_older_than_the_data_offers_again_what_the_destination_has(
        self, tom: Tom, shared: Any, tmp_path: Path
    ) -> None:
        """Nothing is lost; that it is there already is the destination's to say, and it says so."""
        self._older_ledger(tom, shared, tmp_path)
        assert tom.deliver() == 1
        assert tom.states() == ["delivered"] * 2
        assert len(tom.x.records) == 2

    def test_unless_it_is_told_so_and_asks_first(self, tom: Tom, shared: Any, tmp_path: Path) -> None:
        self._older_ledger(tom, shared, tmp_path)
        new = tom.datum(shared)
        out = StringIO()
        call_command("sharing", "restored", stdout=out)
        assert "2 records" in out.getvalue()
        tom.deliver()
        tom.deliver(after=1000)
        assert tom.states() == ["delivered"] * 3
        assert tom.state(new) == "delivered"
        assert not tom.x.repeated
        assert quiet(tom)

    def test_a_destination_that_cannot_be_asked_leaves_it_to_a_person(
        self, tom: Tom, shared: Any, tmp_path: Path
    ) -> None:
        tom.x.can_tell = False
        self._older_ledger(tom, shared, tmp_path)
        restored.doubt()
        tom.deliver()
        assert tom.states() == ["delivered", "needs_review"]
        assert len(tom.x.received) == 2

    def test_data_older_than_the_ledger(self, tom: Tom, shared: Any) -> None:
        """The data of today are gone from the TOM; observed again, they are not sent again."""
        rows = tom.data(shared, 2)
        tom.deliver()
        PhotometryReducedDatum.objects.filter(pk=rows[1].pk).delete()
        retention.everything()
        again = PhotometryReducedDatum.objects.get(pk=rows[0].pk)
        assert tom.state(again) == "delivered"
        rows[1].pk = None
        rows[1].save(force_insert=True)
        assert quiet(tom)
        assert len(tom.x.received) == 2


def _wipe() -> None:
    for model in (Attempt, Delivery, OneTimeShare, Outbox):
        model.objects.all().delete()
    Target.objects.all().delete()
    assert not PersistentShare.objects.exists()
