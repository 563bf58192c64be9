"""Rules of reports about a target: their forms, what is said of them, and their delivery."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sharecore.adapter import Preview
from sharecore.exceptions import DeliveryError, Problem
from sharecore.identity import fingerprint
from sharecore.outcomes import Absent, Deferred, Found, Outcome, Present, Rejected, Unconfirmed, Unsupported
from sharecore.records import DATA_KINDS, Record
from sharecore.reports import OF_DATA, ReportForm
from sharecore.testing.contract.bench import Bench
from sharecore.testing.examples import TARGETS, example_report
from sharecore.testing.sockets import watched_sockets


class Reports:
    """The reports that a person makes on a form of the destination; most adapters take none."""

    def test_forms_of_reports_can_be_filled_in(self, bench: Bench) -> None:
        """Offer forms where `takes_reports` says so, and nowhere else; suggest only records of the batch."""
        adapter = bench.open()
        forms = list(adapter.report_forms(bench.batch(*bench.examples.values())))
        strange = [each for each in forms if not isinstance(each, ReportForm)]
        assert not strange, f"report_forms answers with forms, and gave {strange}"
        if not adapter.takes_reports:
            assert not forms, "takes_reports is False, so that nobody sees the forms that report_forms gives"
            return
        assert forms, "takes_reports is True, and report_forms gives no form"
        assert len({form.name for form in forms}) == len(forms), "each form needs a name of its own"
        for form in forms:
            _suggests_what_is_there(bench, form)
        for target in TARGETS.values():
            with suppress(DeliveryError):
                adapter.report_forms(bench.batch(target=target))

    def test_what_is_said_of_a_report_belongs_to_a_field(self, bench: Bench) -> None:
        """Name a field of the form, or none, in each problem of a report, also of an empty one."""
        adapter = bench.open()
        if not adapter.takes_reports:
            return
        right, batch = bench.report, bench.batch()
        problems = list(adapter.check_report(right, batch))
        assert not problems, f"check_report finds a fault in Subject.report, which is right: {problems}"
        for form in adapter.report_forms(bench.batch(*bench.examples.values())):
            names = {"", *(field.name for field in form.fields)}
            for target in TARGETS.values():
                empty = example_report(form=form.name)
                for problem in adapter.check_report(empty, bench.batch(target=target)):
                    assert isinstance(problem, Problem), f"check_report gave a {type(problem).__name__}"
                    assert problem.where in names, (
                        f"{problem.where!r} is no field of the form {form.name!r}; "
                        "say in Problem.where which field is to be corrected, or nothing"
                    )

    def test_questions_about_a_report_send_none(self, bench: Bench) -> None:
        """Use no network for check and preview, and send nothing on any question."""
        adapter, batch = bench.open(), bench.batch()
        if not adapter.takes_reports:
            return
        arrivals = bench.arrivals()
        with watched_sockets() as watch:
            adapter.check_report(bench.report, batch)
            preview = adapter.preview_report(bench.report, batch)
        assert isinstance(preview, Preview), f"preview_report gave a {type(preview).__name__}"
        assert watch.uses == [], "check_report and preview_report make no connection"
        for sentence in adapter.similar_reports(bench.report, batch):
            assert isinstance(sentence, str), "similar_reports answers with sentences"
        adapter.find_report(bench.report, batch)
        assert not arrivals.requests, "a question about a report sent a request that delivers"
        assert not arrivals.entries, "a question about a report stored something at the destination"

    def test_a_report_is_delivered_and_found(self, bench: Bench) -> None:
        """Take `Subject.report`; refuse reports where none are taken. Find what is there alone."""
        adapter, arrivals = bench.open(), bench.arrivals()
        if not adapter.takes_reports:
            outcome = adapter.deliver_report(example_report(), bench.batch())
            assert isinstance(outcome, Unsupported), "takes no reports, and takes one"
            return
        report = bench.report
        content = fingerprint(report)
        outcome = bench.call_with(report, adapter)
        assert isinstance(outcome, Outcome), f"deliver_report gave a {type(outcome).__name__}"
        assert not isinstance(outcome, Rejected | Unsupported | Deferred | Unconfirmed), (
            f"answers {outcome} to Subject.report"
        )
        assert arrivals.any, "says that it took a report of which nothing arrived"
        assert fingerprint(report) == content, "deliver_report changed a value inside the report"
        found = adapter.find_report(report, bench.batch())
        assert found is None or isinstance(found, Found), f"find_report gave a {type(found).__name__}"
        assert not isinstance(found, Absent), "find_report says that a report is not there which was taken"
        other = replace(report, key=example_report().key, values={})
        assert not isinstance(adapter.find_report(other, bench.batch()), Present), (
            "find_report found a report that was never sent"
        )


def _suggests_what_is_there(bench: Bench, form: ReportForm) -> None:
    there = {str(record.key): record for record in bench.examples.values()}
    for field in form.fields:
        if field.type not in OF_DATA or field.initial is None:
            continue
        keys = [field.initial] if isinstance(field.initial, str) else list(field.initial)  # type: ignore[arg-type]
        records: list[Record | None] = [there.get(str(key)) for key in keys]
        assert None not in records, f"{form.name}: {field.name} suggests a record that is not in the batch"
        kinds = field.kinds or DATA_KINDS
        assert all(record.key.kind in kinds for record in records if record), (
            f"{form.name}: {field.name} suggests a record of a kind that cannot be chosen"
        )
