"""Call an adapter in safety: whatever its code does, the site and its other destinations go on.

Each call is made in a thread of its own, so that one that does not come back can be given up. Exceptions
beside our own, `SystemExit` and its like included, become a `PluginError`.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from sharecore import adapter_limits
from sharecore.adapter import Adapter
from sharecore.adapter_answers import Broken, GivenUp
from sharecore.call_thread import LOCAL_SECONDS, Call, Late
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, DestinationError, PluginError, Problem
from sharecore.plugin_errors import describe, kind, log_fault
from sharecore.settings import ROOT

CALL_SECONDS = 120.0
"""Seconds that a delivery or look-up may go without progress, unless the site sets others; a question half of
that.
"""
MOST_LOST = 3
"""Number of calls of a destination that may hang; after these no more are made."""

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


class GuardedCalls:
    """Make the calls of one adapter, and hold its answers and attributes to the contract.

    The attributes of the adapter (`max_batch`, `can_update`, ...) are read anew after each call, and become
    those of this object.

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

    def _ask(self, what: str, ask: Callable[[Adapter], _Value], seconds: float) -> _Value:
        """Return the answer of the adapter, and read its attributes after it."""
        if self._destination.personal and what not in WITHOUT_KEY:
            where = f"{ROOT}[{self._destination.name!r}]"
            told = "is reached with the credentials of single people, and nobody in particular asks"
            raise ConfigurationError([Problem(where=where, what=told, hint="Ask as a person with a key.")])

        def asked() -> tuple[_Value, dict[str, object]]:
            answer = ask(self._adapter)
            return answer, adapter_limits.read(self._adapter)

        answer, said = self._make(what, asked, seconds)
        self._hold(said)
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

    def _hold(self, attributes: Mapping[str, object]) -> None:
        """Take over the attributes of the adapter, as far as they are within the contract."""
        within, complaints = adapter_limits.within_contract(attributes)
        for name, value in within.items():
            setattr(self, name, value)
        told = {name: f"{name} of {named(self._destination)} {what}" for name, what in complaints.items()}
        for complaint in (each for name, each in told.items() if self._complaints.get(name) != each):
            logger.error("%s", complaint)
        self._complaints = told

    def _one(self, answer: _Value, wanted: type[_Value]) -> _Value:
        if not isinstance(answer, wanted):
            raise self._misfit(answer, wanted)
        return answer

    def _many(
        self,
        what: str,
        wanted: type[_Value],
        ask: Callable[[Adapter], Iterable[_Value]],
        seconds: float | None = None,
    ) -> tuple[_Value, ...]:
        """Return the answers of the adapter; a question has half of the time of a delivery."""

        def asked(adapter: Adapter) -> tuple[_Value, ...]:
            answer = ask(adapter)
            if not isinstance(answer, Iterable) or isinstance(answer, str):
                raise self._misfit(answer, wanted)
            return tuple(self._one(each, wanted) for each in answer)

        return self._ask(what, asked, self._seconds / 2 if seconds is None else seconds)

    def _misfit(self, answer: object, wanted: type) -> PluginError:
        given = type(answer).__name__
        return PluginError(f"{named(self._destination)} answered with a {given}, not a {wanted.__name__}")
