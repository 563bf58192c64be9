"""The bench of the rules: the adapter under test, and one call of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from sharecore.adapter import Adapter, Batch
from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.identity import fingerprint
from sharecore.outcomes import Found, Outcome, Submitted, within_contract
from sharecore.records import Alone, DataFile, JsonValue, Record, RecordKey, Report
from sharecore.secrets import forget
from sharecore.settings import Section
from sharecore.testing.contract import shown
from sharecore.testing.contract.arrivals import Arrivals
from sharecore.testing.contract.calls import Opened, timed, understood
from sharecore.testing.contract.marks import edited, marked_records
from sharecore.testing.contract.subject import Call, Subject
from sharecore.testing.examples import RECORDS, SITE, example_batch, example_record
from sharecore.testing.server import FakeServer

MOST_QUESTIONS = 10
"""Number of questions after which a submitted record must have a final answer."""


class Bench:
    """The tools that open adapters of a subject and call them.

    Args:
        subject: adapter under test.

    Attributes:
        subject: adapter under test.
        record: record of the subject.
        examples: example records that fit the destination, by their special feature.
        printed: output printed so far.
        modules: packages of the code of the plugin.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.record = self.fit(subject.record or example_record())
        self.examples = {name: self.fit(each) for name, each in RECORDS.items()}
        self.printed = io.StringIO()
        code = (subject.type.config, subject.type.open)
        self.modules = {each for part in code if (each := getattr(part, "__module__", None))}
        self._config: Any = None
        self._opened: list[Adapter] = []
        self._state: dict[str, JsonValue] = {}
        self._told: list[str] = []
        forget()  # the credentials of other tests

    @property
    def server(self) -> FakeServer:
        """Return the server behind the subject."""
        assert self.subject.server is not None, "Subject.server is needed for the rules of HTTP"
        return self.subject.server

    def section(self, **changes: object) -> Section:
        """Return the settings as the plugin reads them."""
        return Section("example", {**self.subject.settings, **changes})

    def config(self, section: Section | None = None) -> Any:
        """Return the configuration that the plugin reads from its settings. Raises `ConfigurationError`."""
        given = self.section() if section is None else section
        try:
            config = self._timed("config", lambda: self.subject.type.config(given), ConfigurationError)
        except ConfigurationError as error:
            self._tell(f"config: {error} {error!r}")
            raise
        self._tell(self._timed("repr of config", lambda: f"{config!r} {config}"))
        return config

    def open(self) -> Adapter:
        """Return a new adapter of the one configuration; it is closed after the test. Fails when it is no
        adapter.
        """
        if self._config is None:
            self._config = self.config()
        return self._opened_with(self._config)

    def open_with(self, section: Section) -> Adapter:
        """Return a new adapter of other settings, as `open`."""
        return self._opened_with(self.config(section))

    def _opened_with(self, config: Any) -> Adapter:
        adapter = self._timed("open", lambda: self.subject.type.open(config))
        assert isinstance(adapter, Adapter), f"`open` gave a {type(adapter).__name__}, not an Adapter"
        self.modules.add(type(adapter).__module__)
        opened = cast(Adapter, Opened(adapter, self._timed, self._tell))
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close all adapters that were opened."""
        for adapter in self._opened:
            # One rule is about closing; here it must not hide another.
            with suppress(Exception, pytest.fail.Exception):
                adapter.close()

    def behind(self, server: FakeServer) -> Bench:
        """Return a bench with the same settings for another server, which answers as that of the subject."""
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            server.on(method, ".*", self.server.well)
        old, new = self.server.url.rstrip("/"), server.url.rstrip("/")
        settings = cast(Mapping[str, object], _replaced(self.subject.settings, old, new))
        other = Bench(replace(self.subject, settings=settings, server=server))
        other.record = self.record
        return other

    def batch(self, *records: Record, **fields: Any) -> Batch:
        """Return a batch for the address of the subject; its state outlives calls within one test."""
        given = {
            "address": Address("example", self.subject.topic),
            "target": self.subject.target,
            "state": self._state,
            "target_keys": {SITE.origin: "7"},
        }
        return example_batch(*records, **given | fields)

    def fit(self, record: Record) -> Record:
        """Return a record with the values that the destination needs."""
        has = {each.name for each in fields(record)}
        given = {name: value for name, value in self.subject.fields.items() if name in has}
        if "extra" in given:
            given["extra"] = {**record.extra, **given["extra"]}
        return replace(record, **given)

    def marked(self) -> dict[str, Record]:
        """Return a marked record of each kind that fits the destination, new each time."""
        return {name: self.fit(each) for name, each in marked_records().items()}

    def another(self) -> Record:
        """Return a record of the kind of the subject's, with other values and a key of its own."""
        key = replace(self.record.key, id=f"{self.record.key.id}-2")
        later = self.record.timestamp + timedelta(seconds=60)
        return replace(edited(self.record), key=key, timestamp=later)

    def call(self, adapter: Adapter, batch: Batch) -> Call:
        """Deliver, follow what was submitted until there is an answer, and check the form of the answers.
        Fails where it is wrong.
        """
        call = self.deliver(adapter, batch)
        tickets = {key: each.ticket for key, each in call.outcomes.items() if isinstance(each, Submitted)}
        if not tickets:
            return call
        outcomes = dict(call.outcomes)
        try:
            outcomes.update(self.followed(adapter, batch, tickets))
        except DeliveryError as stop:
            return Call(outcomes=outcomes, stopped=call.stopped or stop)
        return Call(outcomes=outcomes, stopped=call.stopped)

    def followed(
        self, adapter: Adapter, batch: Batch, tickets: Mapping[RecordKey, str]
    ) -> Mapping[RecordKey, Outcome]:
        """Ask until each record has a final answer, for a while; let time pass before each question."""
        outcomes: dict[RecordKey, Outcome] = {}
        asked = dict(tickets)
        for _ in range(MOST_QUESTIONS):
            self.subject.process()
            outcomes |= self.ask(adapter, batch, asked)
            waiting = {key: each.ticket for key, each in outcomes.items() if isinstance(each, Submitted)}
            asked = {
                key: waiting.get(key, asked[key]) for key in asked if key in waiting or key not in outcomes
            }
            if not asked:
                break
        return outcomes

    def ask(
        self, adapter: Adapter, batch: Batch, tickets: Mapping[RecordKey, str]
    ) -> Mapping[RecordKey, Outcome]:
        """Ask once what became of records, and check the form of the answers. Fails where it is wrong."""
        said = adapter.follow(replace(batch, records=()), dict(tickets))
        answers = understood(said, set(tickets), what="follow", whole=False)
        self._in_form(answers, Outcome, "outcomes")
        return answers

    def deliver(self, adapter: Adapter, batch: Batch) -> Call:
        """Deliver, and check the form of the answers. Fails where it is wrong."""
        said: list[object] = []
        stopped: DeliveryError | None = None
        try:
            self.make_known(adapter, batch)
            if self._reports_alone(batch):
                outcome = adapter.deliver_report(self.report, replace(batch, records=()))
                said.append((batch.records[0].key, outcome))
            elif batch.records:
                for each in adapter.deliver(batch):
                    said.append(each)
        except DeliveryError as stop:
            stopped = stop
        outcomes = understood(said, {record.key for record in batch.records}, whole=stopped is None)
        call = Call(outcomes=outcomes, stopped=stopped)
        self._in_form(call.outcomes, Outcome, "outcomes")
        return call

    def _reports_alone(self, batch: Batch) -> bool:
        """Return whether the report of the subject stands for the record of this batch."""
        content = fingerprint(self.record)
        return self.subject.record is None and [content] == [fingerprint(each) for each in batch.records]

    @property
    def report(self) -> Report:
        """Return the report of the subject."""
        assert self.subject.report is not None, "Subject.report is needed for an adapter that takes reports"
        return self.subject.report

    def call_with(self, alone: Alone, adapter: Adapter) -> Outcome:
        """Deliver a file or report. Raises the exceptions of `Adapter.deliver_file`, `deliver_report`."""
        batch = self.batch()
        self.make_known(adapter, batch)
        if isinstance(alone, DataFile):
            outcome = adapter.deliver_file(alone, batch)
        else:
            outcome = adapter.deliver_report(alone, batch)
        if not isinstance(outcome, Submitted):
            return outcome
        return self.followed(adapter, batch, {alone.key: outcome.ticket}).get(alone.key, outcome)

    def make_known(self, adapter: Adapter, batch: Batch) -> None:
        """Make the target known, where that is due before this batch goes. Raises `DeliveryError`."""
        if not batch.records or not adapter.knows_target(batch):
            adapter.ensure_target(batch)

    def find(self, adapter: Adapter, *records: Record) -> Mapping[RecordKey, Found] | None:
        """Look records up; None when the destination cannot be asked."""
        sent_at = dict.fromkeys((record.key for record in records), datetime.now(UTC))
        answered = adapter.find(self.batch(*records, sent_at=sent_at))
        if answered is None:
            return None
        assert isinstance(answered, Mapping), f"find gave a {type(answered).__name__}, not a mapping"
        asked = {record.key for record in records}
        assert set(answered) == asked, "find must answer for each record, and no other"
        self._in_form(answered, Found, "answers of find (Present, Absent, ...)")
        return answered

    def _in_form(self, answers: Mapping[RecordKey, Any], wanted: Any, what: str) -> None:
        wrong = [type(each).__name__ for each in answers.values() if not isinstance(each, wanted)]
        assert not wrong, f"these are not {what}: {wrong}"
        complaints = [complaint for each in answers.values() for complaint in within_contract(each)[1]]
        assert not complaints, f"{what} out of contract: {sorted(set(complaints))}"

    def arrivals(self) -> Arrivals:
        """Return the data that arrive at the destination from now on."""
        return Arrivals(self.subject.stored, self.subject.server, self.subject.delivers)

    @contextmanager
    def shown(self) -> Iterator[list[str]]:
        """Collect all that is shown inside: answers and failures, log entries and output, and texts that the
        test adds.
        """
        told = self._told
        with shown.collected(self.printed) as self._told:
            try:
                yield self._told
            finally:
                self._told = told

    def leaks(self, texts: Collection[str], *, quoting: bool = False) -> list[str]:
        """Return those of the texts that show a secret, in any encoding.

        Args:
            texts: texts to search.
            quoting: True for texts that may quote a destination: there the framework hides what repeats a
                secret. Elsewhere such a text is a leak, which the framework may miss the next time.
        """
        return shown.leaks(texts, self.subject.secrets, quoting=quoting)

    def _tell(self, text: str) -> None:
        self._told.append(text)

    def _timed(self, what: str, call: Callable[[], Any], *passes: type[Exception]) -> Any:
        return timed(what, call, of=self.subject.type.kind, seconds=self.subject.patience, passes=passes)


def _replaced(value: object, old: str, new: str) -> object:
    """Return settings with one address in place of another."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, Mapping):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(each, old, new) for each in value)
    return value
