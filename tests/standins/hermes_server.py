"""A stand-in for HERMES: the part of it that sharing meets, as measured on its server of August 2026.

    python hermes_server.py --port 0 --log published.jsonl --writable-topics hermes.test,hermes.demo

It prints its port, serves on loopback until it is ended, and writes each message that it published as one
line of JSON. Four tokens work: `TOKEN`, `NO_CREDENTIAL` (a user without SCiMMA credential), `READ_ONLY`
(whose credential may write nowhere) and `NO_PROFILE` (a user who never logged in, at which the server fails).
With `--development` it is the server for development. `POST /stand-in/` with JSON sets fields of `Archive`,
`GET /stand-in/` lists the messages, and `GET /stand-in/<digest>` gives a file that came with one. `/` and
`/message/<uuid>` show the messages to people.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from hermes_archive import Archive
from hermes_files import Unstored, parts_of, store
from hermes_message import INGESTED, normalised
from hermes_pages import all_messages, one_message
from hermes_rules import Crash, Wrong

TOKEN = "0123456789abcdef0123456789abcdef01234567"
NO_CREDENTIAL = "1123456789abcdef0123456789abcdef01234567"
READ_ONLY = "2123456789abcdef0123456789abcdef01234567"
NO_PROFILE = "3123456789abcdef0123456789abcdef01234567"
TOKENS = {TOKEN: "credential-1", NO_CREDENTIAL: "", READ_ONLY: "credential-2", NO_PROFILE: ""}

MAX_BODY = 2_621_440
"""Bytes of a message, whatever comes with it."""
MAX_REQUEST = 10 * 1024 * 1024
"""Bytes that the web server before it takes."""
MAX_MESSAGE = 1_000_000
PUBLIC_TOPICS = ("gcn.circulars", "hermes.test")
SUBMIT, VALIDATE = "/api/v0/submit_message/", "/api/v0/submit_message/validate/"
QUERY, TOPICS = "/api/v0/query/", "/api/v0/topics/"
STAND_IN = "/stand-in/"
HELP = "This endpoint is used to send a generic hermes message"
NO_CREDENTIAL_TEXT = (
    "User account does not have an associated SCIMMA auth credential. Please logout and log back in."
)


class Refused(Exception):
    """An answer that ends the request early."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        super().__init__(status)


class Lost(Exception):
    """The message is published, and the connection breaks before the answer."""


class Hermes:
    """The state: who may write where, and what was published."""

    def __init__(self, log: Path, writable: tuple[str, ...], *, development: bool = False) -> None:
        self.log = log
        self.development = development
        self.writable = writable
        self.archive = Archive()
        self.lock = threading.Lock()

    def publish(self, message: dict[str, Any], token: str | None) -> dict[str, Any]:
        """As the broker does; the answer is the message and its id."""
        if token == NO_PROFILE:
            raise Crash
        if not token or not TOKENS[token]:
            raise Refused(200, {"error": NO_CREDENTIAL_TEXT})
        topic = message["topic"]
        if topic not in (*self.writable, *PUBLIC_TOPICS):
            raise _broker(f"code=UNKNOWN_TOPIC_OR_PART Broker: Unknown topic or partition on topic {topic}")
        if token == READ_ONLY or topic not in self.writable:
            raise _broker(
                f"code=TOPIC_AUTHORIZATION_FAILED Broker: Topic authorization failed on topic {topic}"
            )
        if len(json.dumps(message)) > MAX_MESSAGE:
            raise _broker("code=MSG_SIZE_TOO_LARGE Broker: Message size too large")
        uuid = str(uuid4())
        if "test" not in topic:
            INGESTED.add(uuid)
        line = self.archive.keep(uuid, topic, TOKENS[token], message)
        with self.lock, self.log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        try:
            json.dumps(message, allow_nan=False)
        except ValueError:
            raise Crash from None  # published, then the answer fails
        return {**message, "uuid": uuid}


def _broker(text: str) -> Refused:
    return Refused(400, {"error": f"Error posting message to kafka: Error communicating with Kafka: {text}"})


def _page(title: str) -> str:
    head = f'<!doctype html> <html lang="en"> <head> <title>{title}</title> </head>'
    return f"{head} <body> <h1>{title}</h1></body></html>"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    hermes: Hermes

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests hold tokens."""

    def do_GET(self) -> None:
        self._serve({
            "/api/v0/profile/": self._profile,
            TOPICS: self._topics,
            QUERY: self._query,
            "/api/v0/heartbeat/": self._heartbeat,
            SUBMIT: lambda token: {"message": HELP},
            VALIDATE: lambda token: {"message": HELP},
            STAND_IN: lambda token: {"messages": self.hermes.archive.lines},
        })  # fmt: skip

    def do_POST(self) -> None:
        self._serve({SUBMIT: self._submit, VALIDATE: self._validate, STAND_IN: self._set})

    def do_PUT(self) -> None:
        self._serve({})

    do_PATCH = do_DELETE = do_PUT

    def _serve(self, routes: dict[str, Any]) -> None:
        path = self.path.partition("?")[0]
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = {"/api/v0/profile/", "/api/v0/heartbeat/", TOPICS, QUERY, SUBMIT, VALIDATE, STAND_IN}
        try:
            if path == "/":
                return self._answer(200, all_messages(self.hermes.archive.lines))
            if path.startswith("/message/"):
                return self._answer(200, one_message(self.hermes.archive.message(path.split("/")[2])))
            if f"{path}/" in known:
                return self._answer(301, "", location=f"{path}/")
            token = self._token()
            if self.command == "GET" and path.startswith(STAND_IN) and path != STAND_IN:
                content = self.hermes.archive.stored[path.removeprefix(STAND_IN)]
                return self._answer(200, content.decode())
            if path.startswith(f"{QUERY}message/"):
                return self._answer(200, self._one(token, path.rstrip("/").rpartition("/")[2]))
            if path not in known:
                return self._answer(404, _page("Not Found"))
            if path not in routes:
                raise Refused(405, {"detail": f'Method "{self.command}" not allowed.'})
            status, body = 200, routes[path](token)
        except Refused as refused:
            status, body = refused.status, refused.body
        except Lost:
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        except Crash:
            status, body = 500, _page("Server Error (500)")
        if "text/html" in self.headers.get("Accept", "") and isinstance(body, dict):
            body = _page("Hermes")
        self._answer(status, body)

    def _answer(self, status: int, body: Any, location: str = "") -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def _token(self) -> str | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "token":
            return None
        if not token:
            raise Refused(403, {"detail": "Invalid token header. No credentials provided."})
        if " " in token:
            text = "Invalid token header. Token string should not contain spaces."
            raise Refused(403, {"detail": text})
        if token not in TOKENS:
            raise Refused(403, {"detail": "Invalid token."})
        return token

    def _message(self) -> Any:
        accept = self.headers.get("Accept", "*/*")
        if "json" not in accept and "html" not in accept and "*" not in accept:
            raise Refused(406, {"detail": "Could not satisfy the request Accept header."})
        if len(self.body) > MAX_REQUEST:
            raise Refused(413, _page("413 Request Entity Too Large"))
        media = self.headers.get("Content-Type", "").partition(";")[0].strip()
        self.files = {}
        if media == "multipart/form-data":
            self.body, self.files = parts_of(self.headers["Content-Type"], self.body)
        elif media != "application/json":
            raise Refused(415, {"detail": f'Unsupported media type "{media}" in request.'})
        if len(self.body) > MAX_BODY:
            raise Refused(400, _page("Bad Request (400)"))
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except ValueError as error:
            raise Refused(400, {"detail": f"JSON parse error - {error}"}) from None

    def _store(self, message: dict[str, Any]) -> None:
        try:
            store(message, self.files, self.hermes.archive)
        except Unstored as error:
            raise Refused(400, {"error": str(error)}) from None

    def _submit(self, token: str | None) -> dict[str, Any]:
        message = self._message()
        if not isinstance(message, dict) or not isinstance(message.get("data", {}), dict):
            raise Crash
        try:
            whole = normalised(message, development=self.hermes.development)
            if token and TOKENS[token]:
                self._store(whole)
            published = self.hermes.publish(whole, token)
        except Wrong as wrong:
            raise Refused(400, wrong.errors) from None
        if self.hermes.archive.loses_answer():
            raise Lost
        return published

    def _validate(self, token: str | None) -> Any:
        message = self._message()
        if self.files or "multipart" in self.headers.get("Content-Type", ""):
            message = {name: value for name, value in message.items() if name != "data"}
        try:
            normalised(message, development=self.hermes.development)
        except Wrong as wrong:
            return wrong.errors
        return {}

    def _profile(self, token: str | None) -> dict[str, Any]:
        if token is None:
            raise Refused(403, {"detail": "Authentication credentials were not provided."})
        if token == NO_PROFILE:
            raise Crash
        topics = list(self.hermes.writable) if token == TOKEN else []
        return {
            "api_token": token, "email": "", "credential_name": TOKENS[token], "writable_topics": topics,
            "integrated_apps": [], "can_submit_to_gcn": False, "tns_bot_id": None, "tns_bot_name": None,
            "group_memberships": {}, "default_topics_list": [],
        }  # fmt: skip

    def _topics(self, token: str | None) -> dict[str, Any]:
        if token == NO_PROFILE:
            raise Crash
        self._archive_is_well()
        readable = {*PUBLIC_TOPICS, *(self.hermes.writable if token else ())}
        return {"topics": sorted(readable - set(self.hermes.archive.hidden))}

    def _heartbeat(self, token: str | None) -> dict[str, Any]:
        return {
            "last_timestamps": {"hop": datetime.now(UTC).isoformat()},
            "is_authenticated": token is not None,
        }

    def _query(self, token: str | None) -> dict[str, Any]:
        self._archive_is_well()
        return self.hermes.archive.page(parse_qs(urlsplit(self.path).query))

    def _one(self, token: str | None, uuid: str) -> dict[str, Any]:
        gone = Refused(404, {"error": f"404 Client Error: Not Found for url: /msg/{uuid}"})
        if self.command == "PATCH":
            return self._retract(token, uuid, gone)
        if self.command != "GET":
            raise Refused(405, {"detail": f'Method "{self.command}" not allowed.'})
        self._archive_is_well()
        message = self.hermes.archive.message(uuid)
        if message is None:
            raise gone
        return message

    def _retract(self, token: str | None, uuid: str, gone: Refused) -> dict[str, Any]:
        if token is None:
            raise Refused(403, {"detail": "Authentication credentials were not provided."})
        retracted = json.loads(self.body or b"{}").get("retracted")
        if not isinstance(retracted, bool):
            raise Refused(400, {"error": "'retracted' must be provided as a boolean value."})
        if not TOKENS[token]:
            text = "User must be authenticated with a valid SCiMMA Auth credential to access this API"
            raise Refused(401, {"error": text})
        self._archive_is_well()
        if not self.hermes.archive.retract(uuid, retracted):
            raise gone
        return {"success": "true"}

    def _archive_is_well(self) -> None:
        if status := self.hermes.archive.fails:
            raise Refused(status, {"error": f"{status} Server Error: for url: /messages"})

    def _set(self, token: str | None) -> dict[str, Any]:
        """What the tests want of the archive; no part of HERMES."""
        for name, value in json.loads(self.body).items():
            setattr(self.hermes.archive, name, value)
        return {}


def _no_constant(name: str) -> Any:
    raise ValueError(f"Out of range float values are not JSON compliant: '{name}'")


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for HERMES.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--writable-topics", default="hermes.test")
    parser.add_argument("--development", action="store_true")
    options = parser.parse_args()
    topics = tuple(options.writable_topics.split(","))
    Handler.hermes = Hermes(options.log, topics, development=options.development)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - how the caller learns the port
    server.serve_forever()


if __name__ == "__main__":
    main()
