"""Log in by a token if there is one, else by one obtained for the password, else by the password.

A stock 2.x TOM hands out tokens and then ignores them: a client that sends one is anonymous, sees nothing,
and may still create targets (measured on tomtoolkit 2.32.4). So no scheme is trusted before it is proved: a
scheme that the receiver looks at refuses nonsense. The request for the proof is for a description of the API,
which needs none of the data of the receiver: a list of targets fails where one of them is bad.
"""

from __future__ import annotations

import re
import threading
from enum import StrEnum
from itertools import islice

from requests import PreparedRequest

from sharecore.escapes import readings
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.secret import Secret
from sharecore.secrets import register
from sharecore_http.auth import Authorize, basic, no_credentials, token
from sharecore_http.client import Client
from sharecore_http.failures import HttpFailure
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.config import TomConfig
from sharecore_tom.refusals import not_able, refused, words

_ASK = "api/reduceddatums/"
_TOKEN = re.compile(r"(?=[\w-]*\d)[\w-]{16,}")
_MOST_TOKENS = 100
_TWO_FACTOR_HINT = "Copy the API token from your profile page there and set it as 'API_KEY'."


class Scheme(StrEnum):
    """The ways to log in."""

    API_KEY = "API_KEY"
    EXCHANGED = "token for the password"
    BASIC = "password"


class _Ignored(Exception):
    """Raised when the receiver does not look at this scheme."""


class Login:
    """The credentials in use at one receiver; found out once, kept in memory only. Safe for threads."""

    def __init__(self, client: Client, config: TomConfig) -> None:
        self._client = client
        self._config = config
        self._lock = threading.Lock()
        self._current: Authorize | None = None
        self.scheme: Scheme | None = None

    def authorize(self) -> Authorize:
        """Return the function that adds credentials. Raises `AuthenticationFailed` or `DestinationError`."""
        with self._lock:
            if self._current is None:
                self._current = self._establish()
            return self._current

    def renew(self, used: Authorize) -> bool:
        """Return, after a refusal of `used`, whether another try makes sense, since there are newer
        credentials.
        """
        with self._lock:
            if self._current is used:
                self._current = None
                if self.scheme is Scheme.EXCHANGED:
                    self._current = self._establish()
            return self._current is not None

    def _establish(self) -> Authorize:
        config = self._config
        if config.token:
            try:
                return self._proved(Scheme.API_KEY, token(config.token), f"the token ({config.token.place})")
            except _Ignored:
                if not (config.username and config.password):
                    raise AuthenticationFailed(
                        "the receiver ignores API tokens, as a stock tomtoolkit 2.x does. "
                        f"It needs 'USERNAME' and 'PASSWORD' in {config.path}."
                    ) from None
        else:
            exchanged = self._exchange()
            if exchanged:
                try:
                    return self._proved(
                        Scheme.EXCHANGED, token(exchanged), "the token that it gave us itself"
                    )
                except _Ignored:
                    pass
        who = f"user {config.username!r} with its password"
        try:
            return self._proved(Scheme.BASIC, basic(config.username, config.password), who)
        except _Ignored:
            raise AuthenticationFailed(
                "the receiver looks neither at tokens nor at passwords of API requests: its REST_FRAMEWORK "
                "setting needs TokenAuthentication or BasicAuthentication"
            ) from None

    def _proved(self, scheme: Scheme, authorize: Authorize, who: str) -> Authorize:
        reply = self._ask(authorize)
        if refused(reply, self._config.base_url):
            raise AuthenticationFailed(f"{who} was refused: {words(reply)}")
        _answered(reply)
        nonsense = _nonsense_basic if scheme is Scheme.BASIC else token(Secret("0"))
        reply = self._ask(nonsense)
        if not refused(reply, self._config.base_url):
            _answered(reply)
            raise _Ignored
        self.scheme = scheme
        return authorize

    def _exchange(self) -> Secret | None:
        """Return a token for the password; None where the receiver gives none."""
        try:
            reply = self._client.post(
                "api/token-auth/",
                json={"username": self._config.username, "password": self._config.password.reveal()},
                auth=no_credentials,
            )
        except HttpFailure as error:
            raise DestinationError(f"logging in: {error.reason}") from None
        # What looks like a token in the answer to a login is one, whatever the answer means.
        found = (given for reading in readings(reply.text[:4000]) for given in _TOKEN.findall(reading))
        for given in islice(found, _MOST_TOKENS):
            register(given)
        if reply.verdict in (Verdict.THROTTLED, Verdict.SERVER_ERROR, Verdict.NOT_JSON):
            raise not_able(reply, "logging in")
        if reply.status == 400 and reply.is_json:
            raise AuthenticationFailed(f"user {self._config.username!r} was refused: {words(reply)}")
        if reply.status in (401, 403) and reply.is_json:
            raise AuthenticationFailed(f"no token for the password: {words(reply)}. {_TWO_FACTOR_HINT}")
        given = reply.json.get("token") if reply.status == 200 and isinstance(reply.json, dict) else None
        return Secret(given) if isinstance(given, str) and given.isascii() and given.isprintable() else None

    def _ask(self, authorize: Authorize) -> Reply:
        try:
            return self._client.request("OPTIONS", _ASK, auth=authorize)
        except HttpFailure as error:
            raise DestinationError(f"logging in: {error.reason}") from None


def _answered(reply: Reply) -> None:
    """Raise `DestinationError` unless a TOM describes its API: no other answer says anything of a login."""
    if reply.verdict is not Verdict.OK:
        raise not_able(reply, "logging in")
    said = reply.json if isinstance(reply.json, dict) else {}
    if not isinstance(said.get("actions"), dict) and "parses" not in said:
        raise DestinationError("logging in: the answer is not that of a TOM. Check 'BASE_URL'.")


def _nonsense_basic(request: PreparedRequest) -> PreparedRequest:
    # Not base64, so that the receiver refuses it before it spends 0.3 s on hashing a password.
    request.headers["Authorization"] = "Basic !"
    return request
