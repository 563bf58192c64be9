"""Record what is sent and answered over HTTP in a call of an adapter, for people who look for a fault.

Kept are the first and the last requests of a call and some that failed, with the beginnings of their bodies,
as far as they are text. Headers are never kept. What repeats a credential or may hold a new one is hidden.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sharecore.secrets import HIDDEN, repeats_secret
from sharecore.texts import printable

MOST_FIRST, MOST_FAILED, MOST_LAST = 2, 4, 4
"""Largest numbers of requests of a call that are kept: the first, failed ones after them, and the last."""

MOST_CHARACTERS = 2000
"""Length of the part of a body, or of an address, that is kept."""

MOST_BYTES = 16 * 1024
"""Length of the part of a body that is looked at."""

MAY_HOLD = "(hidden: it may hold a credential)"
"""Text in place of one with a field that is named like a credential, such as the answer to a login."""

_SEARCHED = MOST_CHARACTERS + 1000
"""Length of the text that is searched, so that no credential stands at the cut."""
_STRANGE = 0.1
"""Part of the characters from which on a body is no text."""
_NAMES = r"\w*(?:api[_-]?key|authorization|cookie|credential|passphrase|password|passwd|secret|token)s?"
_NAMED = re.compile(
    rf"""["']{_NAMES}\\?["']\s*:\s*\\?["'][^"'\\]|(?:^|[?&\s]){_NAMES}=[^&\s"']""", re.IGNORECASE
)
"""A field of JSON, a form or a query with a value."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, and its answer."""

    method: str
    """Method, in capitals."""
    url: str
    """Address, with the query."""
    status: int | None
    """Status, as of RFC 9110; None without an answer."""
    seconds: float
    """Duration."""
    sent: str
    """Beginning of the body; of what is no text, type and size."""
    answered: str
    """Beginning of the body of the answer, or the reason for none."""
    started: datetime
    """Time of the start, aware, UTC."""


@dataclass(frozen=True, slots=True)
class _Body:
    """A body before it is made a text, which takes time, and most are dropped."""

    start: bytes | str
    size: int
    media_type: str
    shown: bool = True

    def text(self) -> str:
        """Return the beginning without known credentials; of what is no text, type and size."""
        start = self.start
        text = (start if isinstance(start, str) else start.decode(errors="replace"))[:_SEARCHED]
        text = "".join(each if each.isprintable() or each in "\r\n\t" else "\ufffd" for each in text)
        if not self.shown or text.count("\ufffd") > _STRANGE * len(text):
            media_type = printable(self.media_type)[:100] or "no type"
            text = f"{media_type}, {self.size:,} bytes" if self.size else ""
        return _cut(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reported:
    method: str
    url: str
    status: int | None
    seconds: float
    sent: _Body
    answered: _Body
    started: datetime

    def exchange(self) -> Exchange:
        return Exchange(
            method=self.method,
            url=_address(self.url),
            status=self.status,
            seconds=self.seconds,
            sent=self.sent.text(),
            answered=self.answered.text(),
            started=self.started,
        )


class Recording:
    """The exchanges of one call. Threads may add to it at the same time.

    Attributes:
        number: number of all exchanges, those that are not kept too.
    """

    def __init__(self) -> None:
        self.number = 0
        self._first: list[_Reported] = []
        self._failed: list[_Reported] = []
        self._last: deque[_Reported] = deque()
        self._lock = threading.Lock()

    def add(self, exchange: _Reported) -> None:
        """Add an exchange, and drop what is too much."""
        with self._lock:
            self.number += 1
            if len(self._first) < MOST_FIRST:
                self._first.append(exchange)
                return
            self._last.append(exchange)
            if len(self._last) > MOST_LAST:
                oldest = self._last.popleft()
                failed = oldest.status is None or oldest.status >= 400
                if failed and len(self._failed) < MOST_FAILED:
                    self._failed.append(oldest)

    def kept(self) -> list[Exchange]:
        """Return the exchanges that are kept, in order of time, without a credential that is known by now."""
        with self._lock:
            kept = [*self._first, *self._failed, *self._last]
        return [each.exchange() for each in kept]


_recording: ContextVar[Recording | None] = ContextVar("sharecore_recording", default=None)


@contextmanager
def recorded(into: Recording | None) -> Iterator[None]:
    """Record the exchanges that are reported inside; none for None."""
    mark = _recording.set(into)
    try:
        yield
    finally:
        _recording.reset(mark)


def recording() -> bool:
    """Return whether the exchanges of the current call are recorded."""
    return _recording.get() is not None


def report_exchange(
    method: str,
    url: str,
    *,
    seconds: float,
    status: int | None = None,
    sent: bytes | str = b"",
    sent_type: str = "",
    answered: bytes | str = b"",
    answered_type: str = "",
) -> None:
    """Report a request of the current call of an adapter, so that its attempts show it.

    Requests of `sharecore_http` are reported by themselves. Does nothing outside of a call that is recorded,
    or in a thread that does not have its context. Never raises.

    Args:
        method: method, in capitals.
        url: address, with the query.
        seconds: duration, up to now.
        status: status of the answer; None without one.
        sent: body, not compressed; its beginning (`MOST_BYTES`) is enough.
        sent_type: media type of the body.
        answered: body of the answer, or the reason for none. Of a GET that succeeded, only the size is kept:
            it may list what those who see the attempt may not see.
        answered_type: media type of the answer.
    """
    into = _recording.get()
    if into is None:
        return
    try:
        read = method in ("GET", "HEAD", "OPTIONS") and status is not None and 200 <= status < 300
        into.add(
            _Reported(
                method=printable(method)[:20],
                url=printable(url),
                status=status if status is None else int(status),
                seconds=round(seconds, 3),
                sent=_Body(sent[:MOST_BYTES], len(sent), sent_type),
                answered=_Body(answered[:MOST_BYTES], len(answered), answered_type, shown=not read),
                started=datetime.now(UTC) - timedelta(seconds=seconds),
            )
        )
    except Exception:
        logger.exception("An exchange could not be recorded")


def _cut(text: str) -> str:
    if repeats_secret(text[:_SEARCHED]):
        return HIDDEN
    if _NAMED.search(text[:_SEARCHED]):
        return MAY_HOLD
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _address(url: str) -> str:
    """Return an address, or the host alone: path and query of a webhook are credentials."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    kept = _cut(parts._replace(netloc=host).geturl())
    return f"{_cut(f'{parts.scheme}://{host}')} {kept}" if kept in (HIDDEN, MAY_HOLD) else kept
