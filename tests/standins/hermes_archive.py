"""The archive behind the stand-in for HERMES: the published messages, as its API lists them.

Read in the sources of HERMES and of the archive: a list names messages without their content, newest first; a
topic that the asker may not read looks empty; times are whole milliseconds, the end excluded.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

LARGEST_PAGE = 1024


@dataclass
class Archive:
    """The messages that were published, and how the archive behaves.

    ahead: seconds by which its clock is ahead of that of this machine. behind: seconds that it is behind the
    broker. whole: lists hold whole messages, as those of older servers do. hidden: topics that nobody may
    read. fails: the status of its answers; 0 while it is well. refuses_files: the status with which it
    refuses files; 0 for none. stored: the files, by digest. lose: so many messages are published, and their
    answers lost.
    """

    ahead: float = 0.0
    behind: float = 0.0
    whole: bool = False
    hidden: list[str] = field(default_factory=list)
    fails: int = 0
    refuses_files: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    lose: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def keep(self, uuid: str, topic: str, sender: str, message: dict[str, Any]) -> dict[str, Any]:
        """Take in a message; what is written about it."""
        line = {"uuid": uuid, "topic": topic, "time": self.now().isoformat(), "message": message}
        with self.lock:
            self.lines.append(line | {"sender": sender, "retracted": False})
        return line

    def keep_file(self, content: bytes) -> str:
        """Take in a file; its name here."""
        digest = sha256(content).hexdigest()
        self.stored[digest] = content
        return digest

    def page(self, question: dict[str, list[str]]) -> dict[str, Any]:
        """Answer `GET /api/v0/query/`."""
        number = min(int(question.get("limit", ["10"])[0]), LARGEST_PAGE)
        begin, end = (
            _milliseconds(*question[each]) if each in question else None for each in ("start", "end")
        )
        topics = question.get("topic", [])
        retracted = question.get("include_retracted") != ["false"]
        found = [
            line
            for line in reversed(self.visible())
            if line["topic"] not in self.hidden
            and (not topics or line["topic"] in topics)
            and (begin is None or _milliseconds(line["time"]) >= begin)
            and (end is None or _milliseconds(line["time"]) < end)
            and (retracted or not line["retracted"])
        ]
        first = int(question.get("page", ["0"])[0].removeprefix("mark-"))
        return {
            "messages": [self._listed(line, whole=self.whole) for line in found[first : first + number]],
            "next": f"mark-{first + number}" if first + number < len(found) else None,
            "prev": f"mark-{max(first - number, 0)}" if first else None,
        }

    def message(self, uuid: str) -> dict[str, Any] | None:
        """Answer `GET /api/v0/query/message/<uuid>/`; None for no such message."""
        line = self._line(uuid)
        return line and self._listed(line, whole=True)

    def retract(self, uuid: str, retracted: bool) -> bool:
        """Answer `PATCH /api/v0/query/message/<uuid>/`; False for no such message."""
        line = self._line(uuid)
        if line is not None:
            line["retracted"] = retracted
        return line is not None

    def loses_answer(self) -> bool:
        """Whether the answer to the message that was just published is lost."""
        with self.lock:
            lost = self.lose > 0
            self.lose -= lost
        return lost

    def visible(self) -> list[dict[str, Any]]:
        """What has arrived in the archive."""
        latest = self.now() - timedelta(seconds=self.behind)
        with self.lock:
            lines = list(self.lines)
        if not self.behind:
            return lines
        return [line for line in lines if datetime.fromisoformat(line["time"]) <= latest]

    def _line(self, uuid: str) -> dict[str, Any] | None:
        known = (line for line in self.visible() if line["topic"] not in self.hidden)
        return next((line for line in known if line["uuid"] == uuid), None)

    def _listed(self, line: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        title = line["message"]["title"]
        metadata: dict[str, Any] = {"topic": line["topic"], "timestamp": _milliseconds(line["time"])}
        annotations: dict[str, Any] = {"con_text_uuid": line["uuid"], "retracted": line["retracted"]}
        if not whole:
            facts = {"title": title, "sender": line["sender"], "public": True}
            return {"metadata": metadata, "annotations": annotations | facts}
        headers = {"_id": line["uuid"], "_sender": line["sender"], "_format": "json", "title": title}
        metadata["headers"] = headers
        return {"metadata": metadata, "annotations": annotations, "message": line["message"]}


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)
