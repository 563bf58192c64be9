"""Find our records in the archive of HERMES, by the keys that travel with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from sharecore.adapter import Batch
from sharecore.identity import fingerprint
from sharecore.outcomes import Absent, Deferred, Found, Present, Unconfirmed
from sharecore.records import Record, RecordKey
from sharecore_hermes.archive import MOST_MESSAGES, Archive, CannotTell, FailsNow, Window
from sharecore_hermes.provenance import is_about, records_in

SETTLE_TIME = 330.0
"""Seconds until a request is over. With its broker away HERMES hangs until its server ends the worker, after
300 (measured).
"""

CLOCKS = timedelta(minutes=15)
"""Largest difference between the clocks of this site, its database and HERMES."""


def now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def look_up(batch: Batch, topic: str, archive: Archive, delay: float) -> dict[RecordKey, Found] | None:
    """Return an answer for each record; None when nothing can be told of any of them.

    Raises `AuthenticationFailed`, `DestinationError`.

    Args:
        batch: records that may have been published.
        topic: topic of the messages.
        archive: archive of HERMES.
        delay: seconds after which the archive surely has a message.
    """
    contents = {record.key: fingerprint(record) for record in batch.records}
    there: dict[RecordKey, Present] = {}
    same: dict[RecordKey, Found] = {}
    try:
        for key, seen in _sightings(batch, topic, archive):
            there.setdefault(key, seen)  # the newest
            if seen.content == contents[key]:
                same[key] = seen
            if len(same) == len(contents):
                return same
        if not archive.is_readable(topic):
            raise CannotTell(f"the token may not read the topic {topic!r} in the archive of HERMES")
    except FailsNow as error:
        later = Deferred(reason=error.reason, retry_after=error.retry_after)
        return {key: same.get(key, later) for key in contents}
    except CannotTell as error:
        # What was found is settled first; the next look-up is about the rest alone.
        doubt = Unconfirmed(reason=error.reason)
        return {key: same.get(key, doubt) for key in contents} if same else None
    return {key: same.get(key) or _otherwise(key, there, batch, delay) for key in contents}


def _otherwise(key: RecordKey, there: Mapping[RecordKey, Present], batch: Batch, delay: float) -> Found:
    """Return the answer for a record that the archive does not have with its content."""
    if sent := batch.sent_at.get(key):
        left = (sent - now()).total_seconds() + SETTLE_TIME + delay
        if left > 0:
            return Deferred(reason="the archive of HERMES does not have it yet", retry_after=left)
    return there.get(key, Absent())


def _sightings(batch: Batch, topic: str, archive: Archive) -> Iterator[tuple[RecordKey, Present]]:
    """Yield each place in the archive in which a record of the batch stands."""
    keys = {str(record.key): record.key for record in batch.records}
    read = 0
    for window in _windows(batch):
        for message in archive.messages(topic, window):
            read += 1
            if read > MOST_MESSAGES:
                raise CannotTell(
                    f"the topic {topic!r} has more than {MOST_MESSAGES} messages of the time in question"
                )
            if not is_about(message.content, batch):
                continue
            for key, content in records_in(message.content, batch.site.origin):
                if key in keys:
                    yield keys[key], Present(content=content, remote_id=message.uuid)


def _windows(batch: Batch) -> list[Window]:
    """Return the spans of time in which the records may have been published, newest first, none twice."""
    spans = sorted((_span(record, batch) for record in batch.records), key=lambda span: span.begin)
    windows: list[Window] = []
    for span in spans:
        if windows and span.begin <= windows[-1].end:
            windows[-1] = Window(windows[-1].begin, max(windows[-1].end, span.end))
        else:
            windows.append(span)
    return windows[::-1]


def _span(record: Record, batch: Batch) -> Window:
    sent = batch.sent_at.get(record.key)
    if sent is not None:
        return Window(sent - CLOCKS, sent + timedelta(seconds=SETTLE_TIME) + CLOCKS)
    # Nothing is published before it was observed.
    return Window(min(record.timestamp, now()), now() + CLOCKS)
