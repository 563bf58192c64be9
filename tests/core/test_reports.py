"""Reports about a target: their form, their content, and their way through the dispatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from sharecore import (
    Accepted,
    Deferred,
    DestinationError,
    Destinations,
    FieldType,
    Filter,
    InvalidRecord,
    Kind,
    Names,
    PluginError,
    Present,
    Registry,
    Release,
    Report,
    ReportField,
    ReportForm,
    Spectrum,
    Unconfirmed,
    Unsupported,
    Withheld,
    WithholdRequest,
    as_json,
    fingerprint,
    hookimpl,
)
from sharecore.dispatch import dispatch_alone, look_up_report
from sharecore.exceptions import ConfigurationError
from sharecore.guarded_adapter import Guarded
from sharecore.testing import MemoryPlugin
from sharecore.testing.examples import START, example_batch, example_file, example_record, example_report

FORM = ReportForm(
    name="at-report",
    label="AT report",
    fields=(
        ReportField(name="reporter", label="Reporter", type=FieldType.TEXT, required=True),
        ReportField(name="detection", label="Detection", type=FieldType.DATUM, kinds=(Kind.PHOTOMETRY,)),
    ),
)


class Site:
    """A registry with a destination in memory that takes one form, and plugins beside it."""

    def __init__(self, *plugins: object, required: tuple[str, ...] = ()) -> None:
        self.memory = MemoryPlugin()
        self.memory["x"].forms = [FORM]
        self.registry = Registry(required=required)
        for number, each in enumerate((self.memory, *plugins)):
            self.registry.register(each, name=f"plugin{number}")
        self.destination = Destinations.parse({"x": {"ADAPTER": "memory"}}, self.registry)["x"]

    def send(self, report: Report, adapter: Any = None) -> Any:
        adapter = adapter or self.destination.open()
        batch = example_batch()
        result = dispatch_alone(self.registry, self.destination, adapter, batch, report)
        return result.results.get(report.key), result


def test_a_report_is_its_values_and_the_content_of_its_data() -> None:
    detection, spectrum = example_record(), example_record(Spectrum)
    report = example_report(
        values={"z": 0.1}, data={"detection": [detection], "spectra": [spectrum, detection]}
    )
    assert report.records == (detection, spectrum)
    same = replace(report, data={**report.data, "detection": (replace(detection, key=spectrum.key),)})
    edited = replace(report, data={**report.data, "detection": (replace(detection, brightness=19.0),)})
    assert fingerprint(same) == fingerprint(report)
    assert len({fingerprint(each) for each in (report, edited, replace(report, values={"z": 0.2}))}) == 3
    shown = as_json(report)
    assert (shown["form"], shown["values"]) == ("at-report", {"z": 0.1})
    assert shown["data"]["spectra"] == [as_json(spectrum), as_json(detection)]


def test_numbers_that_are_not_finite_are_blank_in_a_report() -> None:
    assert example_report(values={"z": float("nan"), "all": [1.0, float("inf")]}).values == {
        "z": None,
        "all": [1.0, None],
    }


def test_chosen_data_are_records() -> None:
    with pytest.raises(InvalidRecord, match=r"detection: must hold records, got a str"):
        example_report(data={"detection": ["3"]})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "a b"}, "name of a field"),
        ({"type": "colour"}, "colour"),
        ({"type": FieldType.CHOICE}, "needs choices"),
        ({"choices": [("a", "A")]}, "choices are for"),
        ({"type": FieldType.CHOICE, "choices": [("a", "A"), ("a", "B")]}, "a value of their own"),
        ({"kinds": (Kind.SPECTRUM,)}, "kinds are for"),
        ({"type": FieldType.DATA, "kinds": (Kind.FILE,)}, "kinds of data, got file"),
        ({"type": FieldType.NUMBER, "initial": float("inf")}, "no value of the type number"),
        ({"type": FieldType.NUMBER, "initial": True}, "no value of the type number"),
        ({"type": FieldType.TIME, "initial": "2026-01-02T03:04:05"}, "no value of the type time"),
        ({"type": FieldType.CHOICES, "choices": [("a", "A")], "initial": ["b"]}, "no value of the type"),
        ({"type": FieldType.DATA, "initial": "a key"}, "no value of the type data"),
        ({"type": FieldType.YES_NO, "initial": "no"}, "no value of the type yes-no"),
    ],
)
def test_a_field_that_cannot_be_filled_in_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ReportField(**{"name": "a", "label": "A", "type": FieldType.TEXT, **wrong})


def test_a_form_names_each_field_once() -> None:
    with pytest.raises(ValueError, match="a name of its own"):
        replace(FORM, fields=(*FORM.fields, FORM.fields[0]))
    with pytest.raises(ValueError, match="must have fields"):
        replace(FORM, fields=())


def test_a_report_is_sent_alone_and_observed() -> None:
    seen: list[Any] = []

    class Observer:
        @hookimpl
        def sharecore_delivered(self, report: Any) -> None:
            seen.append(report)

    site, report = Site(Observer()), example_report()
    outcome, _ = site.send(report)
    assert outcome == Accepted(remote_id="report-1")
    assert site.memory["x"].reports == {"report-1": report}
    assert [each.records for each in seen] == [(report,)]


def test_a_report_stays_with_the_data_that_stay() -> None:
    asked: list[Any] = []

    class Careful:
        @hookimpl
        def sharecore_withhold(self, request: WithholdRequest) -> str | None:
            asked.append(request.record)
            return "proprietary" if request.record.extra.get("proprietary") else None

        @hookimpl
        def sharecore_convert(self, request: Any) -> Any:
            raise AssertionError("reports and their data are not converted")

    site = Site(Careful())
    free, secret = example_record(), example_record(extra={"proprietary": True})
    report = example_report(data={"detection": [free], "others": [free, secret]})
    outcome, _ = site.send(report)
    assert outcome == Withheld(reason="proprietary")
    assert asked == [report, free, secret]
    assert site.memory["x"].reports == {}
    assert site.send(example_report(data={"detection": [free]}))[0] == Accepted(remote_id="report-1")


def test_a_destination_without_forms_gets_no_report() -> None:
    site = Site()
    site.memory["x"].forms = []
    outcome, _ = site.send(example_report())
    assert outcome == Unsupported(reason="x takes no reports", feature="reports")


@pytest.mark.parametrize("alone", [example_report(), example_file()], ids=["report", "file"])
def test_a_missing_plugin_keeps_everything(alone: Any) -> None:
    site = Site(required=("absent",))
    with pytest.raises(ConfigurationError, match="absent"):
        site.send(alone)
    assert site.memory["x"].calls == []


def test_a_filter_and_a_release_look_at_the_data_of_a_report() -> None:
    faint = example_record(instrument="old", timestamp=START)
    report = example_report(data={"detection": [example_record(), faint]})
    without_old = Filter(instruments=Names(but_not=("old",)))
    assert "lets through no data" in without_old.objection(report, own=True)
    assert Filter(kinds=(Kind.PHOTOMETRY,)).admits(report, own=True)
    assert not Filter(kinds=(Kind.SPECTRUM,)).admits(report, own=True)
    assert not Filter(own=True).admits(report, own=False)
    with pytest.raises(ValueError, match="a report is tested by its data"):
        Filter(kinds=(Kind.REPORT,))
    late = example_record(extra={"release_date": "2027-01-01"})
    assert Release().moment(report) is None
    assert Release().moment(replace(report, data={"a": (faint, late)})) == Release().moment(late)


@contextmanager
def spoilt(site: Site, **methods: Callable[..., Any]) -> Iterator[Guarded]:
    """The adapter of the site with methods in place of its own, behind the guard."""
    adapter = site.destination.open()
    kind = type("Bad", (type(adapter),), {"takes_reports": True, **methods})
    adapter.__class__ = kind
    yield Guarded(site.destination, lambda: adapter)


def fails(*args: Any) -> Any:
    raise KeyError("no such thing")


def exits(*args: Any) -> Any:
    raise SystemExit


@pytest.mark.parametrize("method", [fails, exits, lambda *args: "yes", lambda *args: None])
def test_what_an_adapter_does_wrong_leaves_a_report_in_doubt(method: Callable[..., Any]) -> None:
    site = Site()
    with spoilt(site, deliver_report=method) as adapter:
        outcome, result = site.send(example_report(), adapter)
    assert isinstance(outcome, Unconfirmed)
    assert isinstance(result.stopped, PluginError)


def test_a_destination_that_is_down_got_no_report() -> None:
    site, report = Site(), example_report()
    site.memory["x"].report_answers = [DestinationError("down"), Deferred(reason="busy")]
    outcome, result = site.send(report)
    assert (outcome, result.unsent) == (None, (report.key,))
    assert site.send(report)[0] == Deferred(reason="busy")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("report_forms", lambda *args: [FORM, FORM]),
        ("report_forms", lambda *args: ["a form"]),
        ("report_forms", lambda *args: [ReportForm(name="", label="", fields=())]),
        ("check_report", lambda *args: "is wrong"),
        ("similar_reports", lambda *args: "AT 2026abc"),
        ("preview_report", lambda *args: "text"),
    ],
)
def test_a_question_answered_out_of_contract_is_a_fault_of_the_plugin(question: str, answer: Any) -> None:
    site = Site()
    arguments = [example_batch()] if question == "report_forms" else [example_report(), example_batch()]
    with spoilt(site, **{question: answer}) as adapter, pytest.raises(PluginError):
        getattr(adapter, question)(*arguments)


def test_a_report_is_looked_up() -> None:
    site, report = Site(), example_report()
    adapter, batch = site.destination.open(), example_batch()
    site.send(report)
    found = look_up_report(site.destination, adapter, batch, report)
    assert found == (Present(content=report, remote_id="report-1"), True)
    site.memory["x"].can_tell = False
    assert look_up_report(site.destination, adapter, batch, report) == (None, False)
    with spoilt(site, find_report=lambda *args: "there") as bad:
        assert look_up_report(site.destination, bad, batch, report) == (None, True)
