"""Read what a person fills in beside a one-time share: the message that it replies to, and an event."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sharecore.adapter import Batch
from sharecore.exceptions import Problem
from sharecore.reports import FieldType, ReportField
from sharecore_hermes.cells import text
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.references import Reference, message_id, to_message

REPLY_TO, EVENT_ID = "reply_to", "event_id"
FIELDS = (
    ReportField(
        name=REPLY_TO,
        label="Replies to",
        type=FieldType.TEXT,
        help="The message at HERMES to which this one refers: the address of its page, or its id.",
    ),
    ReportField(
        name=EVENT_ID,
        label="Gravitational-wave event",
        type=FieldType.TEXT,
        help="The name of the event, such as S240422ed, of data that name none themselves.",
    ),
)
_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])", re.IGNORECASE)
_EVENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def replied_to(batch: Batch) -> str:
    """Return the id of the message that a share replies to; empty for none."""
    found = {message_id(each) for each in _UUID.findall(text(batch.values.get(REPLY_TO)))}
    return found.pop() if len(found) == 1 else ""


def reply(batch: Batch, config: HermesConfig) -> tuple[Reference, ...]:
    """Return the reference to the message that a share replies to."""
    uuid = replied_to(batch)
    return (to_message(config.base_url, uuid, by_page=False),) if uuid else ()


def event(batch: Batch) -> str:
    """Return the event that a person named; empty for none."""
    return text(batch.values.get(EVENT_ID))


def unreadable(batch: Batch) -> Sequence[Problem]:
    """Return what cannot be read of the values. No network."""
    found = []
    given, named = text(batch.values.get(REPLY_TO)), event(batch)
    if given and not replied_to(batch):
        what = f"must name one message of HERMES, got {given[:200]!r}"
        hint = "Copy the address of its page, which ends with its id of 36 signs."
        found.append(Problem(where=REPLY_TO, what=what, hint=hint))
    if named and not _EVENT.fullmatch(named):
        what = f"must be the name of one event, got {named[:200]!r}"
        found.append(Problem(where=EVENT_ID, what=what, hint="Write it like S240422ed."))
    return found


def not_there(uuid: str) -> Problem:
    """Return the problem of a reply to a message that HERMES does not have."""
    what = f"HERMES does not have the message {uuid} yet, so that nothing can refer to it"
    hint = "It has a message some time after its publication, and never one of a topic for tests. "
    hint += "Wait until its page shows the message, or leave this blank."
    return Problem(where=REPLY_TO, what=what, hint=hint)
