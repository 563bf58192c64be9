"""The adapter of files keeps the contract of adapters, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharecore.testing import AdapterContract, Subject
from sharecore_files.config import Format
from sharecore_files.plugin import sharecore_destinations
from sharecore_files.table_rows import COLUMNS, Row
from sharecore_files.tables import read


class TestFiles(AdapterContract):
    @pytest.fixture(params=["ecsv target", "ecsv batch", "votable target", "fits target", "csv target"])
    def subject(self, tmp_path: Path, request: pytest.FixtureRequest) -> Subject:
        (kind,) = sharecore_destinations()
        form, per = request.param.split()
        settings = {"DIRECTORY": str(tmp_path / "shared"), "FORMAT": form, "PER": per}

        def rows() -> list[Row]:
            """The rows of all tables that list records."""
            tables = [path for each in COLUMNS for path in (tmp_path / "shared").glob(f"*/{each}*")]
            return [row for path in tables for row in read(path, Format(form))]

        return Subject(type=kind, settings=settings, stored=rows)
