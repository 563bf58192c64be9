"""Call hooks: each for a whole batch in one thread, given up when it does not return."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pluggy

from sharecore.adapter_answers import read
from sharecore.call_thread import Call, Late, progress
from sharecore.discovery import PluginInfo
from sharecore.exceptions import InvalidRecord, PluginError
from sharecore.hooks import ConvertRequest, DeliveredReport, WithholdRequest
from sharecore.outcomes import Withheld
from sharecore.plugin_errors import contained, describe, log_fault
from sharecore.records import Record

HOOK_SECONDS = 10.0
"""Longest time of a hook for one record, or for one report, in seconds, unless it reports `progress`."""
IMPORT_SECONDS = 120.0
"""Longest time of the import of a plugin, in seconds."""

Request = WithholdRequest | ConvertRequest | DeliveredReport
_Value = TypeVar("_Value")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The return value of a hook; or its `InvalidRecord`, or a fault of the plugin, which is logged."""

    value: object = None
    error: InvalidRecord | PluginError | None = None


class HookCalls:
    """The calls of the hooks of plugins.

    A hook that was given up is not called again for the same destination until it has come back, so that
    threads that hang do not pile up.

    Args:
        finish: function called at the end of each thread.
    """

    def __init__(self, finish: Callable[[], object]) -> None:
        self._finish = finish
        self._lost: dict[tuple[str, str, str], threading.Thread] = {}

    def once(self, info: PluginInfo, what: str, call: Callable[[], _Value], *, seconds: float) -> _Value:
        """Return the answer of a plugin during its registration. Raises `Late`, or the exception of the
        plugin.
        """
        return Call(what, call, seconds=seconds, finish=self._finish).run(info.name)

    def answers(
        self, info: PluginInfo, hook: str, function: pluggy.HookImpl, requests: Sequence[Request]
    ) -> list[Answer]:
        """Return the answers of a hook to each of these requests, all for one address."""
        if not requests:
            return []
        place = requests[0].address.name
        about = info.label, hook, place
        if about in self._lost and self._lost[about].is_alive():
            error = _broken(info, f"has not come back from {hook} yet; restart the TOM if that goes on")
            return [Answer(error=error)] * len(requests)
        answers: list[Answer] = []

        def ask() -> None:
            for request in requests:
                answer = _answer(info, hook, function, request)
                if made.given_up:
                    return
                answers.append(answer)
                progress()

        made = Call(hook, ask, seconds=HOOK_SECONDS, finish=self._finish)
        try:
            made.run(place)
        except Late as late:
            error = _broken(info, str(late))
            there = answers[: len(requests)]
            return there + [Answer(error=error)] * (len(requests) - len(there))
        finally:
            if made.given_up and made.thread is not None:
                self._lost[about] = made.thread
        return answers


def withheld(info: PluginInfo, answer: Answer) -> Withheld | PluginError | None:
    """Return the reason in this answer to withhold the record; None if it may leave."""
    match answer:
        case Answer(error=PluginError() as error):
            return error
        case Answer(error=InvalidRecord()):
            return _broken(info, "failed in sharecore_withhold: InvalidRecord")
        case Answer(value=None):
            return None
    said = Withheld(reason=answer.value) if isinstance(answer.value, str) else answer.value
    valid, complaints = read(said, Withheld)
    if not isinstance(valid, Withheld):
        given = type(answer.value).__name__
        return _broken(info, f"answered sharecore_withhold with a {given}, not a text or Withheld")
    for complaint in complaints:
        logger.error("%s answered sharecore_withhold out of contract: %s", info.label, complaint)
    blank = f"withheld by {info.label}, which gave no reason"
    return replace(valid, reason=valid.reason.strip() or blank)


def strongest(
    one: Withheld | PluginError | None, other: Withheld | PluginError | None
) -> Withheld | PluginError | None:
    """Return the answer that counts of two, the first of equals: a reason without an end, then the reason
    that ends last, then a failure.
    """
    match one, other:
        case Withheld(), Withheld():
            ends = one.until is not None and (other.until is None or other.until > one.until)
            return other if ends else one
        case Withheld(), _:
            return one
        case _, Withheld():
            return other
    return other or one


def converted(info: PluginInfo, record: Record, answer: Answer) -> Record | InvalidRecord | PluginError:
    """Return the record as this answer converts it."""
    match answer:
        case Answer(error=InvalidRecord(field=field, reason=reason)):
            return InvalidRecord(field=field, reason=f"{reason} (found by {info.label})")
        case Answer(error=PluginError() as error):
            return error
        case Answer(value=None):
            return record
    made = answer.value
    if type(made) is not type(record):
        wanted, given = type(record).__name__, type(made).__name__
        return _broken(info, f"answered sharecore_convert for a {wanted} with a {given}")
    if made.key != record.key:
        return _broken(info, "answered sharecore_convert with a record that has another key")
    return made


def _broken(info: PluginInfo, what: str, error: Exception | None = None) -> PluginError:
    """Return a fault of a plugin, and log it."""
    message = f"{info.label} {what}"
    if error is None:
        logger.error("%s", message)
    else:
        log_fault(logger, message, error)
    return PluginError(message)


def _answer(info: PluginInfo, hook: str, function: pluggy.HookImpl, request: Request) -> Answer:
    try:
        with contained():
            return Answer(function.function(request) if function.argnames else function.function())
    except InvalidRecord as error:
        return Answer(error=error)
    except Exception as error:
        return Answer(error=_broken(info, f"failed in {hook}: {describe(error)}", error))
