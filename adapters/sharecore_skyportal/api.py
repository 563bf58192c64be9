"""Send requests to one SkyPortal, and read its answers.

Every answer is an envelope: `{"status": "success", "data": ...}`, or `{"status": "error", "message": ...}`
with HTTP 400 for whatever went wrong there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sharecore import AuthenticationFailed, DestinationError, hide_secrets, one_line
from sharecore_http import Cause, Client, NoAnswer, NotSent, Refused, Reply, Unclear, Verdict, token
from sharecore_skyportal.config import SkyPortalConfig

RATE, BURST = 5.0, 10
"""Requests per second that the web server of SkyPortal lets through, and those beyond for a moment."""
MAX_LIST = 64 * 1024 * 1024
"""Largest list of the photometry or spectra of a source, in bytes."""

_TRACEBACK = "Traceback (most recent call last)"
_LONGEST = 200
_NOT_THERE = frozenset({404, 405})
_PASSING = frozenset({408, 425})


class TooMuch(DestinationError):
    """Raised when an answer is larger than `MAX_LIST`: the server is well, and the list cannot be read."""


class Api:
    """The REST API of one SkyPortal, for one call at a time.

    Args:
        config: settings.
        client: HTTP client, for tests.
        clock: seconds, for tests.
        sleep: way to wait, for tests.
    """

    def __init__(
        self,
        config: SkyPortalConfig,
        client: Client | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = config.path
        self._place = config.token.place
        self._client = client or Client(config.base_url, config.http, connections=1)
        # SkyPortal knows this word in small letters alone.
        self._authorize = token(config.token, scheme="token")
        self._clock, self._sleep = clock, sleep
        self._due = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def answers(self, seconds: float) -> bool:
        """Return True when the server answers within `seconds`. Raises `DestinationError` if not."""
        return self._client.answers("GET", "api/groups", seconds=seconds)

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Send a request with effects, and return the data of the answer.

        Raises `Refused` or `Unclear`, and the exceptions of `Adapter.deliver` where nothing was done.
        """
        try:
            reply = self._request(method, path, json=body)
        except NoAnswer as error:
            raise Unclear(error.reason) from None
        return self._read(reply)

    def ask(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the data of an answer to a GET; None for what is not there (404).

        Raises `TooMuch`, and the exceptions of `Adapter.deliver` where there is no usable answer.
        """
        try:
            reply = self._request("GET", path, params=params, max_answer=MAX_LIST)
            return None if reply.status == 404 and reply.is_json else self._read(reply)
        except (NoAnswer, Refused, Unclear) as error:
            large = isinstance(error, NoAnswer) and error.cause is Cause.TOO_LARGE
            raise (TooMuch if large else DestinationError)(f"GET {path}: {error.reason}") from None

    def _request(self, method: str, path: str, **options: Any) -> Reply:
        self._keep_pace()
        try:
            return self._client.request(method, path, auth=self._authorize, **options)
        except NotSent as error:
            raise DestinationError(error.reason) from None

    def _keep_pace(self) -> None:
        now = self._clock()
        self._due = max(self._due, now - BURST / RATE) + 1 / RATE
        if self._due > now:
            self._sleep(self._due - now)

    def _read(self, reply: Reply) -> Any:
        told = said(reply)
        if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
            raise AuthenticationFailed(f"the token is refused: {told}. Correct {self._place}")
        if reply.verdict is Verdict.REDIRECT or reply.status in _NOT_THERE:
            raise DestinationError(f"{told}: correct {self._path}['BASE_URL']")
        if reply.verdict is Verdict.THROTTLED or reply.status in _PASSING:
            raise DestinationError(told, retry_after=reply.retry_after)
        if 400 <= reply.status < 500:
            raise Refused(told, reply)
        envelope = reply.json
        if reply.status < 300 and isinstance(envelope, dict) and envelope.get("status") == "success":
            return envelope.get("data")
        raise Unclear(told)


def said(reply: Reply) -> str:
    """Return what an answer says, in one short line; of a traceback only the error at its end."""
    message = reply.json.get("message") if isinstance(reply.json, dict) else None
    if not isinstance(message, str) or not message.strip():
        return f"HTTP {reply.status}, {reply.excerpt if message is None else 'no reason'}"
    message = hide_secrets(message).strip()
    if _TRACEBACK in message:
        message = message.splitlines()[-1]
    return f"HTTP {reply.status}, {one_line(' '.join(message.split()), _LONGEST)}"
