"""What authors of plugins rely on stays as it was promised, and says what it is."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import pytest

from release import told
from release.api import PROMISED, describe, names, public
from release.told import untold
from sharecore import Photometry, PluginState, Registry, Section
from sharecore.cli import main
from sharecore.hooks import HookSpecs

CONVERT = """
@hookimpl
def sharecore_convert(request):
    return None
"""


def test_the_public_api_is_as_promised() -> None:
    """See docs/reference/versioning.md before you change one of them."""
    now, before = describe().splitlines(), PROMISED.read_text().splitlines()
    changed = sorted(set(now) ^ set(before))
    assert changed == [], (
        "the public API changed. See docs/reference/versioning.md and CHANGELOG.md, then write it down:\n"
        "    PYTHONPATH=tests .venv/bin/python -P -m release.api > tests/release/public_api.txt"
    )


NAMES = dict(names())


@pytest.mark.parametrize(("name", "thing"), NAMES.items(), ids=NAMES)
def test_every_public_name_says_what_it_is(name: str, thing: Any) -> None:
    """The name, what is public inside it, and each of its fields and parameters by its name."""
    assert list(untold(name, thing)) == []


def test_a_field_or_parameter_without_a_description_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = dict(told.beside("sharecore.records"))
    del texts["Photometry", "limit"]
    monkeypatch.setattr(told, "beside", lambda module: texts)
    assert list(untold("Photometry", Photometry)) == ["Photometry.limit"]
    monkeypatch.setattr(
        Section, "__doc__", "One entry; values, root and problems are in it.\n\n    name: key."
    )
    missing = ("path", "problems", "root", "values")
    assert list(untold("Section", Section)) == [f"Section.{each}" for each in missing]


def test_the_hooks_are_the_contract_and_have_an_example() -> None:
    for name, hook in public(HookSpecs):
        assert "Example::" in (hook.__doc__ or ""), name


def test_a_plugin_with_a_deprecated_hook_works_and_its_site_is_told(
    entry_point: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notice = DeprecationWarning("sharecore_convert is deprecated since 9.1: implement sharecore_map")
    monkeypatch.setitem(HookSpecs.sharecore_convert.sharecore_spec, "warn_on_impl", notice)
    points = [entry_point(CONVERT)]
    registry = Registry.load(points)
    (info,) = registry.plugins
    assert info.state is PluginState.ACTIVE
    (problem,) = registry.problems
    assert not problem.fatal
    assert problem.where == "plugin 'lamp' (sharecore-lamp 1.2)"
    assert "since 9.1" in problem.what
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    assert main(["adapters"]) == 0
    assert "since 9.1" in capsys.readouterr().out
