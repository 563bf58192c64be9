"""Records, targets, outcomes, exceptions and addresses: what an adapter may rely on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharecore import (
    Accepted,
    Address,
    ConfigurationError,
    DeliveryError,
    InvalidRecord,
    Kind,
    Photometry,
    Problem,
    RecordKey,
    Rejected,
    Spectrum,
    Target,
)
from sharecore.identity import fingerprint
from sharecore.texts import MOST

MakeRecord = Callable[..., Photometry]


class TestRecords:
    def test_a_time_of_any_zone_becomes_utc(self, make_record: MakeRecord) -> None:
        hawaii = timezone(timedelta(hours=-10))
        record = make_record(timestamp=datetime(2026, 1, 1, 20, tzinfo=hawaii))
        assert record.timestamp.isoformat() == "2026-01-02T06:00:00+00:00"

    def test_a_time_without_zone_is_refused(self, make_record: MakeRecord) -> None:
        with pytest.raises(InvalidRecord) as caught:
            make_record(timestamp=datetime(2026, 1, 1))  # noqa: DTZ001
        assert caught.value.field == "timestamp"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    @pytest.mark.parametrize("name", ["brightness_error", "limit", "exposure_time"])
    def test_a_number_that_is_not_finite_counts_as_blank(
        self, make_record: MakeRecord, name: str, value: float
    ) -> None:
        record = make_record(**{name: value})
        assert getattr(record, name) is None
        assert fingerprint(record) == fingerprint(make_record(**{name: None}))

    def test_a_detection_needs_a_finite_brightness(self, make_record: MakeRecord) -> None:
        with pytest.raises(InvalidRecord) as caught:
            make_record(brightness=float("nan"))
        assert caught.value.field == "brightness"

    def test_numbers_within_extra_are_finite_or_blank(self, make_record: MakeRecord) -> None:
        record = make_record(extra={"fit": {"chi": [1.0, float("nan")]}, "seeing": float("inf")})
        assert record.extra == {"fit": {"chi": [1.0, None]}, "seeing": None}

    def test_values_nested_deeper_than_readers_of_json_go_are_refused(self, make_record: MakeRecord) -> None:
        deep: object = 1
        for _ in range(900):
            deep = [deep]
        with pytest.raises(InvalidRecord) as caught:
            make_record(extra={"deep": deep})
        assert caught.value.field == "extra"

    def test_zero_is_a_magnitude(self, make_record: MakeRecord) -> None:
        assert make_record(brightness=0.0).brightness == 0.0

    def test_what_the_caller_does_later_with_its_dictionary_does_not_matter(
        self, make_record: MakeRecord
    ) -> None:
        extra = {"observer": "we"}
        record = make_record(extra=extra)
        extra["observer"] = "they"
        assert record.extra == {"observer": "we"}
        with pytest.raises(TypeError):
            record.extra["observer"] = "they"  # type: ignore[index]

    def test_a_record_cannot_be_changed_but_replaced(self, make_record: MakeRecord) -> None:
        record = make_record()
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.brightness = 1.0  # type: ignore[misc]
        assert dataclasses.replace(record, bandpass="g").bandpass == "g"

    def test_a_spectrum_from_lists_is_frozen_and_may_have_odd_lengths(self, make_record: MakeRecord) -> None:
        base = make_record()
        key = RecordKey(kind=Kind.SPECTRUM, origin="o", id="1")
        spectrum = Spectrum(key=key, timestamp=base.timestamp, flux=[1.0, 2.0], wavelength=[1.0])  # type: ignore[arg-type]
        assert (spectrum.flux, spectrum.wavelength) == ((1.0, 2.0), (1.0,))
        assert dataclasses.replace(spectrum, flux=(1.0, float("nan"))).flux == (1.0, None)

    def test_a_key_reads_as_origin_kind_and_id(self) -> None:
        assert str(RecordKey(kind=Kind.PHOTOMETRY_LIMIT, origin="o", id="7")) == "o/photometry-limit/7"


def test_the_names_of_a_target_start_with_its_own() -> None:
    assert Target(name="a", aliases=("b", "c")).names == ("a", "b", "c")


class TestOutcomes:
    @given(st.text(max_size=2 * MOST))
    def test_a_remote_text_is_cut_and_plain(self, text: str) -> None:
        reason = Rejected(reason=text).reason
        assert len(reason) <= MOST
        assert reason.isprintable()

    def test_outcomes_are_values(self) -> None:
        assert Accepted(remote_id="1") == Accepted(remote_id="1")
        assert Rejected(reason="no", field="ra") != Rejected(reason="no")


class TestExceptions:
    def test_delivery_never_catches_a_wrong_configuration(self) -> None:
        assert not issubclass(ConfigurationError, DeliveryError)

    def test_a_configuration_error_tells_every_problem_with_place_and_mend(self) -> None:
        problems = [
            Problem(where="DATA_SHARING['x']", what="is odd", hint="Mend it."),
            Problem(where="DATA_SHARING['y']", what="is even", hint="Mend that."),
        ]
        text = str(ConfigurationError(problems))
        assert text == "DATA_SHARING['x']: is odd. Mend it.; DATA_SHARING['y']: is even. Mend that."


class TestAddresses:
    @given(st.text(min_size=1).filter(lambda name: ":" not in name), st.text())
    def test_what_is_written_is_read_again(self, name: str, topic: str) -> None:
        address = Address(name, topic)
        assert Address.parse(str(address)) == address

    def test_the_first_colon_divides(self) -> None:
        assert Address.parse("a:b:c") == Address("a", "b:c")
