"""Read the settings of one folder in `DATA_SHARING`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from sharecore import Section


class Format(StrEnum):
    """The format of tables. ECSV alone keeps units, times and blanks as they are for every reader."""

    ECSV = "ecsv"
    VOTABLE = "votable"
    FITS = "fits"
    CSV = "csv"

    @property
    def suffix(self) -> str:
        """Return the ending of file names."""
        return {Format.VOTABLE: "vot"}.get(self, self.value)


class Per(StrEnum):
    """The number of tables."""

    TARGET = "target"
    """One table for each target and kind, that grows."""
    BATCH = "batch"
    """A new file for each batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    """The settings of one folder."""

    path: str
    """Path of the entry in the settings, for messages."""
    directory: Path
    """Folder, an absolute path."""
    format: Format = Format.ECSV
    """Format of the tables."""
    per: Per = Per.TARGET
    """One table for each target, or one for each batch."""

    @classmethod
    def read(cls, section: Section) -> Self:
        """Read one entry; raises `ConfigurationError` with all its problems."""
        config = cls(
            path=section.path,
            directory=_directory(section),
            format=Format(section.choice("FORMAT", [*Format])),
            per=Per(section.choice("PER", [*Per])),
        )
        section.finish()
        return config


def _directory(section: Section) -> Path:
    given = section.raw("DIRECTORY", "")
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    if not isinstance(given, str) or not given.strip() or not given.isprintable():
        section.problem("DIRECTORY", "must be the path of a folder", "Write one like '/data/shared'.")
        return Path(os.sep)
    directory = Path(given)
    if not directory.is_absolute():
        section.problem(
            "DIRECTORY",
            f"{given!r} must be an absolute path",
            "Begin with '/', or use os.path.join(BASE_DIR, 'shared').",
        )
    elif directory.exists() and not directory.is_dir():
        section.problem("DIRECTORY", f"{given!r} must be a folder, and is a file", "Name another one.")
    return directory
