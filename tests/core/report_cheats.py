"""Cheats with reports: each is an adapter that takes reports and does one thing wrong.

A row has the rule that finds it, the adapter, what else the rule is given, and what the rule says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.lamp import SECRET, Lamp, Morse, lamp
from sharecore import (
    Absent,
    Accepted,
    DestinationError,
    FieldType,
    Kind,
    Present,
    Preview,
    Problem,
    ReportField,
    ReportForm,
    Unconfirmed,
    Unsupported,
)


def morse(**attributes: Any) -> Any:
    return lamp(type("Bad", (Morse,), attributes))


def answering(value: Any) -> Callable[..., Any]:
    return lambda *args: value


def suggesting(**field: Any) -> Any:
    """Offers a form whose field suggests something."""

    def forms(self: Any, batch: Any) -> Any:
        return [ReportForm(name="morse", label="M", fields=(ReportField(name="text", label="T", **field),))]

    return morse(report_forms=forms)


def suggesting_a_spectrum(self: Any, batch: Any) -> Any:
    """Suggests a spectrum where only detections can be chosen."""
    spectrum = next(each for each in batch.records if each.key.kind is Kind.SPECTRUM)
    field = ReportField(
        name="text",
        label="T",
        type=FieldType.DATUM,
        kinds=(Kind.PHOTOMETRY,),
        initial=str(spectrum.key),
    )
    return [ReportForm(name="morse", label="M", fields=(field,))]


def asking_the_server(self: Any, *args: Any) -> Any:
    self.check()
    return ()


def by_sending(self: Any, report: Any, batch: Any) -> Any:
    """Finds out what is similar by sending."""
    Morse.deliver_report(self, report, batch)
    return ()


def nowhere(self: Any, batch: Any) -> Any:
    """Asks for a position that a target need not have."""
    return Morse.report_forms(self, batch) if batch.target.position.ra else 1 / 0


def twice(self: Any, report: Any, batch: Any) -> Any:
    """Tries again after no answer."""
    outcome = Morse.deliver_report(self, report, batch)
    return Morse.deliver_report(self, report, batch) if isinstance(outcome, Unconfirmed) else outcome


def as_not_sent(self: Any, report: Any, batch: Any) -> Any:
    """Takes no answer for not sent."""
    outcome = Morse.deliver_report(self, report, batch)
    if isinstance(outcome, Unconfirmed):
        raise DestinationError(outcome.reason)
    return outcome


def telling(self: Any, report: Any, batch: Any) -> Any:
    return Preview(content_type="text/plain", body=f"with {SECRET}")


UNKNOWN = Problem(where="colour", what="is missing", hint="Give one.")

REPORT_CHEATS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("forms_of_reports_can_be_filled_in", morse(report_forms=answering(())), {}, "gives no form"),
    ("forms_of_reports_can_be_filled_in", morse(takes_reports=False), {}, "nobody sees the forms"),
    ("forms_of_reports_can_be_filled_in", morse(report_forms=answering(["a"])), {}, "answers with forms"),
    (
        "forms_of_reports_can_be_filled_in",
        morse(report_forms=lambda self, batch: 2 * Morse.report_forms(self, batch)),
        {},
        "a name of its own",
    ),
    (
        "forms_of_reports_can_be_filled_in",
        suggesting(type=FieldType.DATA, initial=["a/photometry/1"]),
        {},
        "not in the batch",
    ),
    (
        "forms_of_reports_can_be_filled_in",
        suggesting(type=FieldType.NUMBER, initial="1"),
        {},
        "report_forms raised ValueError",
    ),
    (
        "forms_of_reports_can_be_filled_in",
        morse(report_forms=suggesting_a_spectrum),
        {},
        "cannot be chosen",
    ),
    ("forms_of_reports_can_be_filled_in", morse(report_forms=nowhere), {}, "raised ZeroDivisionError"),
    (
        "what_is_said_of_a_report_belongs_to_a_field",
        morse(check_report=answering([UNKNOWN])),
        {},
        "finds a fault in Subject.report",
    ),
    (
        "what_is_said_of_a_report_belongs_to_a_field",
        morse(check_report=lambda self, report, batch: () if report.values else [UNKNOWN]),
        {},
        "'colour' is no field of the form 'morse'",
    ),
    (
        "what_is_said_of_a_report_belongs_to_a_field",
        morse(check_report=lambda self, report, batch: len(report.values["text"]) * ()),
        {},
        "check_report raised KeyError",
    ),
    ("questions_about_a_report_send_none", morse(check_report=asking_the_server), {}, "no connection"),
    ("questions_about_a_report_send_none", morse(preview_report=answering("x")), {}, "gave a str"),
    ("questions_about_a_report_send_none", morse(similar_reports=answering([1])), {}, "with sentences"),
    ("questions_about_a_report_send_none", morse(similar_reports=by_sending), {}, "that delivers"),
    (
        "a_report_is_delivered_and_found",
        morse(deliver_report=Lamp.deliver_report),
        {},
        "to Subject.report",
    ),
    ("a_report_is_delivered_and_found", morse(deliver_report=answering(None)), {}, "gave a NoneType"),
    ("a_report_is_delivered_and_found", morse(deliver_report=answering(Accepted())), {}, "nothing arrived"),
    (
        "a_report_is_delivered_and_found",
        morse(find_report=answering(Absent())),
        {},
        "not there which was taken",
    ),
    ("a_report_is_delivered_and_found", morse(find_report=answering(Accepted())), {}, "gave a Accepted"),
    (
        "a_report_is_delivered_and_found",
        morse(find_report=answering(Present(content=""))),
        {},
        "never sent",
    ),
    ("a_report_is_delivered_and_found", morse(takes_reports=False), {}, "takes no reports, and takes one"),
    (
        "a_report_without_an_answer_is_unconfirmed",
        morse(deliver_report=as_not_sent),
        {"fault": "LOST"},
        "DestinationError",
    ),
    ("a_report_without_an_answer_is_unconfirmed", morse(deliver_report=twice), {"fault": "LOST"}, "2 times"),
    (
        "a_report_without_an_answer_is_unconfirmed",
        morse(find_report=answering(Absent())),
        {"fault": "LOST"},
        "sent twice",
    ),
    (
        "a_report_without_an_answer_is_unconfirmed",
        morse(find_report=answering(Present(content=""))),
        {"fault": "RESET"},
        "what never arrived",
    ),
    (
        "a_report_without_an_answer_is_unconfirmed",
        morse(deliver_report=answering(Unsupported(reason="no", feature="reports"))),
        {"fault": "RESET"},
        "Unsupported",
    ),
    ("no_secret_is_shown", morse(preview_report=telling), {}, "a secret is shown"),
]
