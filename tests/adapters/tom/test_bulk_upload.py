"""Backlogs as files to a stock 3.1 ('BULK_UPLOAD'): what they hold, and what happens when they fail."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from requests import exceptions as rq

from calling import before, deliver
from sharecore.exceptions import DestinationError
from sharecore.outcomes import Absent, Accepted, Deferred, Duplicate, Rejected, Unconfirmed
from sharecore.records import Astrometry, Kind, PhotometryLimit, RecordKey
from sharecore_tom.transports import files
from standins.tom_transports import said

DATA, PRODUCTS = "api/reduceddatums/", "api/dataproducts/"


AT_LEAST = 20


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Small files, so that the tests are quick."""
    monkeypatch.setattr(files, "AT_LEAST", AT_LEAST)
    monkeypatch.setattr(files, "SAMPLE", 4)


@pytest.fixture
def tom(tom_31):
    return tom_31


@pytest.fixture
def backlog(detections):
    """So many records, a third of them limits, with everything that a column can hold."""

    def make(count: int):
        records = []
        for number, record in enumerate(detections(count)):
            common = {
                "telescope": "01",
                "instrument": 'fa, "07"',
                "reduction_version": "1.0",
                "exposure_time": 300.0,
                "extra": {"n": 3, "deep": {"a": [1, 2.5, None]}, "time": "x"} if number % 2 else {},
            }
            if number % 3 == 0:
                key = dataclasses.replace(record.key, kind=Kind.PHOTOMETRY_LIMIT)
                record = PhotometryLimit(
                    key=key,
                    timestamp=record.timestamp,
                    limit=21.0 + number,
                    unit="AB",
                    bandpass="r",
                    **common,
                )
            else:
                record = dataclasses.replace(record, limit=22.0, **common)
            records.append(record)
        return tuple(records)

    return make


def test_a_backlog_goes_as_files_and_arrives_as_single_rows_would(tom, adapter, batch, backlog):
    records = backlog(60)
    opened = adapter(BULK_UPLOAD=True)
    opened.ready()
    assert opened.max_batch == 1000
    outcomes = deliver(opened, batch(*records))
    assert outcomes == dict.fromkeys([r.key for r in records], Accepted())
    assert tom.files.sizes[0] < 10, "a sample first"
    assert sum(tom.files.sizes) == 60
    by_file = [
        (row["timestamp"], row["columns"], row["source_name"], row["source_location"]) for row in tom.rows
    ]
    assert [row["extra"] for row in tom.rows if "n" in row["extra"]] == [
        {"n": 3, "deep": {"a": [1, 2.5, None]}, "time": "x"}
    ] * 30
    tom.rows.clear()
    deliver(adapter(), batch(*records))
    names = tuple(by_file[0][1])
    singly = [
        (
            row["timestamp"],
            {n: row["columns"].get(n) for n in names},
            row["source_name"],
            row["source_location"],
        )
        for row in tom.rows
    ]
    assert sorted(by_file, key=str) == sorted(singly, key=str)


def test_once_proved_the_sample_is_not_asked_for_again(tom, adapter, batch, backlog):
    records = backlog(60)
    opened = adapter(BULK_UPLOAD=True)
    deliver(opened, batch(*records[:30]))
    assert len(tom.files.sizes) == 2
    deliver(adapter(BULK_UPLOAD=True), batch(*records[30:]))
    assert tom.files.sizes[2:] == [30]


def test_few_rows_and_other_kinds_go_singly(tom, adapter, batch, backlog):
    opened, records = adapter(BULK_UPLOAD=True), backlog(21)
    deliver(opened, batch(*records[:19]))
    assert tom.files.sizes == []
    key = RecordKey(kind=Kind.ASTROMETRY, origin="site-uuid", id="a")
    elsewhere = Astrometry(key=key, timestamp=records[0].timestamp, ra=1.0, dec=2.0)
    outcomes = deliver(opened, batch(*backlog(25)[19:], *records[:19], elsewhere))
    assert sum(tom.files.sizes) == 25
    assert isinstance(outcomes[key], Accepted)


@pytest.mark.parametrize(
    "change",
    [
        {"source_name": "two\nlines"},
        {"telescope": " blank"},
        {"timestamp": datetime(2016, 12, 31, 12, tzinfo=UTC)},
    ],
    ids=["line break", "blank", "day of a leap second"],
)
def test_what_a_file_cannot_hold_goes_singly(tom, adapter, batch, backlog, change):
    records = list(backlog(21))
    records[5] = dataclasses.replace(records[5], **change)
    outcomes = deliver(adapter(BULK_UPLOAD=True), batch(*records))
    assert set(outcomes.values()) == {Accepted()}
    assert sum(tom.files.sizes) == 20
    assert records[5].source_name in ("", "Site A") or any("\n" in row["source_name"] for row in tom.rows)


def test_times_keep_their_microseconds(tom, adapter, batch, detections):
    start = datetime(1995, 3, 1, tzinfo=UTC)
    records = [
        dataclasses.replace(
            each, timestamp=start + number * timedelta(days=190.7, microseconds=number * 7919)
        )
        for number, each in enumerate(detections(60))
    ]
    outcomes = deliver(adapter(BULK_UPLOAD=True), batch(*records))
    assert set(outcomes.values()) == {Accepted()}
    assert sum(tom.files.sizes) > 55
    there = sorted(datetime.fromisoformat(row["timestamp"]) for row in tom.rows)
    assert there == sorted(each.timestamp for each in records)


@pytest.mark.parametrize(
    "answer",
    [
        said(500, {"Data processing error": "There was an error in processing your DataProduct"}),
        said(400, {"data_product_type": ["Not a valid data_product_type."]}),
        (413, {}, "too large"),
        (404, {"Content-Type": "text/html"}, "<html>"),
        said(415, {"detail": "Unsupported media type."}),
    ],
    ids=["500", "400", "413", "404", "415"],
)
def test_a_refused_file_goes_singly_and_is_not_tried_again_soon(tom, adapter, batch, backlog, answer, caplog):
    tom.script("POST", PRODUCTS, answer)
    records = backlog(25)
    opened = adapter(BULK_UPLOAD=True)
    with caplog.at_level(logging.WARNING):
        outcomes = deliver(opened, batch(*records))
    assert outcomes == dict.fromkeys([r.key for r in records], Accepted())
    assert "files cannot be used" in caplog.text
    assert opened.max_batch == 200
    assert "files cannot be used now" in opened.describe()
    for each in (opened, adapter(BULK_UPLOAD=True)):
        assert "files cannot be used now" in each.preview(batch(*records)).note
        deliver(each, batch(*records))
    assert len(tom.made("POST", PRODUCTS)) == 1


def test_files_are_tried_again_after_a_day(tom, adapter, batch, backlog):
    tom.script("POST", PRODUCTS, said(500, {}))
    now = [time.time()]
    opened, state = adapter(now=lambda: now[0], BULK_UPLOAD=True), {}
    deliver(opened, batch(*backlog(20), state=state))
    now[0] = state["files"]["until"] + 1
    deliver(opened, batch(*backlog(20), state=state))
    assert len(tom.made("POST", PRODUCTS)) > 1


@pytest.mark.parametrize("lost", [("limit",), ("reduction_version",), ("brightness_error",), ("bandpass",)])
def test_a_processor_that_loses_a_column_is_found_out_and_its_rows_taken_back(
    tom, adapter, batch, backlog, lost
):
    tom.files.loses = lost
    records = backlog(25)
    opened = adapter(BULK_UPLOAD=True)
    outcomes = deliver(opened, batch(*records))
    assert set(map(type, outcomes.values())) <= {Accepted, Duplicate}
    assert len(outcomes) == 25
    assert len(tom.files.sizes) == 1, "only the sample went"
    assert tom.files.withdrawn == [100]
    assert len(tom.rows) == 25
    assert not any("data_product" in row for row in tom.rows)
    assert "not there as sent" in opened.describe()


def test_a_file_without_an_answer_is_unconfirmed_and_the_repeat_finds_its_rows(tom, adapter, batch, backlog):
    """The receiver took it, and the answer was lost."""
    records = backlog(30)
    opened = adapter(BULK_UPLOAD=True)
    deliver(opened, batch(*records[:22]))
    rows = len(tom.rows)

    def lost(method, path, body, real=tom.files):
        real(method, path, body)
        raise rq.ConnectionError("reset")

    tom.files, real = lost, tom.files
    with pytest.raises(DestinationError) as caught:
        deliver(opened, batch(*backlog(60)[30:]))
    assert {type(each) for each in before(caught).values()} == {Unconfirmed}
    assert len(tom.rows) == rows + 30
    tom.files = real
    assert set(opened.find(batch(*records)).values()) == {Absent()}
    posts = len(tom.made("POST", DATA))
    outcomes = deliver(opened, batch(*backlog(60)[30:]))
    assert set(outcomes.values()) == {Duplicate()}
    assert len(tom.rows) == rows + 30
    assert len(tom.made("POST", DATA)) == posts, "the listing was enough"


def test_a_worker_that_died_over_a_file_left_what_single_rows_complete(tom, adapter, batch, backlog):
    """The product is there, and so it says; its rows are not."""
    records = backlog(40)
    opened = adapter(BULK_UPLOAD=True)
    deliver(opened, batch(*records[:20]))
    deliver(opened, batch(*records[20:]))
    del tom.rows[35:]
    outcomes = deliver(opened, batch(*records[20:]))
    assert [type(each).__name__ for each in outcomes.values()].count("Accepted") == 5
    assert len(tom.rows) == 40


def test_a_receiver_that_hangs_over_a_file_gets_no_other(tom, adapter, batch, backlog):
    state = {}
    tom.script("POST", PRODUCTS, rq.ReadTimeout())
    with pytest.raises(DestinationError):
        deliver(adapter(BULK_UPLOAD=True), batch(*backlog(20), state=state))
    deliver(adapter(BULK_UPLOAD=True), batch(*backlog(20), state=state))
    assert len(tom.made("POST", PRODUCTS)) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_does_not_know(tom, adapter, batch, backlog, status):
    tom.script("POST", PRODUCTS, (status, {}, ""))
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(BULK_UPLOAD=True), batch(*backlog(20)))
    assert {type(each) for each in before(caught).values()} == {Unconfirmed}


def test_a_row_that_another_of_the_same_time_keeps_out_is_reported(tom, adapter, batch, detections):
    """3.1 drops it in silence from a file; a single request says so."""
    records = detections(20)
    other = dataclasses.replace(records[7], brightness_error=9.0)
    deliver(adapter(), batch(other))
    outcomes = deliver(adapter(BULK_UPLOAD=True), batch(*records))
    assert isinstance(outcomes[records[7].key], Rejected)
    assert [type(each) for each in outcomes.values()].count(Accepted) == 19
    assert sum(tom.files.sizes) == 20


def test_edits_do_not_go_as_new_rows(tom, adapter, batch, detections):
    records = detections(21)
    outcomes = deliver(adapter(BULK_UPLOAD=True), batch(*records, previous={records[0].key: None}))
    assert isinstance(outcomes[records[0].key], Deferred)
    assert sum(tom.files.sizes) == 20


def test_the_target_is_made_first_and_refused_as_ever(tom, adapter, batch, backlog):
    outcomes = deliver(adapter(BULK_UPLOAD=True, CREATE_TARGETS=False), batch(*backlog(20)))
    assert {each.field for each in outcomes.values()} == {"target"}
    assert tom.files.sizes == []


def test_2x_gets_no_files(tom_232, adapter, batch, detections):
    opened = adapter(BULK_UPLOAD=True)
    assert "DATA_SHARING['b']['BULK_UPLOAD']" in [each.where for each in opened.check()]
    assert len(deliver(opened, batch(*detections(20)))) == 20
    assert tom_232.made("POST", PRODUCTS) == []


def test_a_check_and_a_preview_tell_of_files(tom, adapter, batch, detections):
    opened = adapter(BULK_UPLOAD=True)
    assert opened.check() == []
    assert "BULK_UPLOAD" in opened.describe()
    assert "BULK_UPLOAD" in opened.preview(batch(*detections(1))).note
    assert json.loads(opened.preview(batch(*detections(1))).body)["reduceddatums"]
    assert "BULK_UPLOAD" not in adapter().preview(batch(*detections(1))).note
