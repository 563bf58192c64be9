"""What the rules work with: the adapter under test, and one call of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sharecore.adapter import Adapter, Batch
from sharecore.addresses import Address
from sharecore.exceptions import DeliveryError
from sharecore.hooks import DestinationType
from sharecore.outcomes import Found, Outcome
from sharecore.records import JsonValue, Record, RecordKey
from sharecore.settings import Section
from sharecore.testing.examples import example_batch, example_record
from sharecore.testing.server import FakeServer, Request


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The adapter under test, with a destination that is well.

    type: the kind of destination that the plugin offers. settings: an entry of `DATA_SHARING` that works,
    without 'ADAPTER'. secrets: the texts in it that nobody must see. topic: of the address, if it needs one.
    record: one that the destination takes. stored: what the destination has now, one entry for each record,
    as one that has been sent twice would show up twice; None where nobody can tell.
    Over HTTP also: server: behind `settings`. delivers: whether a request is the one that carries records;
    by default every POST, PUT and PATCH. patience: seconds after which a server that answers a byte at a
    time must have been left; give short time-outs in `settings`.
    """

    type: DestinationType[Any]
    settings: Mapping[str, object]
    secrets: Collection[str] = ()
    topic: str = ""
    record: Record = field(default_factory=example_record)
    stored: Callable[[], Collection[object]] | None = None
    server: FakeServer | None = None
    delivers: Callable[[Request], bool] = lambda request: request.writes
    patience: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of `deliver`. outcomes: also those decided before it stopped. stopped: why it did."""

    outcomes: Mapping[RecordKey, Outcome]
    stopped: DeliveryError | None = None

    def of(self, record: Record) -> Outcome | None:
        """The outcome of a record; None when it was not sent."""
        return self.outcomes.get(record.key)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, as the destination asked, wherever the adapter says so."""
        told = [self.stopped, *self.outcomes.values()]
        return next((s for each in told if (s := getattr(each, "retry_after", None)) is not None), None)


class Shown(logging.Handler):
    """Everything that is logged, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


class Bench:
    """Opens adapters of a subject and calls them. record: that of the subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.record = subject.record
        self._opened: list[Adapter] = []
        self._memory: dict[str, JsonValue] = {}

    @property
    def server(self) -> FakeServer:
        """The server behind the subject."""
        assert self.subject.server is not None, "Subject.server is needed for the rules of HTTP"
        return self.subject.server

    def section(self, **changes: object) -> Section:
        """The settings as the plugin reads them."""
        return Section("example", {**self.subject.settings, **changes})

    def config(self) -> Any:
        """What the plugin reads from its settings."""
        return self.subject.type.config(self.section())

    def open(self) -> Adapter:
        """A new adapter; it is closed after the test. Raises AssertionError when it is none."""
        adapter = self.subject.type.open(self.config())
        assert isinstance(adapter, Adapter), f"`open` gave a {type(adapter).__name__}, not an Adapter"
        self._opened.append(adapter)
        return adapter

    def close(self) -> None:
        """Close what was opened."""
        for adapter in self._opened:
            with suppress(Exception):  # one rule is about closing; here it must not hide another
                adapter.close()

    def batch(self, *records: Record, **fields: Any) -> Batch:
        """A batch for the subject's address; its memory outlives calls within one test."""
        given = {"address": Address("example", self.subject.topic), "memory": self._memory} | fields
        return example_batch(*records, **given)

    def call(self, adapter: Adapter, batch: Batch) -> Call:
        """Deliver, and hold the adapter to the form of an answer. Raises AssertionError where it is none."""
        keys = {record.key for record in batch.records}
        try:
            answered = adapter.deliver(batch)
        except DeliveryError as stop:
            stray = sorted(map(str, set(stop.decided) - keys))
            assert not stray, f"decided what it was not given: {stray}"
            call = Call(outcomes=dict(stop.decided), stopped=stop)
        except Exception as error:
            raise AssertionError(
                f"deliver raised {type(error).__name__}; only exceptions of sharecore may leave it"
            ) from error
        else:
            assert isinstance(answered, Mapping), f"deliver gave a {type(answered).__name__}, not a mapping"
            missing, stray = sorted(map(str, keys - set(answered))), sorted(map(str, set(answered) - keys))
            assert not missing, f"deliver must give one outcome per record; missing: {missing}"
            assert not stray, f"deliver gave outcomes for what it was not given: {stray}"
            call = Call(outcomes=dict(answered))
        wrong = [type(each).__name__ for each in call.outcomes.values() if not isinstance(each, Outcome)]
        assert not wrong, f"these are not outcomes: {wrong}"
        return call

    def find(self, adapter: Adapter, record: Record) -> Found | None:
        """Look one record up; None when the destination cannot be asked."""
        answered = adapter.find(self.batch(record))
        if answered is None:
            return None
        assert isinstance(answered, Mapping), f"find gave a {type(answered).__name__}, not a mapping"
        assert set(answered) == {record.key}, "find must answer for each record, and no other"
        found = answered[record.key]
        assert isinstance(found, Found), f"{found!r} is not Present, Absent or an outcome of find"
        return found

    @contextmanager
    def shown(self) -> Iterator[list[str]]:
        """What is logged inside, and what the test adds to it."""
        handler, root = Shown(), logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield handler.texts
        finally:
            root.removeHandler(handler)
            root.setLevel(level)

    def leaks(self, texts: Collection[str]) -> list[str]:
        """Those of the texts that show a secret."""
        secrets = {
            form for each in self.subject.secrets for form in (each, quote(each), json.dumps(each)[1:-1])
        }
        return [text for text in texts if any(secret in text for secret in secrets)]
