"""What another site sends as a batch is stored once, and each record gets its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.signals import post_save, pre_save
from django.test.utils import CaptureQueriesContext
from tom_dataproducts.models import PhotometryReducedDatum, ReducedDatum
from tom_targets.models import TargetName

from sharecore import Kind, OtherDatum, PhotometryLimit, RecordKey, Spectrum
from sharecore.testing.examples import RECORDS, SITE, START, example_record, example_records
from tom.conftest import Tom
from tom.incoming import Sender, entry, outcomes, rows
from tom_integration import site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.row_to_record import record_of
from tom_integration.models import InboxRecord

THIRD = {"origin": "3c6c1f0e-0000-4000-8000-00000000000c", "name": "Third TOM"}
UNSUITABLE = {
    "no bandpass": "bandpass",
    "very long text": "instrument",
}
"""Example records that a TOM has no room for, and the field that is to blame."""


def row_named(answer: dict[str, Any]) -> Any:
    model, pk = answer["id"].split("/")
    return DATUM_MODELS[model]._default_manager.get(pk=pk)


class TestContent:
    @pytest.mark.parametrize("name", [name for name in RECORDS if name not in UNSUITABLE])
    def test_arrives_as_it_was(self, sender: Sender, target: Any, name: str) -> None:
        (answer,) = sender.send(target.name, RECORDS[name])
        assert answer["outcome"] == "accepted", answer
        row = row_named(answer)
        assert row.target_id == target.pk
        assert replace(record_of(row, origin=""), key=RECORDS[name].key) == RECORDS[name]

    @pytest.mark.parametrize("name", UNSUITABLE)
    def test_no_room(self, sender: Sender, target: Any, name: str) -> None:
        (answer,) = sender.send(target.name, RECORDS[name])
        assert (answer["outcome"], answer["field"]) == ("rejected", UNSUITABLE[name])
        assert answer["reason"]
        assert not rows()

    @pytest.mark.parametrize(
        ("record", "field"),
        [
            (example_record(telescope="a\0b"), "telescope"),
            (example_record(extra={"note": ["a\0b"]}), "extra"),
            (example_record(extra={"a\0b": 1}), "extra"),
            (example_record(unit="u" * 33), "unit"),
            (example_record(Spectrum, flux=(1.0, None, 2.0), wavelength=(1.0, 2.0, 3.0)), "flux"),
            (example_record(OtherDatum, data_type=""), "data_type"),
            (example_record(OtherDatum, data_type="Photometry"), "data_type"),
        ],
    )
    def test_what_no_database_or_tom_stores(
        self, sender: Sender, target: Any, record: Any, field: str
    ) -> None:
        good = example_record()
        bad, other = sender.send(target.name, record, good)
        assert (bad["outcome"], bad["field"]) == ("rejected", field)
        assert other["outcome"] == "accepted"
        assert len(rows()) == 1

    def test_one_bad_record_keeps_none_of_the_others_out(self, sender: Sender, target: Any) -> None:
        good = [example_record(), example_record()]
        bad = entry(example_record(), brightness="bright")
        answers = sender.send(target.name, records=[entry(good[0]), bad, entry(good[1])])
        assert outcomes(answers) == ["accepted", "rejected", "accepted"]
        assert answers[1] == {
            "key": bad["key"],
            "outcome": "rejected",
            "id": "",
            "field": "brightness",
            "reason": "must be a number, got a text",
        }

    def test_spectra_of_many_points(self, sender: Sender, target: Any) -> None:
        values = tuple(float(n) for n in range(300))
        spectrum = example_record(Spectrum, flux=values, wavelength=values, error=())
        assert outcomes(sender.send(target.name, spectrum)) == ["accepted"]

    def test_a_spectrum_that_postgresql_has_no_room_for(self, sender: Sender, target: Any) -> None:
        """Its flux is in an index of tomtoolkit 3.1.0, whose entries PostgreSQL limits; SQLite takes it."""
        import random

        chance = random.Random(1)  # noqa: S311
        flux = tuple(chance.random() for _ in range(3000))
        answers = sender.send(target.name, example_record(Spectrum, flux=flux), example_record())
        expected = "rejected" if connection.vendor == "postgresql" else "accepted"
        assert outcomes(answers) == [expected, "accepted"]


class TestOnce:
    def test_the_same_batch_again_changes_nothing(self, sender: Sender, target: Any) -> None:
        records = [record for name, record in example_records().items() if name not in UNSUITABLE]
        first = sender.send(target.name, *records)
        before = [row.__dict__ for row in rows()]
        again = sender.send(target.name, *records)
        assert set(outcomes(first)) == {"accepted"}
        assert set(outcomes(again)) == {"duplicate"}
        assert [each["id"] for each in first] == [each["id"] for each in again]
        assert [_plain(row.__dict__) for row in rows()] == [_plain(row) for row in before]
        assert InboxRecord.objects.count() == len(records)

    def test_a_key_twice_in_a_batch(self, sender: Sender, target: Any) -> None:
        record = example_record()
        other = replace(record, brightness=19.0)
        answers = sender.send(target.name, record, record, other)
        assert outcomes(answers) == ["accepted", "duplicate", "rejected"]
        assert answers[0]["id"] == answers[1]["id"]
        assert answers[2]["field"] == "key"
        assert len(rows()) == 1

    def test_one_observation_under_two_keys_in_a_batch(self, sender: Sender, target: Any) -> None:
        record = example_record()
        same = replace(record, key=replace(record.key, id="another"))
        assert outcomes(sender.send(target.name, record, same)) == ["accepted", "duplicate"]
        assert outcomes(sender.send(target.name, same)) == ["duplicate"]
        other = replace(record, key=replace(record.key, id="third"), brightness_error=0.5)
        record, other = (replace(each, timestamp=START) for each in (record, other))
        again = replace(record, key=replace(record.key, id="fourth"))
        answers = sender.send(target.name, again, other)
        assert outcomes(answers) == ["accepted", "rejected"]
        assert answers[1]["field"] == "brightness_error"
        assert len(rows()) == 2

    def test_what_the_target_has_already(self, tom: Tom, sender: Sender, target: Any) -> None:
        datum = tom.datum(target, limit=21.0, instrument="fa12")
        record = replace(
            record_of(datum, origin=SITE.origin),
            key=RecordKey(kind=Kind.PHOTOMETRY, origin=SITE.origin, id="1"),
        )
        (answer,) = sender.send(target.name, record)
        assert (answer["outcome"], answer["id"]) == ("duplicate", f"photometryreduceddatum/{datum.pk}")
        (answer,) = sender.send(target.name, replace(record, brightness=12.0))
        assert (answer["outcome"], answer["field"]) == ("rejected", "key")
        new = replace(record, key=replace(record.key, id="2"), brightness_error=0.3, source_name="elsewhere")
        (answer,) = sender.send(target.name, new)
        assert (answer["outcome"], answer["field"]) == ("rejected", "brightness_error"), "never swallowed"
        datum.refresh_from_db()
        assert datum.brightness != 12.0

    def test_a_generic_row_from_tomtoolkit_2(self, sender: Sender, target: Any) -> None:
        record = example_record(reduction_version="v2")
        ReducedDatum.objects.create(
            target=target,
            data_type="photometry",
            timestamp=record.timestamp,
            value={"magnitude": 18.5, "filter": "r", "error": 0.02, "unit": "mag(AB)"},
            telescope="1m0",
            instrument="fa12",
        )
        assert outcomes(sender.send(target.name, record)) == ["duplicate"]

    @pytest.mark.parametrize(
        ("first", "second", "field"),
        [
            (example_record(limit=21.0), {"limit": 22.0}, "brightness"),
            (example_record(limit=21.0), {"brightness": 12.0}, "limit"),
            (example_record(OtherDatum), {"telescope": "2m0"}, "value"),
        ],
    )
    @pytest.mark.parametrize("together", [True, False])
    def test_two_that_the_tom_cannot_hold_together(
        self, sender: Sender, target: Any, first: Any, second: dict[str, Any], field: str, together: bool
    ) -> None:
        other = replace(first, key=replace(first.key, id="another"), **second)
        if together:
            answers = sender.send(target.name, first, other)
        else:
            answers = sender.send(target.name, first) + sender.send(target.name, other)
        assert outcomes(answers) == ["accepted", "rejected"]
        assert answers[1]["field"] == field

    def test_a_key_is_unique_among_the_data_of_a_target(self, tom: Tom, target: Any) -> None:
        """Two targets on one exposure have limits that differ in nothing, and so have their keys."""
        other = tom.target("SN 2026xyz")
        sender = Sender(tom.user(target, other))
        record = example_record(PhotometryLimit)
        assert outcomes(sender.send(target.name, record)) == ["accepted"]
        assert outcomes(sender.send(other.name, record)) == ["accepted"]
        assert outcomes(sender.send(other.name, record)) == ["duplicate"]
        assert sorted(row.target_id for row in rows()) == [target.pk, other.pk]

    def test_a_record_of_our_own_comes_back(self, tom: Tom, sender: Sender, target: Any) -> None:
        datum = tom.datum(target)
        record = record_of(datum, origin=site.origin())
        assert outcomes(sender.send(target.name, record)) == ["duplicate"]
        assert len(rows()) == 1
        assert not InboxRecord.objects.exists()

    def test_saved_by_another_hand_meanwhile(
        self, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between our look and our insert somebody saves one of the records in another way."""
        from tom_integration.inbox import store

        records = [example_record(), example_record(), example_record()]
        real = store.insert

        def late(rows: list[Any], events: Any) -> Any:
            twin = rows[1]
            PhotometryReducedDatum.objects.bulk_create(
                [
                    PhotometryReducedDatum(
                        **{f.attname: getattr(twin, f.attname) for f in twin._meta.concrete_fields}
                    )
                ]
            )
            return real(rows, events)

        monkeypatch.setattr(store, "insert", late)
        answers = sender.send(target.name, *records)
        assert outcomes(answers) == ["accepted", "duplicate", "accepted"]
        assert answers[1]["id"]
        assert len(rows()) == 3


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "_state"}


class TestRevisions:
    def test_the_datum_is_changed(self, sender: Sender, target: Any) -> None:
        record = example_record()
        (first,) = sender.send(target.name, record)
        new = replace(record, brightness=19.25, brightness_error=None, extra={"airmass": 1.2})
        (answer,) = sender.send(target.name, new)
        assert (answer["outcome"], answer["id"]) == ("revised", first["id"])
        assert replace(record_of(row_named(answer), origin=""), key=record.key) == new
        assert outcomes(sender.send(target.name, new)) == ["duplicate"]
        assert outcomes(sender.send(target.name, replace(new, bandpass="g"))) == ["revised"]
        assert len(rows()) == 1

    def test_edited_here_by_a_person(self, sender: Sender, target: Any) -> None:
        record = example_record()
        (answer,) = sender.send(target.name, record)
        row = row_named(answer)
        row.brightness = 3.0
        row.save()
        (answer,) = sender.send(target.name, replace(record, brightness=19.0))
        assert (answer["outcome"], answer["field"]) == ("rejected", "key")
        assert "edited here" in answer["reason"]
        row.refresh_from_db()
        assert row.brightness == 3.0

    def test_what_its_observer_brought_no_other_site_changes(self, sender: Sender, target: Any) -> None:
        record = example_record()
        sender.send(target.name, record)
        (answer,) = sender.send(target.name, replace(record, brightness=19.0), site=THIRD)
        assert (answer["outcome"], answer["field"]) == ("rejected", "key")

    def test_what_a_site_in_between_brought(self, sender: Sender, target: Any) -> None:
        record = example_record()
        sender.send(target.name, record, site=THIRD)
        assert outcomes(sender.send(target.name, replace(record, brightness=19.0), site=THIRD)) == ["revised"]
        assert outcomes(sender.send(target.name, replace(record, brightness=20.0))) == ["revised"]

    def test_into_what_another_datum_is(self, sender: Sender, target: Any) -> None:
        one, other = example_record(), example_record(brightness=20.0)
        other = replace(other, timestamp=one.timestamp)
        sender.send(target.name, one, other)
        answers = sender.send(target.name, replace(other, brightness=one.brightness), example_record())
        assert outcomes(answers) == ["rejected", "accepted"]
        assert answers[0]["field"] == "brightness"

    def test_revision_that_the_tom_has_no_room_for(self, sender: Sender, target: Any) -> None:
        record = example_record()
        sender.send(target.name, record)
        (answer,) = sender.send(target.name, replace(record, bandpass=""))
        assert (answer["outcome"], answer["field"]) == ("rejected", "bandpass")
        assert rows()[0].bandpass == "r"

    def test_a_spectrum_with_a_blank(self, sender: Sender, target: Any) -> None:
        record = example_record(Spectrum, flux=(1.0, 2.0), wavelength=(1.0, 2.0), error=())
        sender.send(target.name, record)
        (answer,) = sender.send(target.name, replace(record, flux=(None, 2.0)))
        assert (answer["outcome"], answer["field"]) == ("rejected", "flux")


class TestMoves:
    def test_made_again_under_another_key(self, sender: Sender, target: Any) -> None:
        record = example_record()
        (answer,) = sender.send(target.name, record)
        row = row_named(answer)
        row.delete()
        row.pk = None
        row.save()
        (answer,) = sender.send(target.name, record)
        assert (answer["outcome"], answer["id"]) == ("duplicate", f"photometryreduceddatum/{row.pk}")
        assert InboxRecord.objects.get().datum_pk == row.pk

    def test_moved_to_another_target(self, tom: Tom, target: Any) -> None:
        """As a merge of targets does: the old one becomes an alias of the other."""
        record = example_record()
        other = tom.target("SN 2026xyz")
        sender = Sender(tom.user(target, other))
        sender.send(target.name, record)
        PhotometryReducedDatum.objects.update(target=other)
        target.delete()
        TargetName.objects.create(target=other, name="SN 2026abc")
        assert outcomes(sender.send("SN 2026abc", record)) == ["duplicate"]
        assert outcomes(sender.send("SN 2026abc", replace(record, brightness=19.0))) == ["revised"]
        assert len(rows()) == 1

    def test_deleted_here_and_sent_again(self, sender: Sender, target: Any) -> None:
        record = example_record()
        (answer,) = sender.send(target.name, record)
        row_named(answer).delete()
        assert outcomes(sender.send(target.name, record)) == ["accepted"]
        assert len(rows()) == InboxRecord.objects.count() == 1


class TestSignals:
    @pytest.fixture
    def heard(self) -> Iterator[list[tuple[Any, bool, bool]]]:
        calls: list[tuple[Any, bool, bool]] = []

        def listen(sender: Any, instance: Any, created: bool, raw: bool, **_: Any) -> None:
            calls.append((instance.pk, created, raw))

        post_save.connect(listen, sender=PhotometryReducedDatum)
        yield calls
        post_save.disconnect(listen, sender=PhotometryReducedDatum)

    def test_as_saving_would(self, tom: Tom, sender: Sender, target: Any, heard: list[Any]) -> None:
        record = example_record()
        (answer,) = sender.send(target.name, record)
        pk = row_named(answer).pk
        tom.commit()
        sender.send(target.name, record)
        sender.send(target.name, replace(record, brightness=19.0))
        tom.commit()
        assert heard == [(pk, True, False), (pk, False, False)]

    def test_a_receiver_that_fails(self, tom: Tom, sender: Sender, target: Any, heard: list[Any]) -> None:
        def fail(**_: Any) -> None:
            raise RuntimeError("a bug of another app")

        post_save.connect(fail, sender=PhotometryReducedDatum)
        try:
            assert outcomes(sender.send(target.name, example_record())) == ["accepted"]
            tom.commit()
        finally:
            post_save.disconnect(fail, sender=PhotometryReducedDatum)
        assert len(heard) == 1

    def test_a_receiver_that_forbids(self, sender: Sender, target: Any) -> None:
        def forbid(instance: Any, **_: Any) -> None:
            if instance.bandpass == "U":
                raise ValidationError("no U band here")

        pre_save.connect(forbid, sender=PhotometryReducedDatum)
        try:
            answers = sender.send(target.name, example_record(bandpass="U"), example_record())
        finally:
            pre_save.disconnect(forbid, sender=PhotometryReducedDatum)
        assert outcomes(answers) == ["rejected", "accepted"]
        assert answers[0]["reason"] == "no U band here"

    def test_our_own_shares_go_on(self, tom: Tom, sender: Sender, target: Any) -> None:
        tom.share(target, "x")
        record = example_record()
        sender.send(target.name, record)
        assert tom.deliver() == 1
        (arrived,) = tom.x.records
        assert arrived.brightness == record.brightness


class TestSpeed:
    def test_few_queries_whatever_the_number(self, sender: Sender, target: Any) -> None:
        def count(number: int) -> int:
            records = [example_record(timestamp=START + timedelta(days=next(days))) for _ in range(number)]
            with CaptureQueriesContext(connection) as queries:
                sender.send(target.name, *records)
            return len(queries)

        days = iter(range(10_000))
        few, many = count(10), count(100)
        assert many <= few + 10, "two inserts of some dozen rows each, on SQLite"
        assert few < 30


@pytest.mark.parametrize("number", [1e23, 1.7976931348623157e308, 2**53 + 1, -0.0])
def test_any_number_can_be_revised(tom: Tom, number: float) -> None:
    """Also where the database writes it in another way."""
    target = tom.target()
    sender = Sender(tom.user(target))
    record = replace(example_record(OtherDatum), extra={"a": number})
    assert outcomes(sender.send(target.name, record)) == ["accepted"]
    again = replace(record, key=replace(record.key, id="again"))
    assert outcomes(sender.send(target.name, again)) == ["duplicate"]
    assert outcomes(sender.send(target.name, replace(record, extra={"a": number, "b": 1}))) == ["revised"]
