"""`sharecore adapters`."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from typing import Any

import pytest

from sharecore.cli import main

LAMP = "@hookimpl\ndef sharecore_destinations(): return [lamp(), lamp('bell')]"


@pytest.fixture
def installed(entry_point: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        entry_point(LAMP),
        entry_point("raise ValueError('hunter2')", name="broken", distribution="sharecore-broken"),
        entry_point(LAMP, name="unwanted", distribution="sharecore-unwanted"),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    monkeypatch.setenv("SHARECORE_BLOCKED_PLUGINS", "unwanted")


@pytest.mark.usefixtures("installed")
def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapters", "--json"]) == 0
    printed = capsys.readouterr()
    broken, lamp, unwanted = json.loads(printed.out)
    assert lamp == {
        "name": "lamp",
        "state": "active",
        "reason": "",
        "distribution": "sharecore-lamp",
        "version": "1.2",
        "kinds": [{"kind": "lamp", "summary": "Blinks"}, {"kind": "bell", "summary": "Blinks"}],
    }
    assert (broken["name"], broken["state"]) == ("broken", "failed")
    assert broken["reason"].startswith("cannot be imported: ValueError at ")
    assert (unwanted["name"], unwanted["state"], unwanted["kinds"]) == ("unwanted", "blocked", [])
    assert printed.err == ""


@pytest.mark.usefixtures("installed")
def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapters"]) == 0
    table, reasons = capsys.readouterr().out.split("\n\n")
    rows = [line.split() for line in table.splitlines()]
    assert rows == [
        ["KIND", "STATE", "PLUGIN", "DISTRIBUTION", "SUMMARY"],
        ["-", "failed", "broken", "sharecore-broken", "1.2", "-"],
        ["lamp", "active", "lamp", "sharecore-lamp", "1.2", "Blinks"],
        ["bell", "active", "lamp", "sharecore-lamp", "1.2", "Blinks"],
        ["-", "blocked", "unwanted", "sharecore-unwanted", "1.2", "-"],
    ]
    failed, blocked = reasons.splitlines()
    assert failed.startswith(
        "plugin 'broken' (sharecore-broken 1.2) is failed: cannot be imported: ValueError"
    )
    assert blocked.startswith("plugin 'unwanted' (sharecore-unwanted 1.2) is blocked")


@pytest.mark.usefixtures("installed")
def test_an_author_can_see_where_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapters", "--verbose"]) == 0
    assert "raise ValueError" in capsys.readouterr().err


def test_no_plugins(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    assert main(["adapters"]) == 0
    assert capsys.readouterr().out == "No plugins are installed.\n"
    assert main(["adapters", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_no_command_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "adapters" in capsys.readouterr().err
