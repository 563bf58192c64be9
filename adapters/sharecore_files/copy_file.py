"""Writing files whole or not at all: tables, and copies of files in the folder of their target."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sharecore import DataFile

_CHUNK = 1024 * 1024
_LONGEST = 120


def write(pieces: Iterable[bytes | memoryview], path: Path) -> os.stat_result:
    """Write in one step: a reader meanwhile sees the old file or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        stat = os.stat(name)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return stat


def file_name(file: DataFile) -> str:
    """Its name, of plain characters, with a part of its digest: other content has another name."""
    stem, dot, suffix = file.name.rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9+.()-]", "_", stem if dot else suffix).lstrip(".")[:_LONGEST] or "file"
    ending = re.sub(r"[^A-Za-z0-9]", "_", suffix)[:20] if dot else ""
    return f"{plain}_{file.sha256[:12]}{'.' + ending if ending else ''}"


def copy(file: DataFile, folder: Path) -> bool:
    """Copy it there; False when it is there already. Raises OSError.

    It has its name only when all of it is there. Content that is not what was promised raises ValueError.
    """
    path = folder / file_name(file)
    if path.exists() and path.stat().st_size == file.size:
        return False
    part = folder / f".{path.name}.part"
    digest = hashlib.sha256()
    try:
        with file.open() as source, part.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                sink.write(chunk)
        if digest.hexdigest() != file.sha256:
            raise ValueError("the file changed while it was copied")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return True
