"""The broker behind the stand-in for HERMES: who may write where, and what was published."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

from hermes_archive import Archive
from hermes_message import INGESTED
from hermes_rules import Crash

TOKEN = "0123456789abcdef0123456789abcdef01234567"
NO_CREDENTIAL = "1123456789abcdef0123456789abcdef01234567"
READ_ONLY = "2123456789abcdef0123456789abcdef01234567"
NO_PROFILE = "3123456789abcdef0123456789abcdef01234567"
TOKENS = {TOKEN: "credential-1", NO_CREDENTIAL: "", READ_ONLY: "credential-2", NO_PROFILE: ""}

MAX_MESSAGE = 1_000_000
PUBLIC_TOPICS = ("gcn.circulars", "hermes.test")
NO_CREDENTIAL_TEXT = (
    "User account does not have an associated SCIMMA auth credential. Please logout and log back in."
)


class Refused(Exception):
    """An answer that ends the request early."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        super().__init__(status)


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
