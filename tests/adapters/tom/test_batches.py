"""Batches to a TOM with sharecore: what is sent, what its answers mean, and when single rows go instead."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest
from requests import exceptions as rq
from urllib3 import exceptions as u3

from calling import before, deliver
from sharecore.exceptions import AuthenticationFailed, DestinationError, TargetRefused
from sharecore.identity import fingerprint
from sharecore.outcomes import Absent, Accepted, Deferred, Duplicate, Rejected, Unconfirmed, Unsupported
from sharecore.records import OtherDatum
from sharecore.wire import record_from_wire, target_from_wire
from standins.tom_transports import said

DATA, SHARING, BATCH = "api/reduceddatums/", "api/sharing/", "api/sharing/batch/"
PAGE = (404, {"Content-Type": "text/html"}, "<html><h1>Not found</h1></html>")


@pytest.fixture
def tom(tom_sharecore):
    return tom_sharecore


def test_a_thousand_records_are_one_request(tom, adapter, batch, detections):
    opened, records = adapter(TARGET_LISTS=["Ours"]), detections(1000)
    opened.ready()
    assert opened.max_batch == 1000
    outcomes = deliver(opened, batch(*records, shared_by="ann"))
    assert outcomes == {r.key: Accepted(remote_id=f"row/{r.key.id}") for r in records}
    assert tom.made("POST", DATA) == []
    (sent,) = tom.sharing.batches
    first = sent["records"][0]
    filled = dataclasses.replace(records[0], source_name="Site A", source_location="shared from Site A")
    assert record_from_wire(first) == filled
    assert first["fingerprint"] == fingerprint(filled)
    assert target_from_wire(sent["target"]).name == "SN 2026abc"
    rest = {name: each for name, each in sent.items() if name not in ("records", "target")}
    assert rest == {
        "protocol": 1,
        "site": {"origin": "site-uuid", "name": "Site A"},
        "shared_by": "ann",
        "target_lists": ["Ours"],
        "create_target": True,
        "target_id": None,
    }


def test_the_receivers_target_is_named_the_next_time(tom, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    deliver(opened, batch(*detections(2)))
    assert [each["target_id"] for each in tom.sharing.batches] == [None, 12]


def test_a_target_that_was_paired_before_is_named_by_the_receivers_key(tom, adapter, batch, detections):
    """As by REST, which shows when it was made, before that TOM had the app."""
    made = "2026-01-02T03:04:05.678901Z"
    batch().state.update(receiver="https://tom.example.org/", target_id=12, target_created=made)
    deliver(adapter(), batch(*detections(1), target_keys={"site-uuid": "1.5"}))
    (sent,) = tom.sharing.batches
    assert sent["target_keys"] == {"site-uuid": "1.5", tom.sharing.about["origin"]: "12.1767323045678901"}


def test_a_receiver_with_sharecore_takes_several_senders_at_once(tom, adapter, batch, detections):
    opened = adapter()
    opened.ready()
    assert opened.knows_target(batch(*detections(1)))


def test_the_same_again_changes_nothing_and_an_edit_is_a_revision(tom, adapter, batch, detections):
    opened, (one, two) = adapter(), detections(2)
    deliver(opened, batch(one, two))
    edited = dataclasses.replace(two, brightness_error=0.5)
    assert opened.can_update
    outcomes = deliver(opened, batch(one, edited, previous={edited.key: "row/1"}))
    assert list(map(type, outcomes.values())) == [Duplicate, Accepted]
    assert opened.find(batch(one)) == {one.key: Absent()}


def test_a_rejected_record_names_its_field_and_the_others_are_stored(tom, adapter, batch, detections):
    tom.sharing.bad = {"1": ("bandpass", "it is too long"), "2": ("", "")}
    outcomes = deliver(adapter(), batch(*detections(4)))
    good, bad, odd, last = outcomes.values()
    assert isinstance(good, Accepted)
    assert isinstance(last, Accepted)
    assert bad == Rejected(reason="it is too long", field="bandpass")
    assert (odd.field, bool(odd.reason)) == (None, True)


def test_the_limits_of_the_receiver_are_kept(tom, adapter, batch, detections):
    tom.sharing.about["limits"] = {"records": 7, "bytes": 2500}
    opened = adapter()
    outcomes = deliver(opened, batch(*detections(20)))
    assert set(map(type, outcomes.values())) == {Accepted}
    assert len(outcomes) == 20
    assert opened.max_batch == 7
    sizes = [len(json.dumps(each, separators=(",", ":"))) for each in tom.sharing.batches]
    assert max(sizes) <= 2500
    assert max(len(each["records"]) for each in tom.sharing.batches) <= 7


def test_one_record_that_is_too_large_is_rejected_alone(tom, adapter, batch, detections):
    tom.sharing.about["limits"] = {"records": 10, "bytes": 3000}
    small, large = detections(2)
    large = dataclasses.replace(large, extra={"note": "x" * 4000})
    outcomes = deliver(adapter(), batch(small, large))
    assert isinstance(outcomes[small.key], Accepted)
    assert "MB" in outcomes[large.key].reason


def test_a_batch_that_is_refused_as_too_large_is_halved(tom, adapter, batch, detections):
    tom.script("POST", BATCH, said(413, {"detail": "too many"}), None, said(413, {"detail": "too many"}))
    outcomes = deliver(adapter(), batch(*detections(8)))
    assert set(map(type, outcomes.values())) == {Accepted}
    assert [len(each["records"]) for each in tom.sharing.batches] == [4, 2, 2]


def test_kinds_that_the_receiver_does_not_take_stay_here(tom, adapter, batch, detections):
    tom.sharing.about["kinds"] = ["photometry"]
    (one,) = detections(1)
    other = OtherDatum(
        key=dataclasses.replace(one.key, kind="other"), timestamp=one.timestamp, data_type="x", extra={"a": 1}
    )
    outcomes = deliver(adapter(), batch(one, other))
    assert isinstance(outcomes[one.key], Accepted)
    assert isinstance(outcomes[other.key], Unsupported)


def test_nothing_goes_back_to_where_it_came_from(tom, adapter, batch, detections):
    ours, theirs, brought = detections(3)
    theirs = dataclasses.replace(theirs, key=dataclasses.replace(theirs.key, origin="receiver-uuid"))
    brought = dataclasses.replace(brought, key=dataclasses.replace(brought.key, origin="third-uuid"))
    by = {brought.key: "receiver-uuid"}
    opened = adapter()
    outcomes = deliver(opened, batch(ours, theirs, brought, relayed_by=by))
    assert outcomes[theirs.key] == outcomes[brought.key] == Duplicate()
    assert [each["key"]["id"] for each in tom.sharing.batches[0]["records"]] == [ours.key.id]
    assert deliver(opened, batch(theirs)) == {theirs.key: Duplicate()}
    assert len(tom.sharing.batches) == 1


def test_what_is_passed_on_keeps_what_its_observer_wrote(tom, adapter, batch, detections):
    (one,) = detections(1)
    theirs = dataclasses.replace(one, key=dataclasses.replace(one.key, origin="third-uuid"))
    deliver(adapter(), batch(theirs))
    assert record_from_wire(tom.sharing.batches[0]["records"][0]) == theirs


def test_a_receiver_with_our_own_identity_gets_nothing(tom, adapter, batch, detections):
    """A copied database: its records would all seem to be at home there."""
    tom.sharing.about["origin"] = "site-uuid"
    with pytest.raises(DestinationError, match="identity") as caught:
        deliver(adapter(), batch(*detections(2)))
    assert before(caught) == {}
    assert tom.sharing.batches == []


def test_the_target_alone_is_introduced(tom, adapter, batch):
    assert deliver(adapter(), batch()) == {}
    assert tom.sharing.batches[0]["records"] == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "no-right"), (404, "no-target"), (409, "several-targets"), (400, "target-refused")],
)
def test_a_refused_target_parks_the_records_with_the_reason(tom, adapter, batch, detections, status, code):
    refusal = said(status, {"detail": "Two targets: 'A' (id 1) and 'B' (id 2).", "code": code, "targets": []})
    tom.script("POST", BATCH, refusal, refusal)
    opened = adapter(CREATE_TARGETS=False)
    outcomes = deliver(opened, batch(*detections(2)))
    assert [each.field for each in outcomes.values()] == ["target", "target"]
    assert all("(id 2)" in each.reason for each in outcomes.values())
    with pytest.raises(TargetRefused, match="id 2"):
        deliver(opened, batch())
    assert tom.made("POST", DATA) == []
    assert tom.made("POST", BATCH)[0]["create_target"] is False


def test_refused_credentials_stop_the_call(tom, adapter, batch, detections):
    opened = adapter(API_KEY="tok-1")
    deliver(opened, batch(*detections(1)))
    tom.token = "tok-2"
    with pytest.raises(AuthenticationFailed):
        deliver(opened, batch(*detections(2)))


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_waited_for(tom, adapter, batch, detections, status):
    busy = (status, {"Retry-After": "60"}, "{}")
    tom.script("POST", BATCH, None, *[busy] * 3)
    tom.sharing.about["limits"]["records"] = 5
    records = detections(10)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(*records))
    assert caught.value.retry_after == 60
    assert list(before(caught)) == [each.key for each in records[:5]]


@pytest.mark.parametrize(
    "answer",
    [
        rq.ConnectionError(u3.ProtocolError("aborted", ConnectionResetError())),
        rq.ReadTimeout(),
        (502, {}, "bad gateway"),
        (504, {}, ""),
        said(200, []),
        said(200, {"records": [], "target": {"id": 1}}),
        said(200, {"records": [{"key": {}, "outcome": "accepted"}] * 2, "target": {"id": 1}}),
        (200, {"Content-Type": "text/html"}, "<html>"),
    ],
    ids=["reset", "time-out", "502", "504", "a list", "too few", "other keys", "a page"],
)
def test_without_a_clear_answer_nothing_is_certain_and_a_repeat_is_harmless(
    tom, adapter, batch, detections, answer
):
    opened, records = adapter(), detections(2)
    tom.script("POST", BATCH, answer)
    with pytest.raises(DestinationError) as caught:
        deliver(opened, batch(*records))
    assert {type(each) for each in before(caught).values()} == {Unconfirmed}
    assert set(before(caught)) == {each.key for each in records}
    assert set(opened.find(batch(*records)).values()) == {Absent()}
    assert set(map(type, deliver(opened, batch(*records)).values())) <= {Accepted, Duplicate}


def test_an_unknown_outcome_is_not_taken_for_one_that_we_know(tom, adapter, batch, detections):
    (one,) = detections(1)
    key = {"kind": "photometry", "origin": one.key.origin, "id": one.key.id}
    tom.script(
        "POST", BATCH, said(200, {"target": {"id": 1}, "records": [{"key": key, "outcome": "queued"}]})
    )
    (outcome,) = deliver(adapter(), batch(one)).values()
    assert isinstance(outcome, Unconfirmed)


@pytest.mark.parametrize(
    "answer",
    [
        PAGE,
        said(422, {"detail": "That protocol is not spoken.", "protocols": [2]}),
        said(400, {"detail": "records: must be a list, got dict."}),
        said(415, {"detail": "Send it as it is."}),
        said(405, {"detail": "Method not allowed."}),
        (500, {"Content-Type": "text/html"}, "<html>Server Error (500)"),
    ],
    ids=["gone", "protocol", "form", "encoding", "method", "broken"],
)
def test_without_batches_single_rows_go(tom, adapter, batch, detections, answer, caplog):
    opened, records = adapter(), detections(3)
    tom.add_target("SN 2026abc")
    tom.script("POST", BATCH, answer)
    with caplog.at_level(logging.WARNING):
        outcomes = deliver(opened, batch(*records))
    assert outcomes == {each.key: Accepted() for each in records}
    assert len(tom.rows) == 3
    assert "batches cannot be used" in caplog.text
    asked = len(tom.made("GET", SHARING))
    deliver(opened, batch(*detections(4)))
    assert len(tom.made("GET", SHARING)) == asked + 1, "asked again after the surprise"
    assert len(tom.sharing.batches) == 1


def test_without_batches_a_target_is_made_before_the_next_try(tom, adapter, batch, detections):
    opened, records = adapter(), detections(3)
    deliver(opened, batch(*records[:1], name="another"))  # it is known what that TOM runs
    tom.script("POST", BATCH, PAGE)
    waits = deliver(opened, batch(*records, state={}))
    assert {type(each) for each in waits.values()} == {Deferred}
    assert not opened.knows_target(batch(*records, state={}))
    tom.sharing = None
    assert deliver(opened, batch(*records, state={})) == {each.key: Accepted() for each in records}


def test_an_edit_waits_when_the_receiver_lost_its_batches(tom, adapter, batch, detections):
    opened, (one, two) = adapter(), detections(2)
    tom.add_target("SN 2026abc")
    tom.script("POST", BATCH, PAGE)
    outcomes = deliver(opened, batch(one, two, previous={two.key: "row/1"}))
    assert isinstance(outcomes[one.key], Accepted)
    assert isinstance(outcomes[two.key], Deferred)
    assert len(tom.rows) == 1
    tom.sharing = None
    opened.ready()
    assert not opened.can_update


def test_a_receiver_is_asked_again_after_an_hour(tom, adapter, batch, detections):
    now = [1000.0]
    opened = adapter(clock=lambda: now[0])
    sharing, tom.sharing = tom.sharing, None
    deliver(opened, batch(*detections(1)))
    tom.sharing = sharing
    deliver(opened, batch(*detections(2)))
    assert sharing.batches == []
    now[0] += 3601
    deliver(opened, batch(*detections(3)))
    assert len(sharing.batches) == 1
    assert len(tom.made("GET", SHARING)) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PAGE, ""),
        ((302, {"Location": "/accounts/login/?next=/api/sharing/"}, ""), ""),
        ((403, {}, ""), ""),
        ((200, {"Content-Type": "text/html"}, "<html>"), ""),
        (said(200, {"hello": "world"}), ""),
        (said(200, {"protocols": [2, 3], "origin": "x"}), "protocols [2, 3]"),
        (said(200, {"protocols": [1], "origin": "x", "limits": {"records": "many"}}), "not understood"),
        (
            said(200, {"protocols": [1], "origin": None, "limits": {"records": 1, "bytes": 1}}),
            "not understood",
        ),
        ((500, {}, "<html>"), "out of order"),
    ],
)
def test_what_is_no_sharecore_gets_single_rows(tom, adapter, batch, detections, answer, words):
    tom.script("GET", SHARING, answer, answer)  # twice: a refusal renews the login
    opened = adapter()
    assert deliver(opened, batch(*detections(1))) == {detections(1)[0].key: Accepted()}
    assert not opened.can_update
    assert words in opened.describe()
    assert tom.sharing.batches == []


def test_a_busy_receiver_is_not_taken_for_a_stock_one(tom, adapter, batch, detections):
    tom.script("GET", SHARING, *[(503, {"Retry-After": "30"}, "")] * 3)
    with pytest.raises(DestinationError) as caught:
        deliver(adapter(), batch(*detections(1)))
    assert caught.value.retry_after == 30


def test_the_preview_is_the_batch_also_in_a_later_process(tom, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    calls = len(tom.calls)
    for each in (opened, adapter()):
        shown = each.preview(batch(*detections(1)))
        assert json.loads(shown.body) == {**tom.sharing.batches[0], "target_id": 12}
        assert "sharecore 1.2" in shown.note
    assert len(tom.calls) == calls


def test_a_check_says_which_transport_is_taken(tom, adapter):
    opened = adapter(BULK_UPLOAD=True)
    (problem,) = opened.check()
    assert (problem.where, problem.fatal) == ("DATA_SHARING['b']['BULK_UPLOAD']", False)
    assert "batches" in problem.what
    assert "sharecore 1.2" in opened.describe()
