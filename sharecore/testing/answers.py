"""Requests to the scripted server, and the ways in which it answers or fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that a client sent."""

    method: str
    """Method, in capitals."""
    path: str
    """Path, without the query."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Query; of a name that is there more than once, the last value."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers, with names in lower case."""
    body: bytes = b""
    """Body as it came, compressed if it was."""

    @cached_property
    def json(self) -> Any:
        """Return the body, parsed. Raises ValueError when it is not JSON."""
        return json.loads(self.body)

    @property
    def writes(self) -> bool:
        """Return whether the method is one that changes things."""
        return self.method in ("POST", "PUT", "PATCH")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of the server."""

    status: int = 200
    """Status, as of RFC 9110."""
    body: bytes = b""
    """Body, sent as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers, beside that of the length."""


def answer(status: int = 200, json_body: object = None, **headers: str) -> Answer:
    """Return an answer with this status and JSON, or no body for None. Raises TypeError for what JSON cannot
    hold.

    Args:
        status: status of the answer.
        json_body: body of the answer.
        headers: headers by name, as in `Retry_After="5"` for `Retry-After`.
    """
    body = b"" if json_body is None else json.dumps(json_body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=body, headers={"Content-Type": "application/json"} | named)


class Fault(StrEnum):
    """The ways in which a server can fail to answer; the value describes the behaviour."""

    RESET = "resets the connection, having done nothing"
    LOST = "does what was asked and resets the connection"
    HANG = "says nothing"
    DRIP = "answers a byte at a time, without end"
    HUGE = "answers without end"
    TRUNCATED = "breaks off in the middle of an answer"
    GARBAGE = "does not speak HTTP"
    BAD_GZIP = "says gzip and sends something else"
    BAD_CHUNK = "breaks the framing of chunks"


Behaviour = Answer | Fault | Callable[[Request], "Answer | Fault"]
