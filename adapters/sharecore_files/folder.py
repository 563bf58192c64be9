"""The folder of one target: look up the records in its files, and add to them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import IO

from sharecore import Batch, as_json
from sharecore_files.atomic_write import write
from sharecore_files.config import FilesConfig, Per
from sharecore_files.stored_rows import append_rows, find_rows, remove_rows
from sharecore_files.table_rows import COLUMNS, Entry
from sharecore_files.tables import as_bytes, curve_of

_PLAIN = re.compile(r"[A-Za-z0-9+(](?:[A-Za-z0-9+.() -]*[A-Za-z0-9+()-])?")
_LONGEST = 80
_ABOUT = "target.json"
_NOTE = "folder"
"""Key in the adapter state for the folder of a target."""


def folder_name(target: str) -> str:
    """Return a name for the folder of a target: readable, in plain characters, another for each target."""
    if _PLAIN.fullmatch(target) and len(target) <= _LONGEST:
        return target.replace(" ", "_")
    plain = re.sub(r"[^A-Za-z0-9+.()-]", "_", target).lstrip(".")[:_LONGEST]
    return f"{plain or 'target'}_{_digest(target)}"


class Folder:
    """The files of one target: always the same folder, whatever the name of the target is now."""

    def __init__(self, config: FilesConfig, batch: Batch) -> None:
        self._config = config
        key = batch.target_keys.get(batch.site.origin)
        self._about = as_json(batch.target) | {"site": batch.site.origin}
        if key is not None:
            self._about["id"] = _digest(f"{batch.site.origin} {key}")
        self.path = self._place(batch.state.get(_NOTE))

    def _place(self, noted: object) -> Path:
        name = str(self._about["name"])
        first, own = folder_name(name), self._about.get("id", name)
        names = chain([first], (f"{first}_{_digest(f'{own} {number}')}" for number in count()))
        if isinstance(noted, str) and noted[:1] not in ("", ".") and noted == Path(noted).name:
            names = chain([noted], names)
        return next(path for each in names if self._is_free(path := self._config.directory / each))

    def _is_free(self, path: Path) -> bool:
        """Return whether a folder belongs to this target, or to none yet.

        A target of this site is known by its key: another may have the name that it had before, or, where a
        file system ignores case, a similar one. Targets of two sites are one if they have one name.
        """
        try:
            there = json.loads((path / _ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True
        if not isinstance(there, dict):
            return True
        by_key = "id" in self._about and "id" in there and there.get("site") == self._about["site"]
        return all(there.get(name) == self._about[name] for name in (("id",) if by_key else ("name",)))

    def known(self, entries: Sequence[Entry]) -> dict[str, bool]:
        """Return, for each record in the files, whether it is there with this content; by key.

        Where each batch has files of its own, the newest file counts.
        """
        wanted = {str(each.record.key): str(each.row["content"]) for each in entries}
        found: dict[str, bool] = {}
        for path in self._tables():
            in_file = find_rows(path, self._config.format, wanted)
            if self._config.per is Per.TARGET:
                in_file = {key: same or found.get(key, False) for key, same in in_file.items()}
            found |= in_file
        return found

    def _tables(self) -> list[Path]:
        """Return the files that list records, the newest at the end."""
        suffix = self._config.format.suffix
        paths = (path for kind in COLUMNS for path in self.path.glob(f"{kind}*.{suffix}"))
        return sorted(paths, key=lambda each: each.stat().st_mtime_ns)

    def describe(self, batch: Batch) -> None:
        """Write a description of the target beside its tables, and note the folder."""
        text = json.dumps(self._about, indent=2, ensure_ascii=False)
        file = self.path / _ABOUT
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            write([text.encode()], file)
        batch.state[_NOTE] = self.path.name

    def add(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Add records of one table, in place of those with the same key; return the file of each by its key.

        The points of a spectrum are written before its line in the table.
        """
        form = self._config.format
        for each in entries:
            if each.curve is not None:
                points = as_bytes(curve_of(each.curve), form)
                write([points], self.path / f"{each.row['file']}.{form.suffix}")
        path, first = self.file(entries), entries[0]
        if self._config.per is Per.BATCH:
            path = _free(path)
        for table in self._tables() if self._config.per is Per.TARGET else ():
            if table != path:
                remove_rows(table, form, [str(each.record.key) for each in entries])
        append_rows(path, [each.row for each in entries], first.kind, first.unit, form)
        return {str(each.record.key): f"{self.path.name}/{path.name}" for each in entries}

    def file(self, entries: Sequence[Entry]) -> Path:
        """Return the file for these records."""
        name = entries[0].table
        if self._config.per is Per.BATCH:
            contents = json.dumps([[each.row["record"], each.row["content"]] for each in entries])
            digest = hashlib.sha256(contents.encode()).hexdigest()[:12]
            name = f"{name}_{entries[0].record.timestamp:%Y%m%dT%H%M%S}_{digest}"
        return self.path / f"{name}.{self._config.format.suffix}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time write here, where the system has locks."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "a", encoding="utf-8") as file:
            _lock(file)
            yield


def _free(path: Path) -> Path:
    """Return this path, or the next that is free: an edit that is undone has the content of an older
    file.
    """
    numbered = (path.with_stem(f"{path.stem}_{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: the ledger's leases alone keep senders apart
        return
    fcntl.flock(file, fcntl.LOCK_EX)
