"""A destination that takes everything and keeps nothing, as fast or as slow as it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from sharecore.adapter import Adapter, Batch, Preview
from sharecore.hooks import DestinationType, hookimpl
from sharecore.outcomes import Absent, Accepted, Found, Outcome
from sharecore.records import RecordKey
from sharecore.settings import Section


class Sink(Adapter):
    """seconds: how long each record takes it. size: how many records it takes in one call."""

    seconds: float = 0.0
    size: int = 1000
    taken: int = 0

    def __init__(self) -> None:
        self.max_batch = Sink.size

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        if Sink.seconds:
            time.sleep(Sink.seconds * len(batch.records))
        Sink.taken += len(batch.records)
        yield from ((record.key, Accepted(remote_id=record.key.id[:12])) for record in batch.records)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        return {record.key: Absent() for record in batch.records}

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body=str(len(batch.records)))


class SinkPlugin:
    """The plugin that offers it."""

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        """Return the kind `sink`."""
        return [
            DestinationType(kind="sink", summary="Takes everything", config=self._config, open=self._open)
        ]

    def _config(self, section: Section) -> str:
        return section.name

    def _open(self, config: str) -> Sink:
        return Sink()
