"""What a person can see before anything is published, and asking HERMES about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling import deliver
from sharecore.exceptions import TargetRefused
from sharecore.outcomes import Accepted, Duplicate
from sharecore.records import Kind, OtherDatum, RecordKey


def test_it_is_exactly_what_is_sent(make: Any, hermes: Any) -> None:
    batch = make.batch(make.detection(), make.limit(), make.spectrum(), make.astrometry())
    hermes.submit(200, {"uuid": "u1"})
    adapter = make.adapter()
    preview = adapter.preview(batch)
    assert not hermes.sent()
    deliver(adapter, batch)
    assert hermes.sent() == [json.loads(preview.body)]
    assert preview.content_type == "application/json"
    assert preview.note == ""


def test_it_says_what_is_left_out_and_why(make: Any) -> None:
    bare = make.detection(unit="")
    other = OtherDatum(
        key=RecordKey(kind=Kind.OTHER, origin="o", id="1"), timestamp=make.when, data_type="image_file"
    )
    preview = make.adapter().preview(make.batch(bare, other, make.limit()))
    first, second = preview.note.splitlines()
    assert first.startswith("Photometry of 2026-03-01 04:05:06 UTC is left out. brightness-unit: ")
    assert second.endswith("data-type: HERMES has no table for data of type 'image_file'")
    assert len(json.loads(preview.body)["data"]["photometry"]) == 1


def test_a_large_batch_is_a_list_of_messages(make: Any) -> None:
    records = [make.detection(extra={"comments": "x" * 400_000}) for _ in range(3)]
    assert len(json.loads(make.adapter().preview(make.batch(*records)).body)) == 2


def test_units_are_spelled_to_the_code_point(make: Any) -> None:
    body = make.adapter().preview(make.batch(make.spectrum())).body
    assert '"wavelength_units": "\\u212b"' in body
    assert '"flux_units": "erg / s / cm\\u00b2 / \\u212b"' in body


def test_our_keys_travel_beside_the_rows(make: Any) -> None:
    first, second, spectrum = make.detection(), make.limit(), make.spectrum()
    beside = make.message(first, second, spectrum)["data"]["sharecore"]
    assert [row["key"] for row in beside["photometry"]] == [str(first.key), str(second.key)]
    assert [row["key"] for row in beside["spectroscopy"]] == [str(spectrum.key)]
    assert beside["origin"] == first.key.origin


class TestWhatIsNotSent:
    def test_a_target_alone_goes_only_with_words_of_a_person(self, make: Any, hermes: Any) -> None:
        hermes.submit(200, {"uuid": "u1"})
        assert deliver(make.adapter(), make.batch()) == {}
        assert not hermes.sent()
        deliver(make.adapter(), make.batch(title="Please observe"))
        (message,) = hermes.sent()
        assert message["title"] == "Please observe"
        assert [target["name"] for target in message["data"]["targets"]] == ["AT2026abc"]

    @pytest.mark.parametrize(
        ("status", "answer", "reason"),
        [
            (500, "<h1>Server Error (500)</h1>", "Look for the message at HERMES"),
            (400, {"data": {"targets": [{"name": ["No."]}]}}, r"data.targets\[0\].name: No."),
        ],
    )
    def test_a_target_alone_that_fails_is_not_tried_again_by_itself(
        self, status: int, answer: Any, reason: str, make: Any, hermes: Any
    ) -> None:
        hermes.submit(status, answer)
        with pytest.raises(TargetRefused, match=reason):
            deliver(make.adapter(), make.batch(title="Please observe"))
        assert len(hermes.sent()) == 1

    def test_a_target_alone_that_cannot_be_expressed_says_why(self, make: Any, hermes: Any) -> None:
        nowhere = make.batch(title="Please observe", target=make.target(position={"ra": None}))
        with pytest.raises(TargetRefused, match="ra is missing"):
            deliver(make.adapter(), nowhere)
        assert "ra is missing" in make.adapter().preview(nowhere).note
        assert not hermes.sent()

    def test_what_came_from_this_topic_does_not_go_back(self, make: Any, hermes: Any) -> None:
        came = make.detection(source_name="hermes.test", source_location="Hermes via HOP")
        assert deliver(make.adapter(), make.batch(came)) == {came.key: Duplicate()}
        assert not hermes.sent()

    def test_records_that_cannot_go_do_not_make_an_empty_message(self, make: Any, hermes: Any) -> None:
        deliver(make.adapter(), make.batch(make.detection(unit="")))
        assert not hermes.sent()


class TestValidate:
    def test_it_asks_without_publishing(self, make: Any, server: Any) -> None:
        adapter = make.adapter(BASE_URL=server.base_url)
        assert adapter.validate(make.batch(make.detection(), make.spectrum())) == []
        adapter.close()
        assert server.published() == []

    def test_it_names_row_field_and_record(self, make: Any, hermes: Any) -> None:
        good, bad, left_out = make.detection(), make.detection(), make.detection(unit="")
        hermes.validate(200, {"data": {"photometry": [{}, {"bandpass": ["No such band."]}]}})
        (refused,) = make.adapter().validate(make.batch(good, bad, left_out))
        assert refused.where == "data.photometry[1].bandpass (Photometry of 2026-03-01 04:05:06 UTC)"
        assert refused.what == "No such band."
        assert not hermes.sent()

    def test_a_target_without_data_is_asked_about(self, make: Any, hermes: Any) -> None:
        hermes.validate(200, {"data": {"targets": [{"name": ["No such thing."]}]}})
        (refused,) = make.adapter().validate(make.batch())
        assert refused.where == "data.targets[0].name"


def test_a_dead_topic_is_told_by_the_stand_in_as_by_hermes(make: Any, start_hermes: Any) -> None:
    """Two destinations side by side: each publishes to its own server."""
    one, two = start_hermes("a.topic"), start_hermes("b.topic")
    from sharecore.addresses import Address

    for server, topic in ((one, "a.topic"), (two, "b.topic")):
        adapter, record = make.adapter(BASE_URL=server.base_url), make.detection()
        outcomes = deliver(adapter, make.batch(record, address=Address("hermes", topic)))
        adapter.close()
        assert isinstance(outcomes[record.key], Accepted)
    assert [line["topic"] for line in one.published() + two.published()] == ["a.topic", "b.topic"]
