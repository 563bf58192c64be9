"""Guard an adapter: each of its methods, with its time limit and the form of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sharecore.adapter import Adapter, Batch, Preview, SentTest, Topic
from sharecore.adapter_answers import Heard, hear
from sharecore.call_thread import LOCAL_SECONDS
from sharecore.exceptions import PluginError, Problem
from sharecore.guarded_calls import GuardedCalls, named
from sharecore.outcomes import Deferred, Found, Outcome, Withdrawal
from sharecore.records import DataFile, RecordKey, Report
from sharecore.reports import OF_DATA, ReportField, ReportForm
from sharecore.settings import ROOT
from sharecore.texts import one_line


class Guarded(GuardedCalls, Adapter):
    """The adapter of a destination, called in safety. Its methods raise nothing but our own exceptions."""

    def __repr__(self) -> str:
        return f"<Guarded {self._destination.name}>"

    def ready(self) -> None:
        self._ask("ready", lambda adapter: adapter.ready(), self._seconds / 2)

    def probe(self, seconds: float) -> bool:
        return self._ask("probe", lambda adapter: bool(adapter.probe(seconds)), seconds + LOCAL_SECONDS)

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        def call(heard: Heard) -> None:
            self._ask("deliver", lambda adapter: heard.listen(adapter.deliver(batch)), self._seconds)

        return hear(named(self._destination), (record.key for record in batch.records), call)

    def knows_target(self, batch: Batch) -> bool:
        return self._ask("knows_target", lambda adapter: bool(adapter.knows_target(batch)), LOCAL_SECONDS)

    def ensure_target(self, batch: Batch) -> None:
        self._ask("ensure_target", lambda adapter: adapter.ensure_target(batch), self._seconds)

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        def send(adapter: Adapter) -> Outcome:
            try:
                return adapter.deliver_file(file, batch)
            except OSError as error:
                why = error.strerror or type(error).__name__
                return Deferred(reason=f"the file {file.name!r} cannot be read: {why}")

        return self._ask("deliver_file", send, self._seconds)

    def share_fields(self) -> Sequence[ReportField]:
        found = self._many("share_fields", ReportField, lambda adapter: adapter.share_fields(), LOCAL_SECONDS)
        if len({each.name for each in found}) < len(found) or any(each.type in OF_DATA for each in found):
            raise PluginError(f"{named(self._destination)} answered with fields that a share cannot have")
        return found

    def check_values(self, batch: Batch) -> Sequence[Problem]:
        return self._many("check_values", Problem, lambda adapter: adapter.check_values(batch))

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        forms = self._many("report_forms", ReportForm, lambda adapter: adapter.report_forms(batch))
        if len({form.name for form in forms}) < len(forms):
            raise PluginError(f"{named(self._destination)} answered with two forms of one name")
        return forms

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        return self._many(
            "check_report", Problem, lambda adapter: adapter.check_report(report, batch), LOCAL_SECONDS
        )

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        found = self._many("similar_reports", str, lambda adapter: adapter.similar_reports(report, batch))
        return tuple(map(one_line, found))

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        return self._ask(
            "preview_report",
            lambda adapter: self._one(adapter.preview_report(report, batch), Preview),
            LOCAL_SECONDS,
        )

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        return self._ask(
            "deliver_report", lambda adapter: adapter.deliver_report(report, batch), self._seconds
        )

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        return self._ask("find_report", lambda adapter: adapter.find_report(report, batch), self._seconds)

    def describe(self) -> str:
        return self._ask("describe", lambda adapter: self._one(adapter.describe(), str), LOCAL_SECONDS)

    def check(self) -> Sequence[Problem]:
        found = self._many("check", Problem, lambda adapter: adapter.check())
        where = f"{ROOT}[{self._destination.name!r}]"
        hint = "Report this to the author of the plugin."
        return [
            *found,
            *(Problem(where=where, what=each, hint=hint, fatal=False) for each in self._complaints.values()),
        ]

    def topics(self) -> Sequence[Topic]:
        return self._many("topics", Topic, lambda adapter: adapter.topics())

    def preview(self, batch: Batch) -> Preview:
        return self._ask(
            "preview", lambda adapter: self._one(adapter.preview(batch), Preview), self._seconds / 2
        )

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        found: Mapping[RecordKey, Found] | None
        found = self._ask("find", lambda adapter: _plain(adapter.find(batch)), self._seconds)
        return found

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[tuple[RecordKey, Outcome]]:
        def call(heard: Heard) -> None:
            asked = dict(tickets)
            self._ask("follow", lambda adapter: heard.listen(adapter.follow(batch, asked)), self._seconds)

        return hear(named(self._destination), tickets, call, sends=False)

    def withdraw(self, batch: Batch, reason: str) -> Iterator[tuple[RecordKey, Withdrawal]]:
        def call(heard: Heard) -> None:
            self._ask(
                "withdraw", lambda adapter: heard.listen(adapter.withdraw(batch, reason)), self._seconds
            )

        return hear(named(self._destination), batch.previous, call, sends=False, wanted=Withdrawal)

    def validate(self, batch: Batch) -> Sequence[Problem]:
        return self._many("validate", Problem, lambda adapter: adapter.validate(batch))

    def send_test(self, batch: Batch) -> SentTest | None:
        def send(adapter: Adapter) -> SentTest | None:
            answer = adapter.send_test(batch)
            return answer if answer is None else self._one(answer, SentTest)

        return self._ask("send_test", send, self._seconds / 2)

    def tell(self, title: str, text: str) -> bool:
        return self._ask("tell", lambda adapter: bool(adapter.tell(title, text)), self._seconds / 2)

    def link(self, remote_id: str) -> str:
        return self._ask("link", lambda adapter: self._one(adapter.link(remote_id), str), LOCAL_SECONDS)

    def close(self) -> None:
        if not self.lost:
            self._ask("close", lambda adapter: adapter.close(), LOCAL_SECONDS)


def _plain(answer: Any) -> Any:
    """Return the same answer as a plain mapping, since a mapping of a plugin may run code of its own."""
    return dict(answer) if isinstance(answer, Mapping) else answer
