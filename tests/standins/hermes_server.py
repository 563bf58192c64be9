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
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hermes_broker import TOKENS, Hermes, Refused
from hermes_endpoints import Endpoints, Lost
from hermes_pages import all_messages, error_page, one_message
from hermes_rules import Crash

QUERY, STAND_IN = "/api/v0/query/", "/stand-in/"
HELP = {"message": "This endpoint is used to send a generic hermes message"}
ROUTES: Mapping[str, Mapping[str, Callable[[Endpoints], Any]]] = {
    "/api/v0/profile/": {"GET": Endpoints.profile},
    "/api/v0/topics/": {"GET": Endpoints.topics},
    "/api/v0/heartbeat/": {"GET": Endpoints.heartbeat},
    "/api/v0/submit_message/": {"GET": lambda request: HELP, "POST": Endpoints.submit},
    "/api/v0/submit_message/validate/": {"GET": lambda request: HELP, "POST": Endpoints.validate},
    QUERY: {"GET": Endpoints.messages},
    STAND_IN: {"GET": Endpoints.kept, "POST": Endpoints.set},
}
"""What answers to a request, by its path and method."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    hermes: Hermes

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: requests hold tokens."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        archive = self.hermes.archive
        try:
            if path == "/":
                return self._answer(200, all_messages(archive.lines))
            if path.startswith("/message/"):
                return self._answer(200, one_message(archive.message(path.split("/")[2])))
            if f"{path}/" in ROUTES:
                return self._answer(301, "", location=f"{path}/")
            token = self._token()
            if self.command == "GET" and path.startswith(STAND_IN) and path != STAND_IN:
                return self._answer(200, archive.stored[path.removeprefix(STAND_IN)].decode())
            query = self.path.partition("?")[2]
            endpoints = Endpoints(self.hermes, self.command, query, self.headers, body, token)
            if path.startswith(f"{QUERY}message/"):
                return self._answer(200, endpoints.one(path.rstrip("/").rpartition("/")[2]))
            if path not in ROUTES:
                return self._answer(404, error_page("Not Found"))
            if self.command not in ROUTES[path]:
                raise Refused(405, {"detail": f'Method "{self.command}" not allowed.'})
            status, answer = 200, ROUTES[path][self.command](endpoints)
        except Refused as refused:
            status, answer = refused.status, refused.body
        except Lost:
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        except Crash:
            status, answer = 500, error_page("Server Error (500)")
        if "text/html" in self.headers.get("Accept", "") and isinstance(answer, dict):
            answer = error_page("Hermes")
        self._answer(status, answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

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
