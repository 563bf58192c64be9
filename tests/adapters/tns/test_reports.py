"""What TNS gets, what it answers, and that nothing is submitted twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tns.conftest import Open
from adapters.tns.samples import DETECTION, LIMIT, NIGHT, SPECTRUM, at_report, classification
from sharecore import (
    Accepted,
    AuthenticationFailed,
    DestinationError,
    Duplicate,
    Outcome,
    Present,
    Rejected,
    Report,
    Submitted,
    Unconfirmed,
)
from sharecore.call_delay import delays
from sharecore.testing import Fault, Request, answer, example_batch, example_record, watched_sockets
from sharecore.testing.contract.http import SHORT
from sharecore_tns.adapter import TnsAdapter
from sharecore_tns.feedback import outcome
from standins.tns import KEY, MARKER, Tns, told

pytestmark = pytest.mark.usefixtures("short_pauses")


def submits(request: Request) -> bool:
    return request.path == "/api/set/bulk-report"


def send(adapter: TnsAdapter, report: Report) -> Outcome:
    return adapter.deliver_report(report, example_batch())


def ask(adapter: TnsAdapter, report: Report, ticket: str) -> Outcome | None:
    return dict(adapter.follow(example_batch(), {report.key: ticket})).get(report.key)


def settle(adapter: TnsAdapter, report: Report) -> Outcome | None:
    """Submit a report, and ask until there is an answer."""
    sent = send(adapter, report)
    assert isinstance(sent, Submitted), sent
    while isinstance(told := ask(adapter, report, sent.ticket), Submitted):
        sent = told
    return told


def test_an_at_report_has_what_the_form_says(there: Tns, opened: Open) -> None:
    flux = replace(
        DETECTION, key=example_record().key, timestamp=NIGHT + timedelta(milliseconds=250), brightness=90.0,
        brightness_error=2.0, limit=10.0, unit="uJy", bandpass="V", exposure_time=None,
    )  # fmt: skip
    report = at_report(
        photometry=(DETECTION, flux, LIMIT), host_name="NGC 1", host_redshift=0.01, remarks="bright",
        observer="Robot", proprietary_period=30, proprietary_period_units="days", proprietary_groups=["2"],
        ra=150.1234567891234,
    )  # fmt: skip
    assert settle(opened(), report) == Accepted(
        remote_id=f"{there.server.url.split('/')[2]}/object/2026aaa", target_name="AT 2026aaa (sandbox)"
    )
    (content,) = there.submitted.values()
    limiting = {
        "obsdate": "2026-01-09 03:04:05.678901", "limiting_flux": 21.0, "flux_unitid": "1", "filterid": "14",
        "instrumentid": "111", "observer": "Robot",
    }  # fmt: skip
    limiting["obsdate"] = LIMIT.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    night = NIGHT.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    later = flux.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    assert content == {
        "at_report": {
            "0": {
                "ra": {"value": 150.12345679, "error": 0.123, "units": "arcsec"},
                "dec": {"value": -12.5, "error": 0.2, "units": "arcsec"},
                "reporting_groupid": "66",
                "data_source_groupid": "66",
                "reporter": "A. Author (Our Observatory)",
                "discovery_datetime": night,
                "at_type": "1",
                "host_name": "NGC 1",
                "host_redshift": 0.01,
                "internal_name": "ours-1",
                "remarks": "bright",
                "proprietary_period_groups": ["2"],
                "proprietary_period": {"proprietary_period_value": 30, "proprietary_period_units": "days"},
                "non_detection": limiting,
                "photometry": {
                    "photometry_group": {
                        "0": {
                            "obsdate": night, "flux": 18.25, "flux_error": 0.05, "flux_unitid": "1",
                            "filterid": "22", "instrumentid": "111", "exptime": 30.0, "observer": "Robot",
                        },
                        "1": {
                            "obsdate": later, "flux": 0.09, "flux_error": 0.002, "limiting_flux": 0.01,
                            "flux_unitid": "9", "filterid": "14", "instrumentid": "111", "observer": "Robot",
                        },
                        "2": limiting,
                    }
                },
            }
        }
    }  # fmt: skip


def test_requests_are_forms_with_marker_and_key(there: Tns, opened: Open) -> None:
    adapter, report = opened(), at_report()
    send(adapter, report)
    (request,) = filter(submits, there.server.requests)
    assert request.headers["user-agent"] == MARKER
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    fields = parse_qs(request.body.decode())
    assert fields["api_key"] == [KEY]
    preview = adapter.preview_report(report, example_batch())
    assert json.loads(fields["data"][0]) == json.loads(preview.body), "the preview is what is sent"
    assert KEY not in preview.body + preview.note
    assert "SANDBOX" in preview.note


def test_the_names_before_tns_2_can_be_sent(there: Tns, opened: Open) -> None:
    send(opened(OLD_NAMES=True), at_report())
    (content,) = there.submitted.values()
    report = content["at_report"]["0"]
    assert (report["reporting_group_id"], report["discovery_data_source_id"]) == ("66", "66")
    point = report["photometry"]["photometry_group"]["0"]
    assert (point["flux_units"], point["filter_value"], point["instrument_value"]) == ("1", "22", "111")


def test_an_internal_name_can_be_made_by_tns(there: Tns, opened: Open) -> None:
    parts = {"prefix": "Ours", "year_format": "YY", "postfix": ""}
    adapter = opened(INTERNAL_NAME_FORMAT=parts)
    for report in (at_report(without=("internal_name",)), at_report()):
        send(adapter, report)
    made, named = (each["at_report"]["0"] for each in there.submitted.values())
    assert made["internal_name_format"] == parts
    assert "internal_name_format" not in named


def test_an_object_that_is_there_gets_the_report(there: Tns, opened: Open) -> None:
    there.add("2025zzz", 150.1, -12.5 + 1 / 3600, name_prefix="SN")
    told = settle(opened(), at_report())
    assert isinstance(told, Accepted)
    assert told.target_name == "SN 2025zzz (sandbox)"
    assert len(there.stored) == 1


def test_an_identical_report_is_there_already(there: Tns, opened: Open) -> None:
    adapter = opened()
    settle(adapter, at_report())
    assert settle(adapter, at_report()) == Duplicate()
    assert len(there.stored) == 1


def test_a_report_that_tns_refuses_names_the_field(there: Tns, opened: Open) -> None:
    told = settle(opened(), at_report(reporting_group="7"))
    assert told == Rejected(
        reason="TNS refuses the report: reporting_groupid: Invalid group", field="reporting_group"
    )
    del there.values["filters"]["22"]
    told = settle(opened(), at_report(internal_name="b"))
    assert isinstance(told, Rejected)
    assert (told.field, "Invalid value" in told.reason) == ("discovery", True)


def test_a_classification_uploads_its_spectrum_first(there: Tns, opened: Open) -> None:
    there.add("2026aaa", 10.0, 10.0)
    adapter, report = opened(), classification(spectrum_remarks="noisy", proprietary_period=1)
    told = settle(adapter, report)
    assert isinstance(told, Accepted)
    assert told.target_name == "SN 2026aaa (sandbox)"
    ((name, body),) = there.files.items()
    assert body == b"4000 1e-16\n4010 2e-16\n"
    (content,) = there.submitted.values()
    night = NIGHT.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    period = {"proprietary_period_value": 1, "proprietary_period_units": "days"}
    assert content["classification_report"]["0"] == {
        "name": "2026aaa", "classifier": "A. Author", "objtypeid": "3", "redshift": 0.05, "groupid": "66",
        "class_proprietary_period": period,
        "spectra": {"spectra-group": {"0": {
            "obsdate": night, "instrumentid": "6", "observer": "B. Observer", "reducer": "C. Reducer",
            "spectypeid": "1", "ascii_file": name, "remarks": "noisy", "spec_proprietary_period": period,
        }}},
    }  # fmt: skip
    again = settle(adapter, classification())
    assert again == Accepted(), "a second classification gives no new name"
    assert "4000 1e-16" in adapter.preview_report(report, example_batch()).body


def test_errors_of_a_spectrum_go_with_it_where_all_are_there(there: Tns, opened: Open) -> None:
    there.add("2026aaa", 10.0, 10.0)
    whole = replace(SPECTRUM, error=(1e-17, 2e-17), flux_unit="", wavelength_unit="Angstrom")
    settle(opened(), classification(spectrum=(whole,)))
    assert list(there.files.values()) == [b"400 1e-16 1e-17\n401 2e-16 2e-17\n"]


def test_a_spectrum_that_cannot_be_uploaded_costs_nothing(there: Tns, opened: Open) -> None:
    there.server.will(Fault.LOST, where=lambda request: "file-upload" in request.path)
    with pytest.raises(DestinationError):
        send(opened(), classification())
    assert there.submitted == {}


def test_a_report_with_a_problem_is_not_sent(there: Tns, opened: Open) -> None:
    told = send(opened(), at_report(reporter=""))
    assert told == Rejected(reason="TNS needs the names of the reporters. Fill it in.", field="reporter")
    assert there.server.requests == []


@pytest.mark.parametrize(
    "fault", [Fault.LOST, Fault.RESET, answer(504), answer(502), answer(500), answer(200, {"data": {}})]
)
def test_after_a_lost_answer_nobody_submits_again(there: Tns, opened: Open, fault: Any) -> None:
    there.server.will(fault, times=1, where=submits)
    adapter, report = opened(), at_report()
    assert isinstance(send(adapter, report), Unconfirmed)
    assert len(list(filter(submits, there.server.requests))) == 1
    found = adapter.find_report(report, example_batch())
    assert isinstance(found, Present) if fault is Fault.LOST else found is None


def test_a_504_after_accepting_is_found(there: Tns, opened: Open) -> None:
    def accepts(request: Request) -> Any:
        there.server.well(request)
        return answer(504)

    there.server.will(accepts, times=1, where=submits)
    adapter, report = opened(), at_report()
    assert isinstance(send(adapter, report), Unconfirmed)
    found = adapter.find_report(report, example_batch())
    assert isinstance(found, Present)
    assert (found.target_name, len(there.stored)) == ("AT 2026aaa (sandbox)", 1)


@pytest.mark.parametrize(
    "others",
    [
        {"discoverer_internal_name": "ours-1"},
        {"discoverer_internal_name": "ours-1", "reporting_group": {"groupid": 66}, "radeg": 150.2},
        {"discoverer_internal_name": "theirs", "reporting_group": {"groupid": 66}},
        {"discoverer_internal_name": "ours-1", "reporting_group": None},
    ],
)
def test_what_may_be_of_others_is_no_evidence(there: Tns, opened: Open, others: dict[str, Any]) -> None:
    there.add("2026aaa", 150.1, -12.5)
    there.objects["2026aaa"] |= others
    assert opened().find_report(at_report(), example_batch()) is None


def test_two_objects_of_one_name_are_no_evidence(there: Tns, opened: Open) -> None:
    ours = {"discoverer_internal_name": "ours-1", "reporting_group": {"groupid": 66}}
    there.add("2026aaa", 150.1, -12.5, **ours)
    adapter = opened()
    assert isinstance(adapter.find_report(at_report(), example_batch()), Present)
    assert adapter.find_report(at_report(without=("internal_name",)), example_batch()) is None
    assert adapter.find_report(classification(), example_batch()) is None
    there.add("2026aab", 150.1, -12.5, **ours)
    assert adapter.find_report(at_report(), example_batch()) is None


def test_a_bot_that_is_refused_stops(there: Tns, opened: Open) -> None:
    with pytest.raises(AuthenticationFailed, match=r"TNS refuses the bot: HTTP 401.*\['API_KEY'\]"):
        send(opened(API_KEY="0" * 40), at_report())
    assert there.submitted == {}


def test_the_rate_limit_is_kept(there: Tns, opened: Open) -> None:
    adapter, report = opened(), at_report()
    reset = {"x_rate_limit_reset": "42", "x_rate_limit_remaining": "0"}
    there.server.will(answer(429, {}, **reset), times=1)
    with pytest.raises(DestinationError) as stopped:
        send(adapter, report)
    assert stopped.value.retry_after == 42
    there.server.will(lambda request: replace_headers(there.server.well(request), reset), times=1)
    with delays() as waits:
        assert isinstance(send(adapter, report), Submitted)
    assert waits == [42]


def replace_headers(given: Any, headers: dict[str, str]) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(given, headers={**given.headers, **named})


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(200, {}), answer(200, {"data": {"feedback": {}}}),
        answer(200, {"data": {"feedback": {"at_report": [{"at_rep": 7}]}}}), answer(400, {"data": None}),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_is_asked_for_later(there: Tns, opened: Open, nonsense: Any) -> None:
    adapter, report = opened(), at_report()
    sent = send(adapter, report)
    assert isinstance(sent, Submitted)
    there.server.will(nonsense, times=1)
    assert ask(adapter, report, sent.ticket) is None
    ask(adapter, report, sent.ticket)
    assert isinstance(ask(adapter, report, sent.ticket), Accepted)


@pytest.mark.parametrize("broken", [answer(404), answer(500), answer(504), Fault.HANG, answer(301)])
def test_a_question_without_answer_is_repeated(there: Tns, opened: Open, broken: Any) -> None:
    adapter, report = opened(), at_report()
    sent = send(adapter, report)
    assert isinstance(sent, Submitted)
    there.server.will(broken)
    with watched_sockets(longest=SHORT), pytest.raises(DestinationError):
        ask(adapter, report, sent.ticket)
    assert len(there.submitted) == 1


def test_a_ticket_of_another_tns_is_not_asked_for_here(there: Tns, opened: Open) -> None:
    adapter, report = opened(), at_report()
    told = ask(adapter, report, "www.wis-tns.org/100000")
    assert isinstance(told, Unconfirmed)
    assert there.server.requests == []


def test_what_is_near_is_said_before(there: Tns, opened: Open) -> None:
    there.add("2025abc", 150.1, -12.5 + 0.4 / 3600, name_prefix="SN", object_type={"name": "SN Ia"})
    there.add("2025abd", 150.1, -12.5 + 30 / 3600, discoverer_internal_name="ours-1")
    there.add("2025abe", 10.0, 10.0)
    assert opened().similar_reports(at_report(), example_batch()) == [
        "SN 2025abc is 0.4 arcsec away, classified as SN Ia",
        "AT 2025abd has the internal name ours-1",
    ]
    assert opened().similar_reports(at_report(ra=1.0, internal_name=""), example_batch()) == []


def test_a_classification_hears_what_is_there(there: Tns, opened: Open) -> None:
    adapter, batch = opened(), example_batch()
    assert adapter.similar_reports(classification(), batch) == ["TNS shows no object 2026aaa"]
    there.add("2026aaa", 10.0, 10.0)
    assert adapter.similar_reports(classification(), batch) == []
    settle(adapter, classification())
    assert adapter.similar_reports(classification(), batch) == ["SN 2026aaa is there, classified as SN Ia"]


def test_the_live_tns_gives_names_without_a_remark() -> None:
    feedback = {"data": {"feedback": {"at_report": [{"100": {"objname": "2026abc"}}]}}}
    assert outcome(200, feedback, host="www.wis-tns.org", live=True) == Accepted(
        remote_id="www.wis-tns.org/object/2026abc", target_name="AT 2026abc"
    )
    messages = [{"121": {"new_object_name": "TDE2026abc"}}]
    renamed = {"data": {"feedback": {"classification_report": [{"classification_messages": messages}]}}}
    told = outcome(200, renamed, host="x", live=True)
    assert getattr(told, "target_name", "") == "TDE 2026abc"


def test_a_link_leads_to_the_tns_that_gave_the_name(opened: Open) -> None:
    link: Callable[[str], str] = opened().link
    assert link("www.wis-tns.org/object/2026abc") == "https://www.wis-tns.org/object/2026abc"
    assert link("sandbox.wis-tns.org/object/2026abc") == "https://sandbox.wis-tns.org/object/2026abc"
    assert link("evil.example/object/2026abc") == link("2026abc") == ""


def test_an_envelope_of_tns_is_quoted(there: Tns, opened: Open) -> None:
    there.server.will(told(400, "Report is too long"), where=submits)
    assert send(opened(), at_report()) == Rejected(
        reason="TNS refuses the report: HTTP 400, Report is too long"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["5", "100", "101", "121", "message", "message_id", "objname", "ra", "at_report",
                             "classification_report", "classification_messages", "new_object_name"]),
            inner, max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(status=st.sampled_from([200, 400]), feedback=JSON)
def test_any_answer_is_read_without_an_error(status: int, feedback: Any) -> None:
    told = outcome(status, {"data": {"feedback": feedback}}, host="x", live=True)
    assert told is None or isinstance(told, Accepted | Duplicate | Rejected)
    if isinstance(told, Accepted):
        assert status == 200
