"""Read the archive of published messages, through HERMES.

The list of a topic holds whole messages, or only facts about them (newer servers): then each is fetched by
its id. A topic that the token may not read looks empty, with status 200, so an absence counts only on a topic
that HERMES lists as readable. (Read in the sources of HERMES and of the archive.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sharecore import one_line
from sharecore.exceptions import DestinationError
from sharecore_hermes.answers import no_credential, refusal, said
from sharecore_hermes.config import HermesConfig
from sharecore_http import Authorize, Client, HttpFailure, Reply, Verdict

QUERY = "api/v0/query/"
MESSAGE = "api/v0/query/message/"
TOPICS = "api/v0/topics/"

MOST_MESSAGES = 1000
"""Messages that one look-up reads."""
PAGE = 25
"""Messages on a page: whole ones have up to 1 MB each."""
_MAX_PAGE = 32 * 1024 * 1024
"""Largest page, in bytes."""
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before all messages; HERMES fails at times that its archive cannot have."""


class CannotTell(Exception):
    """Raised when the archive cannot be asked for a topic.

    Attributes:
        reason: explanation for people.
    """

    def __init__(self, reason: str) -> None:
        self.reason = one_line(reason)
        super().__init__(self.reason)


class NotArchived(CannotTell):
    """Raised when the archive does not have a message, or has no messages at all."""


class FailsNow(Exception):
    """Raised when the archive fails, while HERMES answers.

    Attributes:
        reason: explanation for people.
        retry_after: seconds to wait, where HERMES says so.
    """

    def __init__(self, reason: str, retry_after: float | None) -> None:
        self.reason = one_line(reason)
        self.retry_after = retry_after
        super().__init__(self.reason)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which messages were published."""

    begin: datetime
    """First moment."""
    end: datetime
    """Last moment."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A message in the archive."""

    uuid: str
    """Id of the message, as the answer to its publication named it."""
    content: Mapping[str, object]
    """The message as it was published; empty for one that is no JSON object."""


class Archive:
    """The archive, as far as one token may read it."""

    def __init__(self, client: Client, authorize: Authorize, config: HermesConfig) -> None:
        self._client = client
        self._authorize = authorize
        self._config = config

    def is_readable(self, topic: str) -> bool:
        """Return whether the archive shows the messages of a topic. Raises as `messages`."""
        topics = self._ask(TOPICS, {}).get("topics")
        return isinstance(topics, list) and topic in topics

    def messages(self, topic: str, window: Window) -> Iterator[Archived]:
        """Yield the messages on a topic, retracted ones too, newest first.

        Raises `CannotTell`, `FailsNow`, `AuthenticationFailed`, `DestinationError`.
        """
        question: dict[str, str | int] = {
            "topic": topic,
            # Whole seconds: the archive refuses fractions of a millisecond.
            "start": _seconds(max(window.begin, _FIRST)),
            "end": _seconds(window.end + timedelta(seconds=1)),
            "limit": PAGE,
            "include_retracted": "true",
        }
        marks: set[object] = set()
        while True:
            page = self._ask(QUERY, question)
            listed = page.get("messages")
            if not isinstance(listed, list):
                raise CannotTell(f"what answers at {QUERY} is no list of messages")
            yield from (self._whole(each) for each in listed if isinstance(each, Mapping))
            mark = page.get("next")
            if not isinstance(mark, str) or not mark or mark in marks:
                return
            marks.add(mark)
            question["page"] = mark

    def message(self, uuid: str) -> Archived:
        """Return a message. Raises as `messages`."""
        message = self._ask(f"{MESSAGE}{uuid}/", {}).get("message")
        return Archived(uuid, message if isinstance(message, Mapping) else {})

    def retract(self, uuid: str) -> None:
        """Retract a message; nothing happens to one that is retracted already.

        Raises as `messages`; `CannotTell` where the archive does not let the user retract it.
        """
        self._ask(f"{MESSAGE}{uuid}/", {}, retracts=True)

    def _whole(self, listed: Mapping[str, object]) -> Archived:
        uuid, message = _uuid(listed), listed.get("message")
        if message is None and uuid:
            return self.message(uuid)
        return Archived(uuid, message if isinstance(message, Mapping) else {})

    def _ask(
        self, path: str, question: Mapping[str, str | int], *, retracts: bool = False
    ) -> Mapping[str, object]:
        try:
            reply = self._client.request(
                "PATCH" if retracts else "GET",
                path,
                params=question,
                json={"retracted": True} if retracts else None,
                auth=self._authorize,
                max_answer=_MAX_PAGE,
                repeatable=True,
            )
        except HttpFailure as error:
            raise DestinationError(f"HERMES could not be asked what it published: {error.reason}") from error
        if reply.status == 200 and isinstance(reply.json, dict):
            return reply.json
        if retracts and reply.status == 401:
            raise no_credential(reply, self._config)
        raise self._failure(reply)

    def _failure(self, reply: Reply) -> Exception:
        relayed = reply.json.get("error") if isinstance(reply.json, dict) else None
        if reply.verdict is Verdict.NOT_FOUND:
            return NotArchived("the archive of HERMES does not have it (status 404)")
        if relayed is not None and reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
            return CannotTell(f"the archive of HERMES refuses it: {said(relayed)}")
        if relayed is not None or reply.status >= 500:
            why = said(relayed) if relayed is not None else f"status {reply.status}"
            return FailsNow(f"the archive of HERMES could not be asked ({why})", reply.retry_after)
        return refusal(reply, self._config)


def _seconds(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _uuid(listed: Mapping[str, object]) -> str:
    """Return the id of a listed message, as HERMES writes ids; empty where it has none."""
    metadata, notes = listed.get("metadata"), listed.get("annotations")
    headers = metadata.get("headers") if isinstance(metadata, Mapping) else None
    for place, name in ((notes, "con_text_uuid"), (headers, "_id")):
        try:
            return str(UUID(str(place[name]))) if isinstance(place, Mapping) and name in place else ""
        except ValueError:
            continue
    return ""
