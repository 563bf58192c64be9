"""What the README shows to authors and operators is so."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharecore import Accepted, Batch, Destinations, Registry
from sharecore.dispatch import dispatch

README = Path(__file__).parents[2] / "README.md"


def _block(language: str, word: str) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.S | re.M)
    (found,) = (block for block in blocks if word in block)
    return found


@pytest.fixture
def diary() -> types.ModuleType:
    module = types.ModuleType("diary")
    exec(_block("python", "class Diary"), vars(module))  # noqa: S102 - it is ours
    return module


def test_the_plugin_of_the_readme_delivers(
    diary: types.ModuleType, make_batch: Callable[..., Batch], tmp_path: Path
) -> None:
    registry = Registry()
    assert registry.register(diary, name="diary").reason == ""
    written = tmp_path / "diary.txt"
    destinations = Destinations.parse({"log": {"ADAPTER": "diary", "PATH": str(written)}}, registry)
    assert destinations.problems == ()
    destination = destinations["log"]
    result = dispatch(registry, destination, destination.open(), make_batch("7", "8"))
    assert list(result.results.values()) == [Accepted(), Accepted()]
    assert written.read_text() == 2 * "2026-01-02 03:04:05+00:00 SN 2024abc photometry\n"


def test_the_settings_of_the_readme_are_usable_with_a_token() -> None:
    block = _block("python", "INSTALLED_APPS").replace("[...,", "[")
    settings: dict[str, Any] = {}
    exec(block.replace('"..."', '"0123456789"'), settings)  # noqa: S102
    destinations = Destinations.parse(settings["DATA_SHARING"], Registry.load())
    assert [each.kind for each in destinations.values()] == ["tom", "hermes"]
    assert destinations.problems == ()
