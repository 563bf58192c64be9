"""Send requests to one receiver, logged in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore_http.client import MAX_ANSWER, Client
from sharecore_http.content import Content, File, form, json_content
from sharecore_http.failures import HttpFailure, NotSent
from sharecore_http.reply import Reply
from sharecore_tom.auth import Login
from sharecore_tom.config import TomConfig
from sharecore_tom.paging import Params, pages
from sharecore_tom.refusals import refused, words

_PAGE = 100
_MAX_PAGE = 32 * 1024 * 1024
"""Largest page of a list, in bytes: targets can have many extras, and spectra are long."""


class Api:
    """The REST API of one TOM. Safe for threads."""

    def __init__(self, config: TomConfig, client: Client | None = None) -> None:
        self.config = config
        self._client = client or Client(config.base_url, config.http, connections=config.concurrency)
        self.login = Login(self._client, config)

    def close(self) -> None:
        self._client.close()

    def answers(self, seconds: float) -> bool:
        """Return True when the receiver answers within `seconds`. Raises `DestinationError` if not."""
        return self._client.answers("OPTIONS", "api/reduceddatums/", seconds=seconds)

    def send(self, method: str, path: str, body: Mapping[str, Any] | Content) -> Reply:
        """Send a request with effects. Raises `NoAnswer` when its effect is unknown."""
        content = body if isinstance(body, Content) else json_content(body)
        return self._request(method, path, content=content)

    def upload(self, path: str, fields: Mapping[str, str], files: Mapping[str, File]) -> Reply:
        """Send a POST of a form with files. Raises `NoAnswer` as `send`."""
        return self.send("POST", path, form(fields, files))

    def ask(
        self,
        path: str,
        params: Params | None = None,
        *,
        method: str = "GET",
        max_answer: int = MAX_ANSWER,
    ) -> Reply:
        """Send a request without effects. Raises `DestinationError` without an answer."""
        try:
            return self._request(method, path, params=params, max_answer=max_answer)
        except HttpFailure as error:
            raise DestinationError(f"{method} {path}: {error.reason}") from None

    def log_in_anew(self) -> None:
        """Log in with the credentials of the settings, and replace the credentials in use.

        Raises the exceptions of `Login.authorize`; then the credentials in use stay.
        """
        fresh = Login(self._client, self.config)
        fresh.authorize()
        self.login = fresh

    def pages(self, path: str, params: Params, *, limit: int = _PAGE) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a list: see `paging.pages`."""
        return pages(lambda query: self.ask(path, query, max_answer=_MAX_PAGE), path, params, limit)

    def _request(self, method: str, path: str, **options: Any) -> Reply:
        used, here = self.login.authorize(), str(self._client.base_url)
        try:
            reply = self._client.request(method, path, auth=used, **options)
            if refused(reply, here) and self.login.renew(used):
                reply = self._client.request(method, path, auth=self.login.authorize(), **options)
        except NotSent as error:
            raise DestinationError(f"{method} {path}: {error.reason}") from None
        if refused(reply, here):
            raise AuthenticationFailed(f"{method} {path} was refused: {words(reply)}")
        return reply
