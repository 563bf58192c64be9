"""Adding a thousand rows to a long table of the adapter `files`, beside beginning one."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from bench.figure import Figure, paired
from bench.world import World, say
from sharecore import Kind, RecordKey, Section
from sharecore.testing import example_batch, example_record
from sharecore_files.adapter import FilesAdapter
from sharecore_files.config import FilesConfig, Format

ROWS = 1000
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


class Tables:
    """A long table and any number of new ones, of one format."""

    def __init__(self, folder: Path, form: Format, length: int) -> None:
        self._folder, self._form = folder, form
        self._folders, self._data = count(), count()
        self._long = self._adapter()
        while length > 0:
            self._cost(self._long, min(length, 20_000))
            length -= 20_000

    def grow(self) -> list[float]:
        """Add rows to the long table; milliseconds of CPU."""
        return [self._cost(self._long, ROWS)]

    def begin(self) -> list[float]:
        """Begin a table of so many rows; milliseconds of CPU."""
        return [self._cost(self._adapter(), ROWS)]

    def _adapter(self) -> FilesAdapter:
        where = self._folder / f"{self._form.value}-{next(self._folders)}"
        settings = {"DIRECTORY": str(where), "FORMAT": self._form.value}
        return FilesAdapter(FilesConfig.read(Section("files", settings)))

    def _cost(self, adapter: FilesAdapter, number: int) -> float:
        batch = example_batch(
            *(
                example_record(
                    key=RecordKey(kind=Kind.PHOTOMETRY, origin="bench", id=str(each)),
                    timestamp=_BEGIN + timedelta(minutes=each),
                    brightness=18 + each % 100 / 37,
                )
                for each in (next(self._data) for _ in range(number))
            )
        )
        gc.collect()
        began = time.process_time()
        dict(adapter.deliver(batch))
        return 1000 * (time.process_time() - began)


def growing(world: World) -> Iterator[Figure]:
    """Measure the CPU for a thousand rows, in pairs: into a long table, and into a new one."""
    length = world.some(100_000, 5_000)
    for form in Format:
        say(f"files, a {form.value} table of {length} rows")
        tables = Tables(world.folder, form, length)
        tables.begin()  # what is done once in a process is not measured
        result = paired(tables.grow, tables.begin, blocks=world.some(15, 3))
        name = f"files/{ROWS} rows more, {form.value} table of {length}"
        yield result.figure(name, "ms CPU", against="a new table", limit=1.5)
