"""An answer, read completely and within limits, and the general meaning of its status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property

from sharecore.secrets import hide_secrets
from sharecore.texts import one_line, printable

LONGEST_WAIT = 24 * 3600.0
"""Longest wait that a destination can ask for, in seconds."""

MAX_EXCERPT = 200


class Verdict(StrEnum):
    """The meaning of an answer, before an adapter refines it.

    By its status, as of RFC 9110: 2xx is OK (`NOT_JSON` for a body that is none), 3xx `REDIRECT`, 401
    `UNAUTHORIZED`, 403 `FORBIDDEN`, 404 and 410 `NOT_FOUND`, 429 `THROTTLED` and so is 503 with a
    `Retry-After`; every other 4xx `REFUSED`, everything from 500 on `SERVER_ERROR`.
    """

    OK = "ok"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    THROTTLED = "throttled"
    REFUSED = "refused"
    SERVER_ERROR = "server error"
    NOT_JSON = "not JSON"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer.

    It may repeat the request, credentials too: quote `excerpt`, or pass a quotation through
    `sharecore.secrets.hide_secrets` before you cut it.
    """

    status: int
    """Status, as of RFC 9110."""
    headers: Mapping[str, str] = field(repr=False)
    """Headers, with names in lower case."""
    body: bytes = field(repr=False)
    """Body, decompressed, within the limit of the client."""
    received: datetime = field(default_factory=lambda: datetime.now(UTC), repr=False)
    """Time of arrival, aware, UTC."""

    @cached_property
    def text(self) -> str:
        """Return the body as text, with a replacement for bytes that are not UTF-8. Untrusted: never show it
        unescaped.
        """
        return self.body.decode("utf-8", errors="replace")

    @cached_property
    def is_json(self) -> bool:
        """Return whether the body is JSON, whatever the content type says."""
        return self._parsed[0]

    @cached_property
    def json(self) -> object:
        """Return the parsed body; None when it is not JSON (ask `is_json`)."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[bool, object]:
        try:
            return True, json.loads(self.body)
        except (ValueError, RecursionError):
            return False, None

    @cached_property
    def excerpt(self) -> str:
        """Return the beginning of a body in one line, for a message to people; of HTML only that it is HTML.

        Hidden when it repeats a credential.
        """
        if "<html" in self.text[:2000].lower() or "html" in self.headers.get("content-type", ""):
            return "an HTML page"
        beginning = hide_secrets(self.text[: 20 * MAX_EXCERPT])  # blanks could part a credential
        return one_line(" ".join(printable(beginning).split()), MAX_EXCERPT) or "an empty answer"

    @cached_property
    def retry_after(self) -> float | None:
        """Return the seconds that the destination asks us to wait; None where it does not ask.

        A date is read by the clock of the server, which the answer shows (RFC 9110, 6.6.1): ours may differ.
        """
        now = _http_date(self.headers.get("date", "")) or self.received
        return parse_retry_after(self.headers.get("retry-after"), now=now)

    @cached_property
    def verdict(self) -> Verdict:
        """Return the general meaning of status and form; a 2xx with a body that is not JSON is `NOT_JSON`."""
        by_status = {401: Verdict.UNAUTHORIZED, 403: Verdict.FORBIDDEN, 404: Verdict.NOT_FOUND,
                     410: Verdict.NOT_FOUND, 429: Verdict.THROTTLED}  # fmt: skip
        if self.status in by_status:
            return by_status[self.status]
        if self.status == 503 and self.retry_after is not None:
            return Verdict.THROTTLED
        if self.status >= 500:
            return Verdict.SERVER_ERROR
        if self.status >= 400:
            return Verdict.REFUSED
        if self.status >= 300:
            return Verdict.REDIRECT
        return Verdict.OK if self.is_json or not self.body else Verdict.NOT_JSON


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return `Retry-After` as seconds from `now` (aware), between 0 and `LONGEST_WAIT`.

    Reads both forms of RFC 9110, seconds and HTTP date, and seconds with decimals; of several in one line, as
    a server and a proxy before it write, the longest. None for anything else.
    """
    if value is None:
        return None
    text = value.strip()
    if all(map(_SECONDS.fullmatch, text.split(","))):
        return min(max(map(float, text.split(","))), LONGEST_WAIT)
    dates = [when for each in _EACH_DATE.split(text) if (when := _http_date(each))]
    return min(max((max(dates) - now).total_seconds(), 0.0), LONGEST_WAIT) if dates else None


_SECONDS = re.compile(r"\s*[0-9]+(?:\.[0-9]*)?\s*")
_EACH_DATE = re.compile(r"(?<=GMT)\s*,\s*")


def _http_date(text: str) -> datetime | None:
    """Return a date in any of the forms of RFC 9110; None for another text."""
    try:
        when = parsedate_to_datetime(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
