"""What each answer of a receiver means, and when to stop."""

from __future__ import annotations

import dataclasses
import json

import pytest
from requests import exceptions as rq
from urllib3 import exceptions as u3

from calling import before, deliver
from sharecore.exceptions import DestinationError
from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Present,
    Rejected,
    Unconfirmed,
    Unsupported,
)
from sharecore.records import Astrometry, Kind, OtherDatum, PhotometryLimit, RecordKey
from standins.tom_transports import Sharing

DATA = "api/reduceddatums/"
HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}


def refused():
    return rq.ConnectionError(u3.MaxRetryError(None, "/", u3.NewConnectionError(None, "refused")))


def reset():
    return rq.ConnectionError(u3.ProtocolError("aborted", ConnectionResetError()))


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes.values()]


def test_new_is_accepted_and_again_is_a_duplicate(tom, adapter, batch, detections):
    opened, records = adapter(CONCURRENCY=4), detections(30)
    first = deliver(opened, batch(*records))
    assert first == {record.key: Accepted() for record in records}
    assert deliver(opened, batch(*records)) == {record.key: Duplicate() for record in records}
    assert len(tom.rows) == 30


def test_duplicates_of_2x_cost_one_listing(tom_232, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(10)))
    deliver(opened, batch(*detections(10)))
    assert len(tom_232.made("GET", DATA)) == 1


def test_equal_rows_beside_others_of_the_same_time_are_duplicates(tom, adapter, batch, detections):
    """3.1 shows the first row with that time and band, whichever that is."""
    (one,) = detections(1)
    other = dataclasses.replace(
        one, key=dataclasses.replace(one.key, id="other"), brightness=12.0, instrument="other"
    )
    limit = PhotometryLimit(
        key=RecordKey(kind=Kind.PHOTOMETRY_LIMIT, origin="o", id="1"),
        timestamp=one.timestamp,
        limit=21.0,
        bandpass="r",
    )
    opened = adapter()
    assert set(kinds(deliver(opened, batch(one, other, limit)))) == {Accepted}
    assert set(kinds(deliver(opened, batch(one, other, limit)))) == {Duplicate}


def test_a_corrected_error_is_not_taken_for_stored(tom_31, adapter, batch, detections):
    (record,) = detections(1)
    opened = adapter()
    deliver(opened, batch(record))
    outcome = deliver(opened, batch(dataclasses.replace(record, brightness_error=0.5)))[record.key]
    assert isinstance(outcome, Rejected)
    assert outcome.field == "brightness_error"
    assert "not stored" in outcome.reason


def test_a_400_names_the_field_and_quotes_the_receiver_shortly(tom, adapter, batch, detections):
    answer = (400, JSON, json.dumps({"timestamp": ["Datetime has wrong format." + "x" * 5000]}))
    records = detections(2)
    tom.script("POST", DATA, answer)
    outcomes = deliver(adapter(), batch(*records))
    rejected = outcomes[records[0].key]
    assert isinstance(rejected, Rejected)
    assert rejected.field == "timestamp"
    assert "wrong format" in rejected.reason
    assert len(rejected.reason) < 400
    assert outcomes[records[1].key] == Accepted()


def test_a_row_that_a_server_in_front_finds_too_large_is_refused_alone(tom, adapter, batch, detections):
    tom.script("POST", DATA, (413, HTML, "<html>"), (400, HTML, "<html>"))
    outcomes = deliver(adapter(), batch(*detections(3)))
    assert kinds(outcomes) == [Rejected, Rejected, Accepted]
    assert "2.5 MB" in next(iter(outcomes.values())).reason


def test_one_500_defers_its_record_and_the_rest_goes_on(tom, adapter, batch, detections):
    tom.script("POST", DATA, None, (500, HTML, "<html>secret traceback</html>"))
    outcomes = deliver(adapter(), batch(*detections(4)))
    assert kinds(outcomes) == [Accepted, Deferred, Accepted, Accepted]
    assert "traceback" not in str(outcomes)


def test_500s_in_a_row_are_the_receivers_fault(tom, adapter, batch, detections):
    tom.script("POST", DATA, *[(500, HTML, "<html>")] * 10)
    with pytest.raises(DestinationError, match="3 failures in a row") as caught:
        deliver(adapter(), batch(*detections(10)))
    assert kinds(before(caught)) == [Deferred] * 3
    assert len(tom.made("POST", DATA)) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, HTML, "<html>"), "BASE_URL"),
        ((503, {**HTML, "Retry-After": "120"}, "<html>"), "wait"),
        ((503, HTML, "<html>"), "503"),
        ((429, {"Retry-After": "120"}, ""), "wait"),
        ((301, {"Location": "https://www.example.org/api/reduceddatums/?x=1"}, ""), "www.example.org"),
        ((405, JSON, '{"detail": "Method not allowed."}'), "not allowed"),
        (refused(), "refused"),
    ],
)
def test_what_was_not_taken_stops_the_call_and_blames_no_record(
    tom, adapter, batch, detections, answer, words
):
    tom.script("POST", DATA, None, *[answer] * 3)
    records = detections(5)
    with pytest.raises(DestinationError, match=words) as caught:
        deliver(adapter(), batch(*records))
    assert before(caught) == {records[0].key: Accepted()}
    if "Retry-After" in str(answer):
        assert caught.value.retry_after == 120.0


@pytest.mark.parametrize(
    "answer",
    [
        rq.ReadTimeout(),
        (502, HTML, "<html>Bad Gateway</html>"),
        (504, HTML, "<html>Gateway Time-out</html>"),
        (200, HTML, "<html>Log in to the hotel network</html>"),
        (201, JSON, "[]"),
        (201, JSON, '{"ok": true}'),
    ],
)
def test_what_may_have_been_taken_is_unconfirmed_and_stops_the_call(tom, adapter, batch, detections, answer):
    tom.script("POST", DATA, None, answer)
    records = detections(5)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(*records))
    decided = before(caught)
    assert decided[records[0].key] == Accepted()
    assert isinstance(decided[records[1].key], Unconfirmed)
    assert len(decided) == 2
    assert len(tom.made("POST", DATA)) == 2, "it was sent again, or the next one was"


def test_one_lost_connection_is_unconfirmed_and_the_rest_goes_on(tom, adapter, batch, detections):
    tom.script("POST", DATA, None, reset())
    assert kinds(deliver(adapter(), batch(*detections(3)))) == [Accepted, Unconfirmed, Accepted]


def test_a_receiver_that_fails_while_it_is_looked_up(tom, adapter, batch, detections):
    tom.script("GET", "api/targets/", *[(500, HTML, "<html>")] * 20)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(*detections(2)))
    assert before(caught) == {}
    assert len(tom.made("GET", "api/targets/")) <= 10


def test_in_flight_requests_are_waited_for_when_one_stops(tom, adapter, batch, detections):
    tom.script("POST", DATA, rq.ReadTimeout())
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(CONCURRENCY=4), batch(*detections(40)))
    stored = {row["timestamp"] for row in tom.rows}
    accepted = [outcome for outcome in before(caught).values() if outcome == Accepted()]
    assert len(accepted) == len(stored) < 40


def test_what_2x_does_not_know_is_unsupported_and_no_trouble(tom_232, adapter, batch, detections):
    records = [
        Astrometry(
            key=RecordKey(kind=Kind.ASTROMETRY, origin="o", id=str(each)),
            timestamp=detections(1)[0].timestamp,
            ra=float(each),
            dec=0.0,
        )
        for each in range(5)
    ]
    outcomes = deliver(adapter(), batch(*records))
    assert {(type(each), each.feature) for each in outcomes.values()} == {(Unsupported, "data-type")}


def test_what_cannot_be_expressed_is_told_without_asking_for_the_target(tom_31, adapter, batch, detections):
    record = OtherDatum(
        key=RecordKey(kind=Kind.OTHER, origin="o", id="1"),
        timestamp=detections(1)[0].timestamp,
        data_type="radio",
    )
    outcomes = deliver(adapter(), batch(record))
    assert kinds(outcomes) == [Unsupported]
    assert tom_31.targets == {}


def test_what_was_decided_before_and_after_the_target_went_travels_in_the_error(
    tom_31, adapter, batch, detections
):
    one, two, three = detections(3)
    unheld = dataclasses.replace(one, key=dataclasses.replace(one.key, id="no band"), bandpass="")
    gone = (400, JSON, '{"target": ["Invalid pk."]}')
    tom_31.script("POST", DATA, None, gone, None, (503, HTML, "<html>"))
    four = dataclasses.replace(three, key=dataclasses.replace(three.key, id="4"), brightness=1.0)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(unheld, one, two, three, four))
    assert {key.id: type(each) for key, each in before(caught).items()} == {
        "no band": Unsupported,
        one.key.id: Accepted,
        two.key.id: Accepted,
    }


def test_after_an_unknown_outcome_2x_is_listed_and_3x_may_be_sent_to_again(tom, adapter, batch, detections):
    opened, records = adapter(), detections(6)
    deliver(opened, batch(*records[:4]))
    found = opened.find(batch(*records))
    there = {} if tom.typed else {record.key: Present(content=record) for record in records[:4]}
    assert found == {record.key: Absent() for record in records} | there


@pytest.mark.parametrize("runs_sharecore", [True, False])
@pytest.mark.parametrize("remembers", [True, False])
def test_data_that_have_moved_are_looked_for_under_the_target_that_they_had(
    tom, adapter, batch, detections, runs_sharecore, remembers
):
    """Sent again as data of another target, they would be there twice."""
    opened, records = adapter(), detections(6)
    gone = tom.add_target("gone")
    sent = batch(*records[:4], name="gone", state={})
    deliver(opened, sent)
    # It was merged into one that has its name as an alias.
    aliases = () if remembers else ("gone",)
    state = dict(sent.state) if remembers else {}
    tom.add_target("SN 2026abc")
    asked = batch(*records, aliases=aliases, state=state, moved=True)
    if runs_sharecore and tom.typed:
        tom.sharing = Sharing()
        opened = adapter()
    assert {row["target"] for row in tom.rows} == {gone}
    there = {record.key: Present(content=record) for record in records[:4]}
    assert opened.find(asked) == {record.key: Absent() for record in records} | there


def test_looking_makes_no_target(tom_232, adapter, batch, detections):
    assert set(adapter().find(batch(*detections(1))).values()) == {Absent()}
    assert tom_232.targets == {}


def test_a_listing_is_read_to_its_last_page(tom_232, adapter, batch, detections):
    opened, records = adapter(CONCURRENCY=4), detections(250)
    deliver(opened, batch(*records[:150]))
    deliver(opened, batch(*records[150:]))
    assert all(isinstance(each, Present) for each in opened.find(batch(*records)).values())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"brightness": 18.0}, "brightness"),
        ({"brightness": None}, "brightness"),
        ({"brightness": "18.123456"}, "brightness"),
        ({"bandpass": "r-band"}, "bandpass"),
        ({"brightness_error": 0.02000001}, "brightness_error"),
        (None, "value"),
        ([], "value"),
        ({"timestamp": "2026-01-02T03:04:05Z"}, "timestamp"),
    ],
)
def test_what_was_stored_with_other_values_is_not_believed(tom_31, adapter, batch, detections, change, field):
    """A column of a receiver may round, cut or lose what was sent, and its answer shows it."""
    (record,) = (dataclasses.replace(each, brightness=18.123456) for each in detections(1))
    opened, real = adapter(), tom_31.store

    def store(body):
        status, headers, text = real(body)
        answer = json.loads(text)
        if field == "timestamp":
            answer |= change
        else:
            answer["value"] = answer["value"] | change if isinstance(change, dict) else change or {}
        return status, headers, json.dumps(answer)

    tom_31.store = store
    outcome = deliver(opened, batch(record))[record.key]
    assert isinstance(outcome, Rejected)
    assert (outcome.field, field in outcome.reason) == (field, True)


def test_the_last_bit_of_a_float_is_no_other_value(tom_31, adapter, batch, detections):
    (record,) = (dataclasses.replace(each, brightness=18.123456789012344) for each in detections(1))
    opened, real = adapter(), tom_31.store

    def store(body):
        status, headers, text = real(body)
        return status, headers, text.replace("18.123456789012344", "18.12345678901234")

    tom_31.store = store
    assert deliver(opened, batch(record)) == {record.key: Accepted()}
