"""The adapter of files keeps the contract of adapters, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharecore.testing import AdapterContract, Subject
from sharecore_files.plugin import sharecore_destinations


class TestFiles(AdapterContract):
    @pytest.fixture(params=["ecsv target", "ecsv batch", "votable target", "fits target", "csv target"])
    def subject(self, tmp_path: Path, request: pytest.FixtureRequest) -> Subject:
        (kind,) = sharecore_destinations()
        form, per = request.param.split()
        settings = {"DIRECTORY": str(tmp_path / "shared"), "FORMAT": form, "PER": per}
        return Subject(
            type=kind, settings=settings, stored=lambda: list((tmp_path / "shared").glob("*/photometry*"))
        )
