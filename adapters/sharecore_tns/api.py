"""Send requests to TNS, and read its answers.

Bodies are forms, not JSON, with the report as a text of JSON in `data`. A bot is known by its key in the body
and by its marker in `User-Agent`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sharecore import AuthenticationFailed, DestinationError, delay_next_call, hide_secrets, one_line
from sharecore_http import (
    Client,
    Content,
    File,
    NoAnswer,
    NotSent,
    Refused,
    Reply,
    Unclear,
    Verdict,
    form,
    no_credentials,
)
from sharecore_tns.config import TnsConfig

SUBMIT = "api/set/bulk-report"
REPLY = "api/get/bulk-report-reply"
UPLOAD = "api/set/file-upload"
VALUES = "api/get/values"
SEARCH = "api/get/search"
OBJECT = "api/get/object"

_PASSING = frozenset({408, 425})
_LONGEST = 200


class Api:
    """The API of TNS, for one bot.

    Args:
        config: settings.
        client: HTTP client, for tests.
    """

    def __init__(self, config: TnsConfig, client: Client | None = None) -> None:
        self._config = config
        self._client = client or Client(config.base_url, config.http, connections=1)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def values(self) -> Mapping[str, Any]:
        """Return the lists of options by name. Raises the exceptions of `Adapter.deliver`."""
        return self._mapping(self._asked(VALUES, None), VALUES)

    def submit(self, content: object) -> str:
        """Submit a report, and return the number under which its answer can be asked for.

        Raises `Refused`, `Unclear`, and the exceptions of `Adapter.deliver` where nothing was done.
        """
        try:
            reply = self._request(SUBMIT, self._form(data=written(content)))
        except NoAnswer as error:
            raise Unclear(error.reason) from None
        data = self._data(reply)
        number = data.get("report_id") if isinstance(data, Mapping) else None
        text = str(number).strip() if isinstance(number, int | str) and not isinstance(number, bool) else ""
        if not (text.isascii() and text.isdigit()):
            raise Unclear(f"{said(reply)}, without the number of a report")
        return text

    def answer(self, number: str) -> tuple[int, object]:
        """Return status and JSON of the answer to a report: 404 not yet, 400 or 200.

        Raises the exceptions of `Adapter.deliver` for anything else.
        """
        try:
            reply = self._request(REPLY, self._form(report_id=number), repeatable=True)
        except NoAnswer as error:
            raise DestinationError(f"{REPLY}: {error.reason}") from None
        self._heed(reply)
        if reply.status in (200, 400, 404) and isinstance(reply.json, Mapping):
            return reply.status, reply.json
        raise DestinationError(f"{REPLY}: {said(reply)}")

    def upload(self, file: File) -> str:
        """Upload a file for a report that is not yet submitted, and return its name there. Raises `Refused`,
        and the exceptions of `Adapter.deliver`: a file alone is no report.
        """
        content = form({"api_key": self._config.api_key.reveal()}, {"files[0]": file})
        try:
            data = self._data(self._request(UPLOAD, content))
        except (NoAnswer, Unclear) as error:
            raise DestinationError(f"{UPLOAD}: {error.reason}") from None
        name = data[0] if isinstance(data, list) and data else None
        if not isinstance(name, str) or not name:
            raise DestinationError(f"{UPLOAD}: the answer has no name of the file")
        return name

    def search(self, **query: str) -> list[Mapping[str, Any]]:
        """Return the objects of a search: `objname`, `prefix`. Raises the exceptions of `deliver`."""
        found = self._asked(SEARCH, self._form(data=written(query)))
        found = found.get("reply") if isinstance(found, Mapping) else found
        return [each for each in found or () if isinstance(each, Mapping)] if isinstance(found, list) else []

    def object_named(self, name: str) -> Mapping[str, Any]:
        """Return an object by its name without prefix; empty for none. Raises the exceptions of `deliver`."""
        found = self._asked(OBJECT, self._form(data=written({"objname": name})))
        found = found.get("reply", found) if isinstance(found, Mapping) else found
        return found if isinstance(found, Mapping) else {}

    def _asked(self, path: str, content: Content | None) -> Any:
        """Return the data of an answer to a question; None for what TNS does not have."""
        try:
            reply = self._request(path, content, repeatable=True)
            if reply.status == 404 and isinstance(reply.json, Mapping):
                self._heed(reply)
                return None
            return self._data(reply)
        except (NoAnswer, Refused, Unclear) as error:
            raise DestinationError(f"{path}: {error.reason}") from None

    def _form(self, **fields: str) -> Content:
        body = urlencode({"api_key": self._config.api_key.reveal(), **fields})
        return Content(body=body.encode(), media_type="application/x-www-form-urlencoded")

    def _request(self, path: str, content: Content | None, *, repeatable: bool = False) -> Reply:
        try:
            return self._client.request(
                "POST" if content else "GET",
                path,
                content=content,
                headers={"User-Agent": self._config.marker},
                auth=no_credentials,
                repeatable=repeatable,
            )
        except NotSent as error:
            raise DestinationError(error.reason) from None

    def _data(self, reply: Reply) -> Any:
        """Return the data of an answer. Raises `Refused`, `Unclear`, and the exceptions of `deliver`."""
        self._heed(reply)
        told = said(reply)
        if reply.verdict is Verdict.REDIRECT or reply.status in (404, 405):
            raise DestinationError(f"{told}: correct {self._config.path}['BASE_URL']")
        if 400 <= reply.status < 500:
            raise Refused(told, reply)
        if 200 <= reply.status < 300 and isinstance(reply.json, Mapping) and "data" in reply.json:
            return reply.json["data"]
        raise Unclear(told)

    def _heed(self, reply: Reply) -> None:
        """Keep to the rate limit, and raise what has nothing to do with the request itself."""
        wait = _seconds(reply.headers.get("x-rate-limit-reset"))
        if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
            hint = f"Correct {self._config.api_key.place}, and the number and name of the bot beside it"
            raise AuthenticationFailed(f"TNS refuses the bot: {said(reply)}. {hint}")
        if reply.verdict is Verdict.THROTTLED or reply.status in _PASSING:
            asked = reply.retry_after
            raise DestinationError(said(reply), retry_after=wait if asked is None else asked)
        if wait is not None and _seconds(reply.headers.get("x-rate-limit-remaining")) == 0:
            delay_next_call(wait)

    def _mapping(self, data: object, path: str) -> Mapping[str, Any]:
        if not isinstance(data, Mapping):
            raise DestinationError(f"{path}: the answer is not that of TNS")
        return data


def written(content: object) -> str:
    """Return the text of JSON that `data` holds."""
    return json.dumps(content, allow_nan=False, ensure_ascii=False)


def said(reply: Reply) -> str:
    """Return what an answer says, in one short line."""
    message = reply.json.get("id_message") if isinstance(reply.json, Mapping) else None
    if not isinstance(message, str) or not message.strip():
        return f"HTTP {reply.status}, {reply.excerpt}"
    return f"HTTP {reply.status}, {one_line(hide_secrets(message), _LONGEST)}"


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 86_400 else None
