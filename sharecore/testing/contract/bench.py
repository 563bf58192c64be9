"""What the rules work with: the adapter under test, and one call of it."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from sharecore.adapter import Adapter, Batch
from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.hooks import DestinationType
from sharecore.logs import LOGGERS
from sharecore.outcomes import Found, Outcome, mended
from sharecore.records import DataFile, JsonValue, Record, RecordKey
from sharecore.secrets import HIDDEN, forget, register, repeats_secret
from sharecore.settings import Section
from sharecore.testing.contract.arrivals import Arrivals
from sharecore.testing.contract.calls import Opened, timed, understood
from sharecore.testing.examples import SITE, example_batch, example_record
from sharecore.testing.server import FakeServer, Request


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The adapter under test, with a destination that is well.

    type: the kind of destination that the plugin offers. settings: an entry of `DATA_SHARING` that works,
    without 'ADAPTER'. secrets: the texts in it that nobody must see. topic: of the address, if it needs one.
    record: one that the destination takes. stored: what the destination has now, one entry for each record,
    as one that has been sent twice would show up twice; None where nobody can tell.
    Over HTTP also: server: behind `settings`. delivers: whether a request is the one that carries records;
    by default every POST, PUT and PATCH. patience: seconds after which each call must have come back,
    whatever the destination does; give short time-outs in `settings`.
    """

    type: DestinationType[Any]
    settings: Mapping[str, object]
    secrets: Collection[str] = ()
    topic: str = ""
    record: Record = field(default_factory=example_record)
    stored: Callable[[], Collection[object]] | None = None
    server: FakeServer | None = None
    delivers: Callable[[Request], bool] = lambda request: request.writes
    patience: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of `deliver`, after `ensure_target` where that is due.

    outcomes: also those yielded before it stopped. stopped: why it did.
    """

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


_LOGGED = "(a secret that an adapter logs)"


class Shown(logging.Handler):
    """Everything that is logged, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # What repeats a secret is hidden in logs by the framework, also that of other libraries. In what a
        # plugin logs under its own name, it is hidden from warnings on only.
        hidden = "" if record.name.startswith(LOGGERS) else _LOGGED
        self.texts.append(logging.Formatter().format(record).replace(HIDDEN, hidden))


class Bench:
    """Opens adapters of a subject and calls them.

    record: that of the subject. printed: what was printed so far. modules: where its code stands.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.record = subject.record
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
        """The server behind the subject."""
        assert self.subject.server is not None, "Subject.server is needed for the rules of HTTP"
        return self.subject.server

    def section(self, **changes: object) -> Section:
        """The settings as the plugin reads them."""
        return Section("example", {**self.subject.settings, **changes})

    def config(self, section: Section | None = None) -> Any:
        """What the plugin reads from its settings. Raises `ConfigurationError`."""
        given = self.section() if section is None else section
        try:
            config = self._timed("config", lambda: self.subject.type.config(given), ConfigurationError)
        except ConfigurationError as error:
            self._tell(f"config: {error} {error!r}")
            raise
        self._tell(self._timed("repr of config", lambda: f"{config!r} {config}"))
        return config

    def open(self) -> Adapter:
        """A new adapter of the one configuration; it is closed after the test. Fails when it is none."""
        if self._config is None:
            self._config = self.config()
        config = self._config
        adapter = self._timed("open", lambda: self.subject.type.open(config))
        assert isinstance(adapter, Adapter), f"`open` gave a {type(adapter).__name__}, not an Adapter"
        self.modules.add(type(adapter).__module__)
        opened = cast(Adapter, Opened(adapter, self._timed, self._tell))
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Close what was opened."""
        for adapter in self._opened:
            # One rule is about closing; here it must not hide another.
            with suppress(Exception, pytest.fail.Exception):
                adapter.close()

    def behind(self, server: FakeServer) -> Bench:
        """A bench with the same settings for another server, which answers as the one of the subject."""
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            server.on(method, ".*", self.server.well)
        old, new = self.server.url.rstrip("/"), server.url.rstrip("/")
        settings = cast(Mapping[str, object], _replaced(self.subject.settings, old, new))
        return Bench(replace(self.subject, settings=settings, server=server))

    def batch(self, *records: Record, **fields: Any) -> Batch:
        """A batch for the subject's address; its memory outlives calls within one test."""
        given = {
            "address": Address("example", self.subject.topic),
            "state": self._state,
            "target_keys": {SITE.origin: "7"},
        }
        return example_batch(*records, **given | fields)

    def call(self, adapter: Adapter, batch: Batch) -> Call:
        """Deliver, and hold the adapter to the form of an answer. Fails where it is none."""
        said: list[object] = []
        stopped: DeliveryError | None = None
        try:
            self.make_known(adapter, batch)
            if batch.records:
                for each in adapter.deliver(batch):
                    said.append(each)
        except DeliveryError as stop:
            stopped = stop
        outcomes = understood(said, {record.key for record in batch.records}, whole=stopped is None)
        call = Call(outcomes=outcomes, stopped=stopped)
        self._in_form(call.outcomes, Outcome, "outcomes")
        return call

    def call_with(self, file: DataFile, adapter: Adapter) -> Outcome:
        """Deliver a file. Raises as `Adapter.deliver_file`."""
        batch = self.batch()
        self.make_known(adapter, batch)
        return adapter.deliver_file(file, batch)

    def make_known(self, adapter: Adapter, batch: Batch) -> None:
        """Make the target known, where that is to be done before this batch goes. Raises `DeliveryError`."""
        if not batch.records or not adapter.knows_target(batch):
            adapter.ensure_target(batch)

    def find(self, adapter: Adapter, *records: Record) -> Mapping[RecordKey, Found] | None:
        """Look records up; None when the destination cannot be asked."""
        answered = adapter.find(self.batch(*records))
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
        complaints = [complaint for each in answers.values() for complaint in mended(each)[1]]
        assert not complaints, f"{what} out of contract: {sorted(set(complaints))}"

    def arrivals(self) -> Arrivals:
        """What arrives at the destination from now on."""
        return Arrivals(self.subject.stored, self.subject.server, self.subject.delivers)

    @contextmanager
    def shown(self) -> Iterator[list[str]]:
        """What is shown inside: answers and failures, what is logged and printed, what the test adds."""
        handler, root = Shown(), logging.getLogger()
        level, told = root.level, self._told
        self._told = handler.texts
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with (
                redirect_stdout(self.printed),
                redirect_stderr(self.printed),
                warnings.catch_warnings(record=True) as warned,
            ):
                warnings.simplefilter("always")
                yield handler.texts
            handler.texts.extend(str(each.message) for each in warned)
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
            self._told = told
            handler.texts.append(self.printed.getvalue())

    def leaks(self, texts: Collection[str], *, quoting: bool = False) -> list[str]:
        """Those of the texts that show a secret, in any encoding.

        quoting: they may quote a destination, where the framework hides what repeats a secret; elsewhere
        that is a leak of which the framework may not know the next time.
        """
        for each in self.subject.secrets:
            register(each)
        hidden = {_LOGGED} if quoting else {_LOGGED, HIDDEN}
        return [text for text in texts if repeats_secret(text) or any(each in text for each in hidden)]

    def _tell(self, text: str) -> None:
        self._told.append(text)

    def _timed(self, what: str, call: Callable[[], Any], *passes: type[Exception]) -> Any:
        return timed(what, call, of=self.subject.type.kind, seconds=self.subject.patience, passes=passes)


def _replaced(value: object, old: str, new: str) -> object:
    """Settings with one address in place of another."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, Mapping):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replaced(each, old, new) for each in value)
    return value
