"""One cell, row or file that is wrong costs only itself, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db.models import Q
from django.test import Client
from django.utils import timezone
from tom_dataproducts.models import DataProduct, PhotometryReducedDatum, ReducedDatum
from tom_targets.models import TargetExtra

from sharecore import DataFile, InvalidRecord, OtherDatum, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.delivery import State
from sharecore.filters import Filter
from sharecore.records import Kind
from tom_integration.mapping.row_to_record import record_of
from tom_integration.mapping.shareable_rows import shareable_of
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import OneTimeShare, Outbox, write_filter
from tom_integration.outbox import open_outboxes

if TYPE_CHECKING:
    from tom.conftest import Tom

NIGHT = datetime(2026, 3, 1, tzinfo=UTC)
NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture
def plugins() -> Iterable[object]:
    return ()


def generic(data_type: str = "photometry", **value: Any) -> Record:
    """The record of a row of a TOM that comes from tomtoolkit 2.x."""
    return record_of(ReducedDatum(pk=1, data_type=data_type, timestamp=NIGHT, value=value), origin="o")


class TestBlankNumbers:
    """NaN in a column: SQLite stores NULL, PostgreSQL keeps it."""

    @pytest.mark.parametrize("blank", [NAN, INFINITY, -INFINITY])
    def test_a_detection_without_error_arrives(self, tom: Tom, blank: float) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target, brightness=18.0, brightness_error=blank, exposure_time=blank)
        tom.deliver()
        (record,) = tom.x.received
        assert isinstance(record, Photometry)
        assert (record.brightness, record.brightness_error, record.exposure_time) == (18.0, None, None)

    @pytest.mark.parametrize("blank", [NAN, INFINITY])
    def test_an_upper_limit_with_a_blank_brightness_arrives_as_one(self, tom: Tom, blank: float) -> None:
        target = tom.target()
        tom.share(target)
        tom.datum(target, brightness=blank, limit=20.5)
        tom.deliver()
        (record,) = tom.x.received
        assert isinstance(record, PhotometryLimit)
        assert record.limit == 20.5

    def test_a_share_of_limits_only_selects_it_too(self, tom: Tom) -> None:
        target = tom.target()
        tom.share(target)
        Outbox.objects.update(filter=write_filter(Filter(kinds=(Kind.PHOTOMETRY_LIMIT,))))
        tom.datum(target, brightness=NAN, limit=20.5)
        tom.datum(target, brightness=18.0)
        tom.deliver()
        assert [type(record) for record in tom.x.received] == [PhotometryLimit]


class TestCellsOfFreeForm:
    @pytest.mark.parametrize(
        "odd", ["null", "", " ", "NaN", None, "--", "n/a", "untrusted", [0.1], {}, True, NAN]
    )
    def test_an_odd_error_does_not_hide_the_detection(self, odd: object) -> None:
        record = generic(magnitude=18.1, error=odd, filter="G")
        assert isinstance(record, Photometry)
        assert (record.brightness, record.brightness_error, record.bandpass) == (18.1, None, "G")

    @pytest.mark.parametrize(("bandpass", "name"), [(2, "2"), ("r", "r"), (["r"], ""), (None, "")])
    def test_an_odd_filter_does_not_hide_the_detection(self, bandpass: object, name: str) -> None:
        record = generic(magnitude="18.2", magerr=0.1, filter=bandpass)
        assert isinstance(record, Photometry)
        assert (record.brightness, record.brightness_error, record.bandpass) == (18.2, 0.1, name)

    def test_what_cannot_be_read_is_not_lost(self) -> None:
        record = generic(magnitude=18.1, error="untrusted", filter="G")
        assert record.extra == {"error": "untrusted"}

    def test_a_brightness_that_cannot_be_read_leaves_the_limit(self) -> None:
        record = generic(magnitude="untrusted", limit=20.5, filter="G")
        assert isinstance(record, PhotometryLimit)

    def test_a_form_of_its_own_travels_as_it_is(self) -> None:
        record = generic(magnitude="untrusted", filter="G")
        assert isinstance(record, OtherDatum)
        assert record.extra == {"magnitude": "untrusted", "filter": "G"}

    def test_a_spectrum_with_a_blank_pixel_and_an_odd_error_is_a_spectrum(self) -> None:
        record = generic("spectroscopy", flux=[1.0, None, "nan"], wavelength=[1, 2, "3"], error="none")
        assert isinstance(record, Spectrum)
        assert (record.flux, record.wavelength, record.error) == ((1.0, None, None), (1.0, 2.0, 3.0), ())


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_row_that_cannot_be_read_costs_only_itself(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    bad = tom.datum(target, value={"deep": deep(400)})
    good = tom.datum(target)
    tom.deliver()
    assert tom.state(good) is State.DELIVERED
    assert tom.state(bad) is State.UNSUPPORTED
    assert "nested" in tom.row(bad).reason


@pytest.mark.parametrize("value", [deep(2), "text", 7, {"a": NAN}, {"": {"": None}}])
def test_any_extra_value_leaves_a_detection_a_detection(value: object) -> None:
    row = PhotometryReducedDatum(pk=1, timestamp=NIGHT, brightness=18.0, bandpass="r", unit="", value=value)
    assert isinstance(record_of(row, origin="o"), Photometry)


def test_a_row_with_a_column_of_another_type_is_refused_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    row = PhotometryReducedDatum(pk=1, timestamp=NIGHT, brightness="bright", bandpass="r", unit="", value={})
    with pytest.raises(InvalidRecord) as caught:
        record_of(row, origin="o")
    assert caught.value.field == "value"
    assert "cannot be read" in caplog.text


class ClientError(Exception):
    """As that of botocore: no OSError."""


class Refusing(FileSystemStorage):
    """An object store that answers 403 to some requests."""

    refuses = ""

    def size(self, name: str) -> int:
        self.maybe("size")
        return super().size(name)

    def open(self, name: str, mode: str = "rb") -> Any:
        self.maybe("open")
        return Stream(self, super().open(name, mode))

    def maybe(self, what: str) -> None:
        if self.refuses == what:
            raise ClientError("An error occurred (403) when calling the HeadObject operation: Forbidden")


class Stream:
    """An object of that store, fetched piece by piece."""

    def __init__(self, store: Refusing, stream: Any) -> None:
        self.store = store
        self.stream = stream

    def read(self, size: int = -1) -> Any:
        self.store.maybe("read")
        return self.stream.read(size)

    def close(self) -> None:
        self.stream.close()


@pytest.mark.parametrize("refused", ["size", "open", "read"])
def test_a_storage_that_raises_its_own_exception_costs_only_that_file(tom: Tom, refused: str) -> None:
    tom.x.takes_files = True
    target = tom.target()
    tom.share(target)
    made = DataProduct.objects.create(target=target, product_id="x", data=ContentFile(b"1", name="x.fits"))
    storage = Refusing(location=storages["default"].location)  # type: ignore[attr-defined]
    field = DataProduct._meta.get_field("data")
    kept, field.storage = field.storage, storage
    try:
        once = OneTimeShare.objects.create(outbox=tom.outbox(target))
        open_outboxes.ask_for(tom.outbox(target), selection={"dataproduct": Q()}, one_time_share=once)
        storage.refuses = refused
        datum = tom.datum(target)
        tom.deliver()
        assert tom.state(datum) is State.DELIVERED
        assert tom.row(made).state in (State.UNSUPPORTED, State.PENDING)
        assert "ClientError" in tom.row(made).reason
    finally:
        field.storage = kept


def test_a_file_reads_as_the_storage_has_it(tom: Tom) -> None:
    content = bytes(range(256)) * 5000
    made = DataProduct.objects.create(
        target=tom.target(), product_id="x", data=ContentFile(content, name="x.fits")
    )
    file = shareable_of(made, origin="o")
    assert isinstance(file, DataFile)
    with file.open() as stream:
        assert stream.read() == content


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY, Decimal("NaN")])
def test_numbers_that_are_not_finite_are_blank_in_what_a_target_has_beside_its_columns(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, number: Any
) -> None:
    target = tom.target()
    said = {"redshift": str(number), "host": "M 31"}
    target.targetextra_set.bulk_create(TargetExtra(target=target, key=k, value=v) for k, v in said.items())
    target.distance = number
    own = {"own_distance": type(target)._meta.get_field("distance")}
    monkeypatch.setattr("tom_integration.mapping.target_fields.custom_fields", lambda model: own)
    assert target_of(target).extras == {"host": "M 31"}


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Sydney"])
def test_a_datum_at_an_end_of_the_calendar_spoils_no_list(tom: Tom, admin: Client, zone: str) -> None:
    target = tom.target()
    share = tom.share(target)
    ends = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    for moment in ends:
        tom.datum(target, timestamp=moment)
    tom.deliver()
    assert len(tom.x.received) == 2
    with timezone.override(zone):
        listed = admin.get(f"/targets/persistentshare/{share.pk}/deliveries/").json()["results"]
        assert [each["timestamp"] for each in listed] == [
            "9999-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00Z",
        ]
        for row in listed:
            one = f"/targets/persistentshare/{share.pk}/deliveries/{row['id']}/"
            assert admin.get(one).status_code == 200
            shown = admin.get(f"/admin/sharecore/delivery/{row['id']}/change/").content.decode()
            assert row["timestamp"][:4] in shown
        assert "0001-01-01 00:00:00" in admin.get("/admin/sharecore/delivery/").content.decode()
        assert admin.get(f"/targets/persistentshare/manage/{share.pk}/").status_code == 200
