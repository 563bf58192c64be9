"""Data are moved and made again under other keys by tomtoolkit itself: nothing is sent twice for that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from tom_dataproducts.models import PhotometryReducedDatum, ReducedDatum, SpectroscopyReducedDatum
from tom_targets.merge import target_merge

from sharecore import Absent, Deferred, DestinationError, Unconfirmed
from tom.deaths import Died
from tom_integration import wake_up
from tom_integration.models import Delivery, Outbox
from tom_integration.services import resolve
from tom_integration.services.replay_lost import Replay

if TYPE_CHECKING:
    from tom.conftest import Tom

NEVER = "before the worker has looked at the share"


def generic(tom: Tom, target: Any, number: int) -> list[ReducedDatum]:
    """Rows as a TOM of tomtoolkit 2.x stored them."""
    values: list[tuple[str, dict[str, Any]]] = [
        ("photometry", {"magnitude": 18.5, "error": 0.02, "filter": "r", "telescope": "1m0", "seeing": 1.2}),
        ("photometry", {"limit": 21.5, "filter": "r"}),
        ("photometry", {"mag": 17.0, "band": "g", "reduction_version": "v3"}),
        ("spectroscopy", {"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0], "flux_units": "erg"}),
        ("astrometry", {"ra": 10.5, "dec": -20.25, "instrument": "cam"}),
        ("photometry", {"brightness": "16.25", "bandpass": "i", "exposure_time": 30}),
    ]
    rows = []
    for index in range(number):
        data_type, value = values[index % len(values)]
        when = tom.clock.now - timedelta(days=index)
        rows.append(
            ReducedDatum.objects.create(
                target=target, timestamp=when, data_type=data_type, value=value, source_name="survey"
            )
        )
    return rows


def migrate() -> None:
    call_command("migrate_reduced_datums", verbosity=0)
    assert not ReducedDatum.objects.filter(
        data_type__in=("photometry", "spectroscopy", "astrometry")
    ).exists()
    assert PhotometryReducedDatum.objects.exists()


class TestMigrateReducedDatums:
    def test_what_was_delivered(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        generic(tom, target, 6)
        assert tom.deliver() == 6
        migrate()
        assert tom.deliver() == 0
        assert tom.deliver(after=200000) == 0
        assert tom.states() == ["delivered"] * 6
        assert len(tom.x.received) == 6

    @pytest.mark.parametrize("looked", [True, False])
    def test_what_was_there_before_the_share(self, tom: Tom, looked: bool) -> None:
        target = tom.target()
        generic(tom, target, 6)
        tom.share(target)
        if looked:
            tom.deliver()
        migrate()
        assert tom.deliver() == 0
        assert tom.deliver(after=200000) == 0
        assert tom.states() == ["baseline"] * 6
        new = tom.datum(target)
        assert tom.deliver() == 1
        assert tom.state(new) == "delivered"

    def test_what_waits_is_sent_once(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        generic(tom, target, 6)
        tom.x.will(Deferred(reason="busy"), times=6)
        tom.deliver()
        migrate()
        tom.deliver_until_quiet()
        assert len(tom.x.received) == 6
        assert set(tom.states()) == {"delivered"}

    def test_what_nobody_knows_the_fate_of_is_found_and_not_sent_again(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        generic(tom, target, 6)
        tom.x.will(Unconfirmed(reason="no answer"), times=6, stores=True)
        tom.deliver()
        migrate()
        tom.deliver_until_quiet()
        assert len(tom.x.received) == 6
        assert set(tom.states()) == {"delivered"}

    def test_half_way_through(self, tom: Tom) -> None:
        """The typed rows are there, the generic ones are not deleted yet."""
        target = tom.target()
        tom.share(target)
        (row, *_) = generic(tom, target, 1)
        tom.deliver()
        PhotometryReducedDatum.objects.create(
            target=target, timestamp=row.timestamp, brightness=18.5, brightness_error=0.02, bandpass="r",
            telescope="1m0", source_name="survey",
        )  # fmt: skip
        assert tom.deliver() == 0
        migrate()
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert len(tom.x.received) == 1

    def test_an_edit_after_it_is_still_seen(self, tom: Tom) -> None:
        target = tom.target()
        tom.x.can_update = True
        tom.share(target)
        generic(tom, target, 1)
        tom.deliver()
        migrate()
        tom.deliver()
        row = PhotometryReducedDatum.objects.get()
        row.brightness_error = 0.5
        row.save()
        assert tom.deliver() == 1
        assert len(tom.x.records) == 1
        assert tom.x.records[0].brightness_error == 0.5  # type: ignore[union-attr]


class TestTargetMerge:
    @pytest.fixture(params=["with its hints", "with its hints lost"])
    def merge(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tom: Tom) -> Any:
        def merged(primary: Any, secondary: Any) -> None:
            tom.commit()
            with monkeypatch.context() as patch:
                if request.param == "with its hints lost":
                    patch.setattr(wake_up, "hint", lambda *args: None)
                target_merge(primary, secondary)

        return merged

    def test_what_was_delivered(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        for target in (primary, secondary):
            tom.share(target)
            tom.data(target, 3)
        assert tom.deliver() == 6
        merge(primary, secondary)
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert tom.states() == ["delivered"] * 6
        assert set(Delivery.objects.values_list("outbox__target_id", flat=True)) == {primary.pk}

    def test_what_waits_is_sent_once_for_the_target_that_is_left(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target("left"), tom.target("gone")
        for target in (primary, secondary):
            tom.share(target)
            tom.data(target, 3)
        tom.x.will(Deferred(reason="busy"), times=6)
        tom.deliver()
        merge(primary, secondary)
        tom.deliver_until_quiet()
        assert len(tom.x.received) == 6
        assert tom.states() == ["delivered"] * 6
        assert {batch.target.name for batch in tom.x.calls[2:]} == {"left"}

    def test_data_of_a_target_that_was_not_shared_are_new(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        tom.share(primary)
        tom.data(primary, 1)
        tom.data(secondary, 3)
        tom.deliver()
        merge(primary, secondary)
        assert tom.deliver() == 3

    def test_data_from_before_the_share_of_the_target_that_is_left(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        tom.data(primary, 3)
        tom.share(primary)
        tom.share(secondary)
        merge(primary, secondary)
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert tom.states() == ["baseline"] * 3

    def test_into_a_target_that_is_not_shared(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        tom.share(secondary)
        tom.data(secondary, 2)
        tom.x.will(Deferred(reason="busy"), times=2)
        tom.deliver()
        merge(primary, secondary)
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert tom.states() == ["cancelled"] * 2
        # Shared later, its data are those from before.
        tom.share(primary)
        assert tom.deliver(after=1000) == 0
        assert tom.states() == ["baseline"] * 2

    def test_the_same_datum_on_both(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        for target in (primary, secondary):
            tom.share(target)
            tom.datum(target, timestamp=tom.clock.now - timedelta(days=1), brightness=18.0)
        tom.clock.now -= timedelta(microseconds=1)
        tom.deliver()
        merge(primary, secondary)
        for _ in range(3):
            assert tom.deliver(after=90000) == 0

    @pytest.mark.parametrize("answer", ["stored", "deferred"])
    @pytest.mark.parametrize("also_shared", [True, False])
    def test_while_a_call_is_under_way(self, tom: Tom, merge: Any, answer: str, also_shared: bool) -> None:
        """Its rows are at the other target now, in the hand of a sender that is alive."""
        primary, secondary = tom.target("left"), tom.target("gone")
        for target in (primary, secondary)[not also_shared :]:
            tom.share(target)
        tom.x.can_tell = False
        data = tom.data(secondary, 2)

        def meanwhile(record: Any) -> Any:
            merge(primary, secondary)
            tom.share(primary) if not also_shared else None
            assert tom.deliver() == 0
            assert {tom.state(datum) for datum in data} == {"sending"}
            return tom.x.store(record) if answer == "stored" else Deferred(reason="busy")

        tom.x.will(meanwhile, times=1)
        tom.deliver()
        tom.deliver_until_quiet()
        assert tom.states() == ["delivered"] * 2
        assert len(tom.x.received) == 2
        assert not tom.x.repeated

    def test_while_a_call_is_under_way_whose_sender_dies(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target("left"), tom.target("gone")
        for target in (primary, secondary):
            tom.share(target)
        tom.data(secondary, 1)

        def meanwhile(record: Any) -> Any:
            merge(primary, secondary)
            tom.deliver()
            tom.x.store(record)
            raise Died

        tom.x.will(meanwhile, times=1)
        with pytest.raises(Died):
            tom.deliver()
        tom.deliver_until_quiet(hours=1)
        assert tom.states() == ["delivered"]
        assert len(tom.x.received) == 1

    def test_what_nobody_knows_the_fate_of(self, tom: Tom, merge: Any) -> None:
        primary, secondary = tom.target(), tom.target()
        for target in (primary, secondary):
            tom.share(target)
            tom.data(target, 2)
        tom.x.will(Unconfirmed(reason="no answer"), times=4, stores=True)
        tom.deliver()
        merge(primary, secondary)
        tom.deliver_until_quiet()
        assert len(tom.x.received) == 4
        assert set(tom.states()) == {"delivered"}


class TestWhereItWasSentTo:
    """Data that have moved to another target since they were sent are looked up at the one that they had."""

    @pytest.fixture(params=["merged", "moved", "moved, and the target deleted"])
    def targets(self, request: pytest.FixtureRequest, tom: Tom) -> Any:
        """Two targets that are shared, and what leads the data of the second to the first."""
        first, second = tom.target("first"), tom.target("second")
        for target in (first, second):
            tom.share(target)

        def lead() -> None:
            if request.param == "merged":
                target_merge(first, second)
                return
            PhotometryReducedDatum.objects.filter(target=second).update(target=first)
            wake_up.name_data(first.pk, PhotometryReducedDatum.objects.filter(target=first))
            if request.param != "moved":
                second.delete()

        return first, second, lead

    @pytest.mark.parametrize("stored", [True, False])
    def test_without_an_answer(self, tom: Tom, targets: Any, stored: bool) -> None:
        _, second, lead = targets
        tom.data(second, 2)
        tom.x.will(Unconfirmed(reason="no answer"), times=2, stores=stored)
        tom.deliver()
        lead()
        tom.deliver_until_quiet()
        (asked,) = tom.x.looked_up
        assert asked.moved
        assert "second" in asked.target.names
        assert tom.states() == ["delivered"] * 2
        assert [batch.target.name for batch in tom.x.calls] == ["second"] + ["first"] * (not stored)

    @pytest.mark.parametrize("noticed", [True, False])
    def test_moved_again(self, tom: Tom, targets: Any, noticed: bool) -> None:
        first, second, lead = targets
        third = tom.target("third")
        tom.share(third)
        data = tom.data(second, 2)
        tom.x.will(Unconfirmed(reason="no answer"), times=2, stores=True)
        tom.deliver()
        lead()
        if noticed:
            tom.deliver()
        PhotometryReducedDatum.objects.filter(target=first).update(target=third)
        wake_up.name_data(third.pk, data)
        tom.deliver_until_quiet()
        (asked,) = tom.x.looked_up
        assert asked.moved
        assert asked.target.names == ("second",)
        assert tom.states() == ["delivered"] * 2
        assert [batch.target.name for batch in tom.x.calls] == ["second"]

    @pytest.mark.parametrize("then", ["refused for now", "not sent", "without an answer"])
    def test_moved_after_the_destination_said_that_it_may_be_sent_again(
        self, tom: Tom, targets: Any, then: str
    ) -> None:
        """A stock TOM keeps a datum once that it gets twice, but not under two targets."""
        _, second, lead = targets
        tom.data(second, 2)
        tom.x.will(Unconfirmed(reason="no answer"), times=2, stores=True)
        answers = {"refused for now": Deferred(reason="busy"), "not sent": DestinationError("down")}
        tom.x.will(answers.get(then, Unconfirmed(reason="no answer")), times=2)
        tom.deliver()
        tom.x.find_answers = [Absent(), Absent()]
        tom.deliver(after=61)
        assert len(tom.x.calls) == 2
        lead()
        tom.x.recover()
        tom.deliver_until_quiet()
        assert [asked.moved for asked in tom.x.looked_up] == [False, True]
        assert "second" in tom.x.looked_up[1].target.names
        assert tom.states() == ["delivered"] * 2
        assert [batch.target.name for batch in tom.x.calls] == ["second"] * 2

    def test_what_has_never_arrived_is_not_asked_for(self, tom: Tom, targets: Any) -> None:
        _, second, lead = targets
        tom.data(second, 2)
        tom.x.will(Deferred(reason="busy"), times=2)
        tom.deliver()
        lead()
        tom.deliver_until_quiet()
        assert not tom.x.looked_up
        assert tom.states() == ["delivered"] * 2

    def test_a_person_says_that_it_has_not_arrived(self, tom: Tom, targets: Any) -> None:
        _, second, lead = targets
        tom.x.can_tell = False
        datum = tom.datum(second)
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.deliver_until_quiet()
        lead()
        tom.deliver()
        resolve.resolve(tom.row(datum), arrived=False, by="somebody")
        tom.deliver_until_quiet()
        assert tom.states() == ["delivered"]
        assert [batch.target.name for batch in tom.x.calls] == ["second", "first"]

    def test_again_without_an_answer_it_is_looked_up_at_the_new_one(self, tom: Tom, targets: Any) -> None:
        _, second, lead = targets
        tom.data(second, 1)
        tom.x.will(Unconfirmed(reason="no answer"), times=2, stores=False)
        tom.deliver()
        lead()
        tom.deliver_until_quiet()
        assert [asked.moved for asked in tom.x.looked_up] == [True, False]
        assert tom.states() == ["delivered"]

    def test_what_its_adapter_noted_of_that_target_is_in_its_hand(self, tom: Tom, targets: Any) -> None:
        first, second, lead = targets
        for target in (first, second):
            tom.data(target, 1)
        tom.deliver()
        pk = second.pk
        notes = {
            target.pk: {**tom.outbox(target).adapter_state, "id": target.pk} for target in (first, second)
        }
        for target_id, state in notes.items():
            Outbox.objects.filter(target_id=target_id).update(adapter_state=state)
        tom.data(second, 1)
        tom.x.will(Unconfirmed(reason="no answer"), times=1)
        tom.deliver()
        lead()
        tom.deliver_until_quiet()
        assert [asked.state["id"] for asked in tom.x.looked_up] == [pk]
        assert tom.outbox(first).adapter_state["id"] == first.pk

    def test_sent_again_after_the_destination_has_lost_it(self, tom: Tom, targets: Any) -> None:
        first, second, lead = targets
        since = tom.clock.now
        for target in (first, second):
            tom.data(target, 1)
        tom.deliver()
        lead()
        tom.deliver()
        assert Replay(since=since).send_again().number == 2
        tom.deliver()
        assert sorted(asked.moved for asked in tom.x.looked_up if asked.records) == [False, True]
        assert len(tom.x.received) == 2


class TestMadeAgainUnderAnotherKey:
    def again(self, row: Any) -> Any:
        fields = {
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if not field.primary_key
        }
        pk = row.pk
        row.delete()
        return type(row).objects.create(id=pk + 1000, **fields)

    def test_what_was_delivered(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        row = tom.datum(target)
        spectrum = SpectroscopyReducedDatum.objects.create(
            target=target, flux=[1.5, 2.5], wavelength=[1.0, 2.0]
        )
        tom.deliver()
        again = [self.again(row), self.again(spectrum)]
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert [tom.state(each) for each in again] == ["delivered", "delivered"]

    @pytest.mark.parametrize("looked", [True, False])
    def test_what_was_there_before_the_share(self, tom: Tom, looked: bool) -> None:
        target = tom.target()
        rows = tom.data(target, 3)
        tom.share(target)
        if looked:
            tom.deliver()
        again = [self.again(row) for row in rows]
        for _ in range(3):
            assert tom.deliver(after=90000) == 0
        assert {tom.state(each) for each in again} == {"baseline"}

    def test_after_its_deletion_was_noticed(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        row = tom.datum(target)
        tom.deliver()
        fields = {"timestamp": row.timestamp, "brightness": row.brightness}
        row.delete()
        tom.deliver(after=90000)
        again = tom.datum(target, **fields)
        assert tom.deliver() == 0
        assert tom.state(again) == "delivered"

    def test_other_content_at_the_same_time_is_new(self, tom: Tom) -> None:
        target = tom.target()
        row = tom.datum(target)
        tom.share(target)
        tom.deliver()
        row.delete()
        tom.datum(target, timestamp=row.timestamp, brightness=12.0)
        assert tom.deliver() == 1

    def test_a_withheld_duplicate_stays_at_home_when_the_rules_change(self, tom: Tom) -> None:
        from django.test import override_settings

        target = tom.target()
        tom.share(target)
        fields = {"target": target, "timestamp": tom.clock.now, "data_type": "spin", "value": {"period": 1.0}}
        ReducedDatum.objects.bulk_create([ReducedDatum(**fields), ReducedDatum(**fields)])
        tom.deliver()
        tom.deliver(after=90000)
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "new"}}):
            tom.datum(target)
            tom.deliver(after=90000)
        assert len(tom.x.received) == 2
