"""Calls of the adapter under test: each has an end, and a failure names its call.

Each is made in a thread of its own, as a site does.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any, TypeVar

import pytest

from sharecore.adapter import Adapter, Batch
from sharecore.call_thread import Call, Late
from sharecore.exceptions import DeliveryError
from sharecore.plugin_errors import kind
from sharecore.records import RecordKey

MOST_LOST = 3
"""Number of calls of one adapter that may hang; then its other rules fail at once."""

MOST_ANSWERS = 1000
"""Largest number of problems or topics; an endless iterator ends here."""

MAY_RAISE: Mapping[str, tuple[type[BaseException], ...]] = {
    "ready": (DeliveryError,),
    "probe": (DeliveryError,),
    "ensure_target": (DeliveryError,),
    "deliver": (DeliveryError,),
    "deliver_file": (DeliveryError, OSError),
    "follow": (DeliveryError,),
    "check_values": (DeliveryError,),
    "report_forms": (DeliveryError,),
    "similar_reports": (DeliveryError,),
    "deliver_report": (DeliveryError,),
    "find_report": (DeliveryError,),
    "check": (DeliveryError,),
    "topics": (DeliveryError,),
    "find": (DeliveryError,),
    "validate": (DeliveryError,),
    "send_test": (DeliveryError,),
    "withdraw": (DeliveryError,),
}
"""Exceptions that may leave a method; the others raise nothing."""

_Value = TypeVar("_Value")
_lost: dict[str, list[tuple[str, threading.Thread]]] = defaultdict(list)


class _Timed(Call[_Value]):
    """A call with an end that nothing puts off."""

    def extend(self, seconds: float) -> None:
        if not self._deadline:
            super().extend(0.0)


def timed(
    what: str,
    call: Callable[[], _Value],
    *,
    of: str,
    seconds: float,
    passes: tuple[type[BaseException], ...] = (),
) -> _Value:
    """Make one call, and return its value. Fails the test, naming the call, when it hangs or raises.

    Args:
        what: name of the call.
        call: function to call.
        of: kind of destination.
        seconds: longest time of the call.
        passes: exceptions that may leave the call; they are raised.
    """
    _lost[of] = [(name, thread) for name, thread in _lost[of] if thread.is_alive()]
    if len(_lost[of]) >= MOST_LOST:
        pytest.fail(f"{what} was not tried: {', '.join(name for name, _ in _lost[of])} hang since before")
    made = _Timed(what, call, seconds=seconds)
    try:
        return made.run("contract")
    except Late:
        if made.thread is not None:
            _lost[of].append((what, made.thread))
        pytest.fail(f"{what} did not come back within {seconds:g} s; give each wait in it a time-out")
    except passes:
        raise
    except Exception as error:
        allowed = " or ".join(each.__name__ for each in passes)
        rule = f"only {allowed} may leave it" if passes else "nothing may leave it"
        raise AssertionError(f"{what} raised {kind(error)}; {rule}") from error


def understood(
    said: Iterable[Any], asked: Set[RecordKey], *, whole: bool, what: str = "deliver"
) -> dict[RecordKey, Any]:
    """Return the outcomes that `deliver` or `follow` yielded for the requested records. `whole`: there must
    be one for each.
    """
    outcomes: dict[RecordKey, Any] = {}
    for each in said:
        pair = isinstance(each, tuple) and len(each) == 2
        assert pair, f"{what} must yield (key, outcome), and yielded a {type(each).__name__}"
        key, outcome = each
        assert key in asked, f"{what} gave an outcome for what it was not given: {key}"
        assert key not in outcomes, f"{what} must give one outcome per record; several for {key}"
        outcomes[key] = outcome
    missing = sorted(map(str, asked - set(outcomes)))
    assert not (whole and missing), f"deliver must give one outcome per record; missing: {missing}"
    return outcomes


class Opened:
    """An open adapter, each of whose calls is timed.

    Args:
        adapter: adapter under test.
        timed: make a call, as `timed` does.
        told: take each answer and failure, as text.
    """

    def __init__(self, adapter: Adapter, timed: Callable[..., Any], told: Callable[[str], None]) -> None:
        self._adapter = adapter
        self._timed = timed
        self._told = told

    def __getattr__(self, name: str) -> Any:
        value = self._timed(name, lambda: getattr(self._adapter, name))
        return (lambda *args: self._ask(name, lambda: value(*args))) if callable(value) else value

    def deliver(self, batch: Batch) -> Iterator[object]:
        """Return everything that the adapter yields, once the call is over; then raise its exception."""
        yield from self._yielded("deliver", lambda: self._adapter.deliver(batch))

    def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[object]:
        """Return the answers to a question in the same way."""
        yield from self._yielded("follow", lambda: self._adapter.follow(batch, tickets))

    def _yielded(self, what: str, make: Callable[[], object]) -> Iterator[object]:
        said: list[object] = []

        def call() -> object:
            answer = make()
            if not isinstance(answer, Iterator):
                return answer
            for each in islice(answer, MOST_ANSWERS):
                said.append(each)
            return said

        try:
            answer = self._ask(what, call)
        except DeliveryError:
            self._told(f"{what}: {said!r}")
            yield from said
            raise
        assert answer is said, f"{what} gave a {type(answer).__name__}; it must yield (key, outcome)"
        yield from said

    def __repr__(self) -> str:
        shown: str = self._timed("repr", lambda: f"{self._adapter!r} {self._adapter}")
        self._told(shown)
        return shown

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        def asked() -> tuple[Any, str]:
            answer = _whole(call())
            return answer, f"{what}: {answer!r}"

        passes = MAY_RAISE.get(what, ())
        try:
            answer, text = self._timed(what, asked, *passes)
        except passes as error:
            self._told(f"{what}: {error} {error!r}")
            raise
        self._told(text)
        return answer


def _whole(answer: Any) -> Any:
    """Return the answer with all its later work done now, while the call is timed."""
    if isinstance(answer, Mapping):
        return dict(answer)
    if isinstance(answer, Iterator):
        return list(islice(answer, MOST_ANSWERS))
    return answer
