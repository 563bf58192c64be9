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
from dataclasses import dataclass, replace
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

    @property
    def failed(self) -> bool:
        """Return whether the request had no answer, or one that says that it failed."""
        return self.status is None or self.status >= 400


class Recording:
    """The exchanges of one call. Threads may add to it at the same time.

    Attributes:
        number: number of all exchanges, those that are not kept too.
    """

    def __init__(self) -> None:
        self.number = 0
        self._first: list[Exchange] = []
        self._failed: list[Exchange] = []
        self._last: deque[Exchange] = deque()
        self._lock = threading.Lock()

    def add(self, exchange: Exchange) -> None:
        """Add an exchange, and drop what is too much."""
        with self._lock:
            self.number += 1
            if len(self._first) < MOST_FIRST:
                self._first.append(exchange)
                return
            self._last.append(exchange)
            if len(self._last) > MOST_LAST:
                oldest = self._last.popleft()
                if oldest.failed and len(self._failed) < MOST_FAILED:
                    self._failed.append(oldest)

    def kept(self) -> list[Exchange]:
        """Return the exchanges that are kept, in order of time, without a credential that is known by now."""
        with self._lock:
            kept = [*self._first, *self._failed, *self._last]
        return [
            replace(each, url=_address(each.url), sent=_cut(each.sent), answered=_cut(each.answered))
            for each in kept
        ]


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
            Exchange(
                method=printable(method)[:20],
                url=printable(url),
                status=status,
                seconds=round(seconds, 3),
                sent=_text(sent, sent_type),
                answered=_size(answered, answered_type) if read else _text(answered, answered_type),
                started=datetime.now(UTC) - timedelta(seconds=seconds),
            )
        )
    except Exception:
        logger.exception("An exchange could not be recorded")


def _text(body: bytes | str, media_type: str) -> str:
    """Return the beginning of a body as text; of what is no text, type and size."""
    start = body[:MOST_BYTES]
    text = (start if isinstance(start, str) else start.decode(errors="replace"))[:_SEARCHED]
    text = "".join(each if each.isprintable() or each in "\r\n\t" else "\ufffd" for each in text)
    return _size(body, media_type) if text.count("\ufffd") > _STRANGE * len(text) else text


def _size(body: bytes | str, media_type: str) -> str:
    return f"{printable(media_type)[:100] or 'no type'}, {len(body):,} bytes" if body else ""


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
