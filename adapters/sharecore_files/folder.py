"""The folder of one target: which records are in its files, and adding to them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sharecore import Target
from sharecore_files.config import FilesConfig, Per
from sharecore_files.rows import COLUMNS, Entry, Row
from sharecore_files.tables import curve_of, read, table_of, write

_PLAIN = re.compile(r"[A-Za-z0-9+(][A-Za-z0-9+.() -]*")
_LONGEST = 80


def folder_name(target: str) -> str:
    """A name for the folder of a target: readable, of plain characters, and another for each target."""
    if _PLAIN.fullmatch(target) and len(target) <= _LONGEST:
        return target.replace(" ", "_")
    plain = re.sub(r"[^A-Za-z0-9+.()-]", "_", target).lstrip(".")[:_LONGEST]
    return f"{plain or 'target'}_{hashlib.sha256(target.encode()).hexdigest()[:8]}"


class Folder:
    """The files of one target."""

    def __init__(self, config: FilesConfig, target: Target) -> None:
        self._config = config
        self._target = target
        self.path = config.directory / folder_name(target.name)

    def known(self) -> dict[str, set[str]]:
        """What is in the files: the key of each record, with the contents that it had."""
        found: dict[str, set[str]] = {}
        for kind in COLUMNS:
            for path in sorted(self.path.glob(f"{kind}*.{self._config.format.suffix}")):
                for row in read(path, self._config.format):
                    found.setdefault(str(row["record"]), set()).add(str(row["content"]))
        return found

    def describe(self, plain: Mapping[str, object]) -> None:
        """Write what is known of the target beside its tables."""
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(plain, indent=2, ensure_ascii=False)
        file = self.path / "target.json"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            part = file.with_name(".target.json.part")
            part.write_text(text, encoding="utf-8")
            os.replace(part, file)

    def add(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Add records of one table; the file of each by its key. What has the same key is replaced.

        The points of a spectrum are there before its line in the table is.
        """
        form = self._config.format
        for each in entries:
            if each.curve is not None:
                write(curve_of(each.curve), self.path / f"{each.row['file']}.{form.suffix}", form)
        path = self.file(entries)
        rows: dict[object, Row] = {}
        if self._config.per is Per.TARGET:
            rows = {row["record"]: row for row in read(path, form)}
        rows |= {each.row["record"]: each.row for each in entries}
        first = entries[0]
        write(table_of(_ordered(rows.values()), first.kind, first.unit, form), path, form)
        return {str(each.record.key): f"{self.path.name}/{path.name}" for each in entries}

    def file(self, entries: Sequence[Entry]) -> Path:
        """The file that these go to."""
        name = entries[0].table
        if self._config.per is Per.BATCH:
            contents = json.dumps([[each.row["record"], each.row["content"]] for each in entries])
            digest = hashlib.sha256(contents.encode()).hexdigest()[:12]
            name = f"{name}_{entries[0].record.timestamp:%Y%m%dT%H%M%S}_{digest}"
        return self.path / f"{name}.{self._config.format.suffix}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time writes here, where the system can see to that."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a", encoding="utf-8") as file:
            _lock(file)
            yield


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: the ledger's claims alone keep senders apart
        return
    fcntl.flock(file, fcntl.LOCK_EX)


def _ordered(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (str(row["time"]), str(row["record"])))
