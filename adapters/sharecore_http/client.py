"""The client: sends one request, and returns a complete `Reply` or raises a typed failure."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urljoin
from urllib.request import getproxies

import requests
import tenacity
import urllib3

from sharecore import shutdown
from sharecore.call_thread import progress
from sharecore.exceptions import DestinationError
from sharecore.secret import Secret
from sharecore.secrets import register_settings
from sharecore_http.auth import Authorize, no_credentials
from sharecore_http.content import Content, json_content
from sharecore_http.failures import PASSING, Cause, HttpFailure, NoAnswer, NotSent, TooLarge, failure
from sharecore_http.private_networks import public_only
from sharecore_http.reply import Reply, Verdict
from sharecore_http.reporting import reporting
from sharecore_http.settings import HttpSettings
from sharecore_http.transport import DeadlineAdapter, deadline

MAX_ANSWER = 2 * 1024 * 1024
"""Largest answer, in bytes, decompressed, on top of twice the request; a caller may allow more."""

MAX_TRIES = 3
MAX_RETRYING = 10.0
"""Seconds from the first try after which no other begins. Longer waits are the business of the ledger."""
FIRST_PAUSE = 0.5
"""Seconds before the second try; twice as many before the third."""

SLOWEST_LINE = 50_000.0
"""Bytes per second of the slowest line: the deadline of a request grows by the time of its body on such a
line.
"""

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_PIECE = 16 * 1024


class Client:
    """The client of one site. May be used from several threads at once; close it at the end.

    One `requests.Session` serves all threads. That is safe because nothing in it changes after `__init__`:
    cookies are refused, redirects never followed, credentials and headers given with each request; the
    connection pool below it has a lock of its own.

    Args:
        base_url: address to which every path is relative; a `Secret` where the address itself is a
            credential.
        settings: time-outs, certificates, proxies and headers; None for the usual ones.
        connections: number of connections that stay open; set it to the number of threads.
        sleep: way to wait, for tests.
        clock: seconds, for tests.

    Attributes:
        base_url: address of the site, as given.
    """

    def __init__(
        self,
        base_url: str | Secret,
        settings: HttpSettings | None = None,
        *,
        connections: int = 4,
        sleep: Callable[[float], None] = shutdown.pause,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = base_url.reveal() if isinstance(base_url, Secret) else base_url
        self.base_url = base_url
        self._settings = settings or HttpSettings()
        self._sleep = sleep
        self._clock = clock
        register_settings(getproxies())  # the library uses those of the environment as well
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(pool_connections=2, pool_maxsize=connections))
        if self._settings.verify is False:
            # Reported once, as a problem of the setting; not again with each request.
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)

    def __repr__(self) -> str:
        return f"<Client {self.base_url}>"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        auth: Authorize = no_credentials,
        max_answer: int = MAX_ANSWER,
    ) -> Reply:
        """Send a GET; tried again, within the limits, also after a lost answer."""
        return self.request("GET", path, params=params, auth=auth, max_answer=max_answer)

    def post(self, path: str, *, json: object, auth: Authorize = no_credentials) -> Reply:
        """Send a POST of JSON; tried again only when it provably did not arrive."""
        return self.request("POST", path, json=json, auth=auth)

    def patch(self, path: str, *, json: object, auth: Authorize = no_credentials) -> Reply:
        """Send a PATCH of JSON; tried again only when it provably did not arrive."""
        return self.request("PATCH", path, json=json, auth=auth)

    def answers(self, method: str, path: str, *, seconds: float) -> bool:
        """Return True when the server answers within `seconds`; one try, without credentials.

        Any answer counts that is not about the server itself. Raises `DestinationError` where there is none.
        """
        try:
            reply = self._once(method, path, None, None, {}, no_credentials, MAX_ANSWER, within=seconds)
        except HttpFailure as error:
            raise DestinationError(error.reason) from None
        if reply.status >= 500 or reply.verdict is Verdict.THROTTLED:
            said = f"HTTP {reply.status}, {reply.excerpt}"
            raise DestinationError(said, retry_after=reply.retry_after)
        return True

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: object = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Authorize = no_credentials,
        max_answer: int = MAX_ANSWER,
        repeatable: bool | None = None,
    ) -> Reply:
        """Send one request, with at most `MAX_TRIES` tries within `MAX_RETRYING` seconds.

        Redirects are returned, never followed: one to a login page is a refusal, and one of a POST would turn
        it into a GET.

        Args:
            method: method, in capitals.
            path: path relative to `base_url`.
            params: query.
            json: body, unless None; NaN and infinities raise ValueError.
            content: body that is not JSON, in place of `json`.
            headers: headers beside those of the settings.
            auth: credentials.
            max_answer: largest answer, in bytes.
            repeatable: whether a second request does no harm; by default True for GET, HEAD and OPTIONS.

        Returns:
            The answer, whatever its status.

        Raises:
            NotSent: the request had no effect.
            NoAnswer: the effect of the request is unknown.
        """
        sent = content if json is None else json_content(json)
        again = method in _REPEATABLE if repeatable is None else repeatable
        started = self._clock()

        def once() -> Reply:
            return self._once(method, path, params, sent, headers or {}, auth, max_answer)

        def worth_it(state: tenacity.RetryCallState) -> bool:
            outcome = state.outcome
            if outcome is None or state.attempt_number >= MAX_TRIES or not _passing(outcome, again):
                return False
            return self._clock() - started + _pause(state) <= MAX_RETRYING

        retrying = tenacity.Retrying(
            retry=worth_it,
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(once)

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: Content | None,
        headers: Mapping[str, str],
        auth: Authorize,
        max_answer: int,
        within: float = float("inf"),
    ) -> Reply:
        if shutdown.begun():
            raise NotSent(Cause.STOPPING)
        limits = self._settings
        body = content.body if content else b""
        sent = {"User-Agent": _user_agent(), "Accept": "application/json"}
        sent |= content.headers if content else {}
        for name, value in limits.headers.items():
            sent[name] = value.reveal() if isinstance(value, Secret) else value
        sent |= headers
        longest = min(limits.deadline + len(body) / SLOWEST_LINE, within)
        progress(longest)
        url = urljoin(self._url, path)
        report = reporting(method, url, params, content, self._clock)
        error: Exception
        try:
            with (
                deadline(longest),
                public_only(limits.public_only),
                self._session.request(
                    method,
                    url,
                    params=params,
                    data=body or None,
                    headers=sent,
                    auth=auth,
                    timeout=(min(limits.connect_timeout, within), min(limits.read_timeout, within)),
                    allow_redirects=False,
                    proxies={scheme: url.reveal() for scheme, url in limits.proxies.items()},
                    verify=limits.verify,
                    stream=True,
                ) as response,
            ):
                reply = Reply(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=_read(response, max_answer + 2 * len(body)),
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as caught:
            error = caught
        else:
            report(reply)
            return reply
        # Outside the handler, so that not even a traceback's context holds the library's text.
        failed = failure(error)
        report(failed)
        raise failed


def _read(response: requests.Response, limit: int) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


def _passing(outcome: tenacity.Future, repeatable: bool) -> bool:
    error = outcome.exception()
    if isinstance(error, NotSent):
        return error.cause in PASSING
    if isinstance(error, NoAnswer):
        return repeatable and error.cause is not Cause.TOO_LARGE
    if error is not None:
        return False
    reply: Reply = outcome.result()
    # Both say that nothing was done; without a time to wait there is no telling when to come back.
    return reply.verdict is Verdict.THROTTLED and reply.retry_after is not None


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next try: those that the destination asked for, else growing ones."""
    outcome = state.outcome
    if outcome is not None and not outcome.failed:
        asked: float | None = outcome.result().retry_after
        return max(asked or 0.0, 0.1)
    return FIRST_PAUSE * 2.0 ** (state.attempt_number - 1)


@cache  # the answer stands in a file, which was read anew for each request
def _user_agent() -> str:
    try:
        return f"sharecore/{version('sharecore')}"
    except PackageNotFoundError:
        return "sharecore"
