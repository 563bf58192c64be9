"""What the README shows to authors and operators is so."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sharecore import Accepted, Batch, Destinations, Registry
from sharecore.dispatch import dispatch
from sharecore.exceptions import ConfigurationError
from sharecore.settings import Section
from tom_integration import conf

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


def test_every_setting_of_the_app_is_in_the_readme_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(SHARECORE_\w+)` \| (\S.*?) \| ", README.read_text(), re.M))
    assert set(rows) == set(conf.SETTINGS)
    for name, shown in rows.items():
        if name != "SHARECORE_RETRY_SCHEDULE":
            assert ast.literal_eval(shown.strip("`")) == conf.SETTINGS[name].default, name


@pytest.mark.parametrize("kind", ["tom", "hermes", "webhook", "files"])
def test_every_setting_of_a_destination_is_in_the_readme(kind: str) -> None:
    """What its plugin asks the entry for, where nothing is given."""
    section = Section("x", {})
    with suppress(ConfigurationError):
        Registry.load().destination_types[kind].config(section)
    missing = section._read - set(re.findall(r"[A-Z][A-Z_]+", README.read_text()))
    assert len(section._read) > 2
    assert missing == set()
