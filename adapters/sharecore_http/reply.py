"""An answer, read completely and within limits, and what its status says in general."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property

from sharecore.secrets import hide_secrets
from sharecore.texts import one_line, printable

LONGEST_WAIT = 24 * 3600.0
"""No destination can ask us to wait longer than this, in seconds."""

MAX_EXCERPT = 200


class Verdict(StrEnum):
    """What an answer says, before an adapter refines it.

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

    status: as of RFC 9110. headers: names in lower case. body: decompressed, at most what the client's cap
    allows. received: when, aware, UTC. It may repeat what it was sent, credentials too: quote `excerpt`, or
    pass what you quote through `sharecore.secrets.hide_secrets` before you cut it.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received: datetime = field(default_factory=lambda: datetime.now(UTC), repr=False)

    @cached_property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced. Untrusted: never show it unescaped."""
        return self.body.decode("utf-8", errors="replace")

    @cached_property
    def is_json(self) -> bool:
        """Whether the body is JSON, whatever the content type says."""
        return self._parsed[0]

    @cached_property
    def json(self) -> object:
        """The parsed body; None when it is not JSON (ask `is_json`)."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[bool, object]:
        try:
            return True, json.loads(self.body)
        except (ValueError, RecursionError):
            return False, None

    @cached_property
    def excerpt(self) -> str:
        """The beginning of a body that is not HTML, in one line, for a message to people; else what it is.

        Hidden when it repeats a credential.
        """
        if "<html" in self.text[:2000].lower() or "html" in self.headers.get("content-type", ""):
            return "an HTML page"
        beginning = hide_secrets(self.text[: 20 * MAX_EXCERPT])  # blanks could part a credential
        return one_line(" ".join(printable(beginning).split()), MAX_EXCERPT) or "an empty answer"

    @cached_property
    def retry_after(self) -> float | None:
        """Seconds that the destination asks us to wait, if it does.

        A date is taken by the clock that wrote it, which the answer tells (RFC 9110, 6.6.1): ours may differ.
        """
        now = _http_date(self.headers.get("date", "")) or self.received
        return parse_retry_after(self.headers.get("retry-after"), now=now)

    @cached_property
    def verdict(self) -> Verdict:
        """The general meaning of status and form; a 2xx with a body that is not JSON is `NOT_JSON`."""
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
    """`Retry-After` as seconds from `now` (aware), between 0 and `LONGEST_WAIT`.

    Both forms of RFC 9110 are read, seconds and HTTP date; anything else is None.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    when = _http_date(text)
    return None if when is None else min(max((when - now).total_seconds(), 0.0), LONGEST_WAIT)


def _http_date(text: str) -> datetime | None:
    """A date in any of the forms of RFC 9110; None for another text."""
    try:
        when = parsedate_to_datetime(text)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
