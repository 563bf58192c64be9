"""The pages for people who write a plugin, followed word by word in an empty folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from documentation.reader import Reader
from documentation.samples import DOCS, samples_of
from realtoms.service import free_port

TUTORIALS = DOCS / "tutorials"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "empty"
    folder.mkdir()
    reader = Reader(folder, {8765: free_port()})
    yield reader
    reader.close()


def test_it_ends_with_a_green_suite_and_a_record_shared_by_a_real_tom(reader: Reader) -> None:
    steps = list(samples_of(TUTORIALS / "adapter.md"))
    settings = next(number for number, step in enumerate(steps) if step.kind == "settings")
    reader.follow(steps[:settings])
    suites = [printed for printed in reader.printed if re.search(r"\d+ passed", printed)]
    assert len(suites) == 2, "the template's suite, and that of the adapter"
    for suite in suites:
        found = re.search(r"(\d+) passed", suite)
        assert found
        assert int(found[1]) > 80, "the contract is more than that"
        assert not re.search("failed|skipped|error", suite.splitlines()[-1])
    assert re.search(r"star-log +active +star-log +sharecore-star-log 0\.1\.0", reader.printed[-1])

    reader.follow(samples_of(TUTORIALS / "make-a-tom.md"), without_commands=2)
    reader.follow(steps[settings:])
    stored = [json.loads(line) for line in (reader.folder / "observations.jsonl").read_text().splitlines()]
    assert [(each["object"], each["band"]) for each in stored] == [("SN 2026xyz", "r")] * 2
    assert (stored[0]["mag"], stored[1]["fainter_than"]) == (18.25, 21.5)
    assert "mag" not in stored[1]
    assert "2 delivered" in reader.printed[-1]
    reader.run("python manage.py sharing deliver --once")
    assert len((reader.folder / "observations.jsonl").read_text().splitlines()) == 2


def test_a_rule_that_keeps_data_at_home_is_installed_and_active(reader: Reader) -> None:
    """Up to where the page goes on in a TOM; the rest of it runs in tests/documentation."""
    reader.run("python -m venv .venv\n. .venv/bin/activate\npip install sharecore")
    steps = samples_of(DOCS / "how-to" / "keep-at-home.md")
    reader.follow(step for step in steps if step.file or "pip install" in step.text)
    assert re.search(r"active +house-rules +house-rules 1\.0", reader.printed[-1])
