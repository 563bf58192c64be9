"""The adapter of a destination in memory, and the plugin that offers it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sharecore.adapter import Adapter, Batch, Preview, SentTest, Topic
from sharecore.exceptions import AuthenticationFailed, DeliveryError, Problem
from sharecore.hooks import DestinationType, hookimpl
from sharecore.outcomes import (
    Found,
    Outcome,
    Withdrawal,
)
from sharecore.personal import PersonalSetting
from sharecore.record_json import as_json
from sharecore.records import DataFile, RecordKey, Report
from sharecore.reports import ReportField, ReportForm
from sharecore.secret import Secret
from sharecore.settings import Section
from sharecore.testing.memory import MemoryDestination


class MemoryAdapter(Adapter):
    """The adapter of a `MemoryDestination`, which decides its abilities and answers.

    Args:
        destination: destination behind the adapter.
        password: password in the settings, or of a person.
    """

    check_tests = "what the memory destination answers to a check"

    def __init__(self, destination: MemoryDestination, password: str = "") -> None:
        self._destination = destination
        self._password = password
        self.can_update = destination.can_update
        self.settle_time = destination.settle_time
        self.batch_window_seconds = destination.batch_window_seconds
        self.max_batch = destination.max_batch
        self.takes_records = destination.takes_records
        self.takes_files = destination.takes_files
        self.can_withdraw = destination.can_withdraw
        self.takes_reports = bool(destination.forms)
        destination.opened += 1

    @property
    def takes_tests(self) -> bool:  # type: ignore[override]
        """True where the destination has an answer to a test."""
        return self._destination.test_answer is not None

    def _ask(self, what: str) -> None:
        self._destination.asked.append((what, self._password))
        if self._password in self._destination.refused:
            raise AuthenticationFailed("the password is refused")

    def knows_target(self, batch: Batch) -> bool:
        return not self._destination.makes_targets or bool(batch.state.get("known"))

    def ensure_target(self, batch: Batch) -> None:
        self._ask("ensure_target")
        self._destination.make_known(batch)
        if self._destination.makes_targets:
            batch.state["known"] = True

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        self._ask("deliver")
        return self._destination.take(batch)

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        self._ask("deliver_file")
        if not self.takes_files:
            return super().deliver_file(file, batch)
        return self._destination.take_file(file, batch)

    def share_fields(self) -> Sequence[ReportField]:
        return self._destination.share_fields

    def check_values(self, batch: Batch) -> Sequence[Problem]:
        problems = self._destination.value_problems
        if isinstance(problems, DeliveryError):
            raise problems
        return problems if batch.values else ()

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        self._ask("report_forms")
        if self._destination.forms_fail is not None:
            raise self._destination.forms_fail
        return self._destination.forms

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        return self._destination.report_problems

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        return self._destination.similar

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        return Preview(content_type="application/json", body=json.dumps(as_json(report)))

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        self._ask("deliver_report")
        if not self.takes_reports:
            return super().deliver_report(report, batch)
        return self._destination.take_report(report, batch)

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        self._ask("find_report")
        return self._destination.find_report(report, batch)

    def check(self) -> Sequence[Problem]:
        self._ask("check")
        return self._destination.problems

    def topics(self) -> Sequence[Topic]:
        self._ask("topics")
        return self._destination.topics

    def preview(self, batch: Batch) -> Preview:
        records = [{"key": str(record.key), **as_json(record)} for record in batch.records]
        return Preview(content_type="application/json", body=json.dumps(records))

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        self._ask("find")
        return self._destination.find(batch)

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[tuple[RecordKey, Outcome]]:
        self._ask("follow")
        return self._destination.follow(batch, tickets)

    def withdraw(self, batch: Batch, reason: str) -> Iterator[tuple[RecordKey, Withdrawal]]:
        self._ask("withdraw")
        if not self.can_withdraw:
            return super().withdraw(batch, reason)
        return self._destination.withdraw(batch, reason)

    def send_test(self, batch: Batch) -> SentTest | None:
        self._ask("send_test")
        return self._destination.take_test(batch)

    def close(self) -> None:
        self._destination.closed += 1


class MemoryPlugin:
    """A plugin that offers the kind `memory`; `plugin["name"]` is the destination behind
    `DATA_SHARING["name"]`.

    The setting 'PASSWORD' is refused where `MemoryDestination.refused` has it; else it means nothing, so
    that a test can change credentials. With `'CREDENTIALS': 'user'`, each person gives it.
    """

    def __init__(self) -> None:
        self._destinations: dict[str, MemoryDestination] = defaultdict(MemoryDestination)

    def __getitem__(self, name: str) -> MemoryDestination:
        return self._destinations[name]

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        """Return the kind `memory`."""
        summary = "Keeps records in the memory of a test"
        password = PersonalSetting(label="Password", help="Any text.", example="example")
        kind = DestinationType(
            kind="memory",
            summary=summary,
            config=self._config,
            open=lambda config: MemoryAdapter(config[0], config[1].reveal()),
            personal={"PASSWORD": password},
        )
        return [kind]

    def _config(self, section: Section) -> tuple[MemoryDestination, Secret]:
        password = section.secret("PASSWORD")
        section.finish()
        return self[section.name], password
