"""The endpoints of the stand-in for HERMES: what each answers to one request, without HTTP itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

from hermes_broker import NO_PROFILE, PUBLIC_TOPICS, TOKEN, TOKENS, Hermes, Refused
from hermes_files import Unstored, parts_of, store
from hermes_message import normalised
from hermes_pages import error_page
from hermes_rules import Crash, Wrong

MAX_BODY = 2_621_440
"""Bytes of a message, whatever comes with it."""
MAX_REQUEST = 10 * 1024 * 1024
"""Bytes that the web server before it takes."""


class Lost(Exception):
    """The message is published, and the connection breaks before the answer."""


@dataclass(slots=True)
class Endpoints:
    """What the endpoints answer to one request. token: that of the request; None without one."""

    hermes: Hermes
    method: str
    query: str
    headers: Message
    body: bytes
    token: str | None
    files: dict[str, bytes] = field(default_factory=dict)

    def submit(self) -> dict[str, Any]:
        message = self._message()
        if not isinstance(message, dict) or not isinstance(message.get("data", {}), dict):
            raise Crash
        try:
            whole = normalised(message, development=self.hermes.development)
            if self.token and TOKENS[self.token]:
                self._store(whole)
            published = self.hermes.publish(whole, self.token)
        except Wrong as wrong:
            raise Refused(400, wrong.errors) from None
        if self.hermes.archive.loses_answer():
            raise Lost
        return published

    def validate(self) -> Any:
        message = self._message()
        if self.files or "multipart" in self.headers.get("Content-Type", ""):
            message = {name: value for name, value in message.items() if name != "data"}
        try:
            normalised(message, development=self.hermes.development)
        except Wrong as wrong:
            return wrong.errors
        return {}

    def profile(self) -> dict[str, Any]:
        if self.token is None:
            raise Refused(403, {"detail": "Authentication credentials were not provided."})
        if self.token == NO_PROFILE:
            raise Crash
        topics = list(self.hermes.writable) if self.token == TOKEN else []
        return {
            "api_token": self.token, "email": "", "credential_name": TOKENS[self.token],
            "writable_topics": topics, "integrated_apps": [], "can_submit_to_gcn": False,
            "tns_bot_id": None, "tns_bot_name": None, "group_memberships": {}, "default_topics_list": [],
        }  # fmt: skip

    def topics(self) -> dict[str, Any]:
        if self.token == NO_PROFILE:
            raise Crash
        self._archive_is_well()
        readable = {*PUBLIC_TOPICS, *(self.hermes.writable if self.token else ())}
        return {"topics": sorted(readable - set(self.hermes.archive.hidden))}

    def heartbeat(self) -> dict[str, Any]:
        return {
            "last_timestamps": {"hop": datetime.now(UTC).isoformat()},
            "is_authenticated": self.token is not None,
        }

    def messages(self) -> dict[str, Any]:
        self._archive_is_well()
        return self.hermes.archive.page(parse_qs(self.query))

    def one(self, uuid: str) -> dict[str, Any]:
        gone = Refused(404, {"error": f"404 Client Error: Not Found for url: /msg/{uuid}"})
        if self.method == "PATCH":
            return self._retract(uuid, gone)
        if self.method != "GET":
            raise Refused(405, {"detail": f'Method "{self.method}" not allowed.'})
        self._archive_is_well()
        message = self.hermes.archive.message(uuid)
        if message is None:
            raise gone
        return message

    def _retract(self, uuid: str, gone: Refused) -> dict[str, Any]:
        if self.token is None:
            raise Refused(403, {"detail": "Authentication credentials were not provided."})
        retracted = json.loads(self.body or b"{}").get("retracted")
        if not isinstance(retracted, bool):
            raise Refused(400, {"error": "'retracted' must be provided as a boolean value."})
        if not TOKENS[self.token]:
            text = "User must be authenticated with a valid SCiMMA Auth credential to access this API"
            raise Refused(401, {"error": text})
        self._archive_is_well()
        if not self.hermes.archive.retract(uuid, retracted):
            raise gone
        return {"success": "true"}

    def kept(self) -> dict[str, Any]:
        """The messages, for the tests; no part of HERMES."""
        return {"messages": self.hermes.archive.lines}

    def set(self) -> dict[str, Any]:
        """What the tests want of the archive; no part of HERMES."""
        for name, value in json.loads(self.body).items():
            setattr(self.hermes.archive, name, value)
        return {}

    def _message(self) -> Any:
        accept = self.headers.get("Accept", "*/*")
        if "json" not in accept and "html" not in accept and "*" not in accept:
            raise Refused(406, {"detail": "Could not satisfy the request Accept header."})
        if len(self.body) > MAX_REQUEST:
            raise Refused(413, error_page("413 Request Entity Too Large"))
        media = self.headers.get("Content-Type", "").partition(";")[0].strip()
        self.files = {}
        if media == "multipart/form-data":
            self.body, self.files = parts_of(self.headers["Content-Type"], self.body)
        elif media != "application/json":
            raise Refused(415, {"detail": f'Unsupported media type "{media}" in request.'})
        if len(self.body) > MAX_BODY:
            raise Refused(400, error_page("Bad Request (400)"))
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except ValueError as error:
            raise Refused(400, {"detail": f"JSON parse error - {error}"}) from None

    def _store(self, message: dict[str, Any]) -> None:
        try:
            store(message, self.files, self.hermes.archive)
        except Unstored as error:
            raise Refused(400, {"error": str(error)}) from None

    def _archive_is_well(self) -> None:
        if status := self.hermes.archive.fails:
            raise Refused(status, {"error": f"{status} Server Error: for url: /messages"})


def _no_constant(name: str) -> Any:
    raise ValueError(f"Out of range float values are not JSON compliant: '{name}'")
