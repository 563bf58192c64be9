"""Guard an adapter: whatever its code does, the site and its other destinations go on.

Each call is made in a thread of its own, so that one that does not come back can be given up. Exceptions
beside our own, `SystemExit` and its like included, become a `PluginError`.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from numbers import Integral, Real
from typing import Any, TypeVar

from sharecore.adapter import Adapter, Batch, Preview, SentTest, Topic
from sharecore.adapter_answers import Broken, GivenUp, Heard, hear
from sharecore.call_thread import LOCAL_SECONDS, Call, Late
from sharecore.data_sharing import ROOT, Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, DestinationError, PluginError, Problem
from sharecore.outcomes import Deferred, Found, Outcome, Withdrawal
from sharecore.plugin_errors import contained, describe, kind, log_fault
from sharecore.records import DataFile, RecordKey, Report
from sharecore.reports import OF_DATA, ReportField, ReportForm
from sharecore.texts import one_line

CALL_SECONDS = 120.0
"""Seconds that a delivery or look-up may go without progress, unless the site sets others; a question half of
that.
"""
MOST_LOST = 3
"""Number of calls of a destination that may hang; after these no more are made."""

LIMITS: dict[str, tuple[Callable[[Any], bool], str, Any]] = {
    "can_update": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_records": (lambda value: isinstance(value, bool), "True or False", True),
    "can_withdraw": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_files": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_reports": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_tests": (lambda value: isinstance(value, bool), "True or False", False),
    "settle_time": (lambda value: _is_number(value) and 0 < value <= 86400, "above 0 and up to 86400", 60.0),
    "batch_window_seconds": (lambda value: _is_number(value) and 0 <= value <= 3600, "from 0 to 3600", 0.0),
    "max_batch": (
        lambda value: isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1,
        "a whole number of 1 or more",
        1,
    ),
    "check_tests": (lambda value: isinstance(value, str), "a text", ""),
}
"""Attributes of an adapter: the rule for each, the rule in words, and the value used where it is broken."""

WITHOUT_KEY = frozenset({
    "check_report", "close", "describe", "knows_target", "link", "open", "preview", "preview_report", "read",
    "share_fields",
})  # fmt: skip
"""Calls that use no network: only these are made of an adapter that has the examples of credentials."""

_Value = TypeVar("_Value")
_lost: dict[str, list[threading.Thread]] = defaultdict(list)
logger = logging.getLogger(__name__)


def named(destination: Destination) -> str:
    """Return the adapter of a destination, with its plugin, as messages name it."""
    return f"adapter {destination.kind!r} of {destination.plugin.label}"


class Guarded(Adapter):
    """The adapter of a destination, called in safety. Its methods raise nothing but our own exceptions.

    The attributes of the adapter (`max_batch`, `can_update`, ...) are read anew after each call, and held to
    the contract.

    Args:
        destination: destination of the adapter.
        open: make the adapter.
        seconds: see `CALL_SECONDS`.
        finish: function called at the end of each thread.

    Attributes:
        lost: True when a call did not come back: no more calls can be made, and a new adapter is to be
            opened.
    """

    def __init__(
        self,
        destination: Destination,
        open: Callable[[], Adapter],
        *,
        seconds: float = CALL_SECONDS,
        finish: Callable[[], object] = lambda: None,
    ) -> None:
        self.lost = False
        self._destination = destination
        self._seconds = seconds
        self._finish = finish
        self._complaints: dict[str, str] = {}
        self._adapter = self._make("open", open, seconds / 2)
        self._ask("read", lambda adapter: None, LOCAL_SECONDS)

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
        def ask(adapter: Adapter) -> Sequence[ReportField]:
            return self._all(adapter.share_fields(), ReportField)

        found = self._ask("share_fields", ask, LOCAL_SECONDS)
        if len({each.name for each in found}) < len(found) or any(each.type in OF_DATA for each in found):
            raise PluginError(f"{named(self._destination)} answered with fields that a share cannot have")
        return found

    def check_values(self, batch: Batch) -> Sequence[Problem]:
        def ask(adapter: Adapter) -> Sequence[Problem]:
            return self._all(adapter.check_values(batch), Problem)

        return self._ask("check_values", ask, self._seconds / 2)

    def report_forms(self, batch: Batch) -> Sequence[ReportForm]:
        def ask(adapter: Adapter) -> Sequence[ReportForm]:
            return self._all(adapter.report_forms(batch), ReportForm)

        forms = self._ask("report_forms", ask, self._seconds / 2)
        if len({form.name for form in forms}) < len(forms):
            raise PluginError(f"{named(self._destination)} answered with two forms of one name")
        return forms

    def check_report(self, report: Report, batch: Batch) -> Sequence[Problem]:
        def ask(adapter: Adapter) -> Sequence[Problem]:
            return self._all(adapter.check_report(report, batch), Problem)

        return self._ask("check_report", ask, LOCAL_SECONDS)

    def similar_reports(self, report: Report, batch: Batch) -> Sequence[str]:
        def ask(adapter: Adapter) -> Sequence[str]:
            return self._all(adapter.similar_reports(report, batch), str)

        return tuple(one_line(each) for each in self._ask("similar_reports", ask, self._seconds / 2))

    def preview_report(self, report: Report, batch: Batch) -> Preview:
        def ask(adapter: Adapter) -> Preview:
            return self._one(adapter.preview_report(report, batch), Preview)

        return self._ask("preview_report", ask, LOCAL_SECONDS)

    def deliver_report(self, report: Report, batch: Batch) -> Outcome:
        return self._ask(
            "deliver_report", lambda adapter: adapter.deliver_report(report, batch), self._seconds
        )

    def find_report(self, report: Report, batch: Batch) -> Found | None:
        return self._ask("find_report", lambda adapter: adapter.find_report(report, batch), self._seconds)

    def describe(self) -> str:
        return self._ask("describe", lambda adapter: self._one(adapter.describe(), str), LOCAL_SECONDS)

    def check(self) -> Sequence[Problem]:
        found = self._ask("check", lambda adapter: self._all(adapter.check(), Problem), self._seconds / 2)
        where = f"{ROOT}[{self._destination.name!r}]"
        hint = "Report this to the author of the plugin."
        return [
            *found,
            *(Problem(where=where, what=each, hint=hint, fatal=False) for each in self._complaints.values()),
        ]

    def topics(self) -> Sequence[Topic]:
        return self._ask("topics", lambda adapter: self._all(adapter.topics(), Topic), self._seconds / 2)

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
        return self._ask(
            "validate", lambda adapter: self._all(adapter.validate(batch), Problem), self._seconds / 2
        )

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

    def _ask(self, what: str, ask: Callable[[Adapter], _Value], seconds: float) -> _Value:
        """Return the answer of the adapter, and read its attributes after it."""
        if self._destination.personal and what not in WITHOUT_KEY:
            where = f"{ROOT}[{self._destination.name!r}]"
            told = "is reached with the credentials of single people, and nobody in particular asks"
            raise ConfigurationError([Problem(where=where, what=told, hint="Ask as a person with a key.")])

        def asked() -> tuple[_Value, dict[str, object]]:
            answer = ask(self._adapter)
            return answer, {name: _said(self._adapter, name) for name in LIMITS}

        answer, said = self._make(what, asked, seconds)
        for name, value in said.items():
            self._hold(name, value)
        return answer

    def _make(self, what: str, call: Callable[[], _Value], seconds: float) -> _Value:
        name, who = self._destination.name, named(self._destination)
        _lost[name] = [thread for thread in _lost[name] if thread.is_alive()]
        if self.lost or len(_lost[name]) >= MOST_LOST:
            raise DestinationError(f"calls of {who} did not come back; restart the TOM if that goes on")
        made = Call(what, call, seconds=seconds, finish=self._finish)
        try:
            return made.run(name)
        except Late as late:
            message = f"{who} {late}"
            logger.error("%s; the call was given up", message)
            raise GivenUp(message) from None
        except (ConfigurationError, DeliveryError):
            raise
        except Exception as error:
            message = f"{who} failed: {describe(error)}"
            log_fault(logger, f"{message}, in {what}", error)
            raise Broken(message, f"{who} failed: {kind(error)}") from None
        finally:
            if made.given_up and made.thread is not None:
                self.lost = True
                _lost[name].append(made.thread)

    def _hold(self, name: str, value: object) -> None:
        """Take over an attribute of the adapter, where its value is within the contract."""
        valid, rule, instead = LIMITS[name]
        if valid(value):
            setattr(self, name, value)
            self._complaints.pop(name, None)
            return
        setattr(self, name, instead)
        given = repr(value) if isinstance(value, Real) else f"a {type(value).__name__}"
        complaint = f"{name} of {named(self._destination)} must be {rule}, got {given}; {instead!r} is used"
        if self._complaints.get(name) != complaint:
            self._complaints[name] = complaint
            logger.error("%s", complaint)

    def _one(self, answer: _Value, wanted: type[_Value]) -> _Value:
        if not isinstance(answer, wanted):
            raise self._misfit(answer, wanted)
        return answer

    def _all(self, answer: Iterable[_Value], wanted: type[_Value]) -> tuple[_Value, ...]:
        if not isinstance(answer, Iterable) or isinstance(answer, str):
            raise self._misfit(answer, wanted)
        return tuple(self._one(each, wanted) for each in answer)

    def _misfit(self, answer: object, wanted: type) -> PluginError:
        given = type(answer).__name__
        return PluginError(f"{named(self._destination)} answered with a {given}, not a {wanted.__name__}")


def _plain(answer: Any) -> Any:
    """Return the same answer as a plain mapping, since a mapping of a plugin may run code of its own."""
    return dict(answer) if isinstance(answer, Mapping) else answer


def _said(adapter: Adapter, name: str) -> object:
    with suppress(Exception), contained():
        return getattr(adapter, name)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
