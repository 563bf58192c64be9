"""Copy a file into the folder of its target."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from sharecore import DataFile
from sharecore_files.atomic_write import write

_CHUNK = 1024 * 1024
_LONGEST = 120


def file_name(file: DataFile) -> str:
    """Return the name of a file in plain characters, with a part of its digest: other content has another
    name.
    """
    stem, dot, suffix = file.name.rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9+.()-]", "_", stem if dot else suffix).lstrip(".")[:_LONGEST] or "file"
    ending = re.sub(r"[^A-Za-z0-9]", "_", suffix)[:20] if dot else ""
    return f"{plain}_{file.sha256[:12]}{'.' + ending if ending else ''}"


def copy(file: DataFile, folder: Path) -> bool:
    """Copy the file; return False when it is there already. Raises OSError.

    Raises ValueError for content that differs from its digest; then no copy is left.
    """
    path = folder / file_name(file)
    if path.exists() and path.stat().st_size == file.size:
        return False
    write(_content(file), path)
    return True


def _content(file: DataFile) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with file.open() as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != file.sha256:
        raise ValueError("the file changed while it was copied")
