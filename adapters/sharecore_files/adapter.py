"""The adapter: writes tables into a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from sharecore import (
    Absent,
    Accepted,
    Adapter,
    Batch,
    DataFile,
    Deferred,
    DestinationError,
    Duplicate,
    Found,
    Outcome,
    Present,
    Preview,
    Problem,
    RecordKey,
    SentTest,
    Unsupported,
    as_json,
    build_each,
)
from sharecore_files.atomic_write import write
from sharecore_files.config import FilesConfig, Format, Per
from sharecore_files.copy_file import copy, file_name
from sharecore_files.folder import Folder
from sharecore_files.table_rows import Entry, entry
from sharecore_files.tables import Unreadable, as_bytes, curve_of, table_of

TEST_FILE = "sharecore-test.json"
"""File of the last test, beside the folders of targets."""


class FilesAdapter(Adapter):
    """The adapter of one folder: adds each record to the tables of its target, once.

    An edited record replaces its row, or stands in a later file where each batch has files of its own
    (`can_update`).
    """

    can_update = True
    takes_files = True
    takes_tests = True
    check_tests = "whether the folder can be written"
    settle_time = 1.0
    max_batch = 1000

    def __init__(self, config: FilesConfig) -> None:
        self._config = config

    def ensure_target(self, batch: Batch) -> None:
        """Make the folder of the target, with a description of the target."""
        folder = Folder(self._config, batch)
        try:
            with folder.locked():
                folder.describe(batch)
        except OSError as error:
            raise DestinationError(self._why(error)) from None

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        outcomes, entries = _prepared(batch)
        yield from outcomes.items()
        folder = Folder(self._config, batch)
        try:
            with folder.locked():
                folder.describe(batch)
                known = folder.known(entries)
                same = {each.record.key for each in entries if known.get(str(each.record.key))}
                yield from ((key, Duplicate()) for key in same)
                for together in _by_table([each for each in entries if each.record.key not in same]):
                    files = folder.add(together)
                    yield from (
                        (e.record.key, Accepted(remote_id=files[str(e.record.key)])) for e in together
                    )
        except (OSError, Unreadable) as error:
            raise DestinationError(self._why(error)) from None

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        """Copy the file into the folder of the target; a half-written copy never has its final name."""
        folder = Folder(self._config, batch)
        name = f"{folder.path.name}/{file_name(file)}"
        try:
            with file.open():
                pass  # what cannot be read here is no fault of the folder
        except OSError as error:
            return Deferred(reason=f"the file {file.name!r} cannot be read: {error.strerror}")
        try:
            with folder.locked():
                folder.describe(batch)
                fresh = copy(file, folder.path)
        except OSError as error:
            raise DestinationError(self._why(error)) from None
        except ValueError as error:
            return Deferred(reason=str(error))
        return Accepted(remote_id=name) if fresh else Duplicate(remote_id=name)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Compare with the content that the tables hold for each row; a record that no table can hold is
        absent.
        """
        outcomes, entries = _prepared(batch)
        try:
            known = Folder(self._config, batch).known(entries)
        except (OSError, Unreadable) as error:
            raise DestinationError(self._why(error)) from None
        return {key: each for key, each in outcomes.items() if isinstance(each, Unsupported | Deferred)} | {
            each.record.key: _found(each, known.get(str(each.record.key))) for each in entries
        }

    def describe(self) -> str:
        form = self._config.format.value.upper()
        if self._config.per is Per.BATCH:
            return f"Data go into {form} tables, new ones each time; an edited datum stands in a later one."
        return f"Data go into {form} tables, one for each target and kind; an edited datum replaces its row."

    def preview(self, batch: Batch) -> Preview:
        """Return the rows as text, under the names of their files; FITS and VOTable as CSV."""
        outcomes, entries = _prepared(batch)
        folder = Folder(self._config, batch)
        form = Format.ECSV if self._config.format is Format.ECSV else Format.CSV
        parts: list[str] = []
        for together in _by_table(entries):
            first = together[0]
            table = table_of([each.row for each in together], first.kind, first.unit, form)
            parts.append(f"==> {folder.file(together)}\n{as_bytes(table, form).decode()}")
            parts += [
                f"==> {folder.path / str(each.row['file'])}.{self._config.format.suffix}\n"
                + as_bytes(curve_of(each.curve), form).decode()
                for each in together
                if each.curve is not None
            ]
        left_out = {key: each for key, each in outcomes.items() if isinstance(each, Unsupported)}
        notes = [f"{key}: {each.reason}" for key, each in left_out.items()]
        return Preview(content_type="text/plain", body="\n".join(parts), note="\n".join(notes))

    def check(self) -> Sequence[Problem]:
        """Return a problem when no file can be written in the folder."""
        directory = self._config.directory
        probe = directory / f".sharecore-{os.getpid()}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            hint = "Let the user of the server and of the worker write there, or name another folder."
            what = f"cannot be written: {error.strerror}"
            return (Problem.of_setting(self._config.path, "DIRECTORY", what, hint),)
        return ()

    def send_test(self, batch: Batch) -> SentTest:
        """Write the test into a file of its own, in place of the last one."""
        about = {"test": True, "target": as_json(batch.target), "records": [*map(as_json, batch.records)]}
        try:
            write([json.dumps(about, indent=2).encode()], self._config.directory / TEST_FILE)
        except OSError as error:
            raise DestinationError(self._why(error)) from None
        return SentTest(reply=f"The test is in the folder, as {TEST_FILE}.")

    def _why(self, error: OSError | Unreadable) -> str:
        if isinstance(error, Unreadable):
            return f"the file {error.name!r} cannot be read. Repair it, or move it away"
        return f"{self._config.path}['DIRECTORY'] cannot be written: {error.strerror}"


def _found(entry: Entry, same: bool | None) -> Found:
    """Return the answer of a look-up. `same`: whether the stored content is equal; None for no row."""
    if same is None:
        return Absent()
    return Present(content=entry.record if same else "")


def _prepared(batch: Batch) -> tuple[dict[RecordKey, Outcome], list[Entry]]:
    """Return the outcomes of records that no table can hold, and the entries of all others."""
    entries: dict[RecordKey, Entry]
    entries, outcomes = build_each(batch.records, lambda record: entry(record, batch.target))
    return outcomes, list(entries.values())


def _by_table(entries: Sequence[Entry]) -> list[list[Entry]]:
    ordered = sorted(entries, key=lambda each: each.table)
    return [list(together) for _, together in groupby(ordered, key=lambda each: each.table)]
