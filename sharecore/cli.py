"""The command `sharecore`."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from sharecore.discovery import PluginInfo, blocked_plugins
from sharecore.registry import Registry
from sharecore.scaffold import CannotMake, new_adapter

COLUMNS = ("KIND", "STATE", "PLUGIN", "DISTRIBUTION", "SUMMARY")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    arguments = parser().parse_args(argv)
    status: int = arguments.run(arguments)
    return status


def parser() -> argparse.ArgumentParser:
    """Return what reads the arguments; `run` in them does what they ask for."""
    parser = argparse.ArgumentParser(prog="sharecore", description="Look after plugins, or begin one.")
    commands = parser.add_subparsers(title="commands", dest="command", required=True)
    adapters = commands.add_parser("adapters", help="list every installed plugin and the adapters it brings")
    adapters.add_argument("--json", action="store_true", help="as JSON, for programs")
    adapters.add_argument("--verbose", action="store_true", help="say where in its code a plugin failed")
    adapters.set_defaults(run=_adapters)
    new = commands.add_parser(
        "new-adapter", help="write a package with an adapter for a new kind of destination"
    )
    new.add_argument("name", help="the kind of destination, like my-archive")
    new.add_argument("--into", type=Path, default=Path(), help="the folder to write into (default: this one)")
    new.set_defaults(run=_new_adapter)
    return parser


def _adapters(arguments: argparse.Namespace) -> int:
    log = logging.getLogger("sharecore")
    handler = logging.StreamHandler(sys.stderr) if arguments.verbose else logging.NullHandler()
    log.addHandler(handler)
    try:
        plugins = Registry.load(blocked=blocked_plugins()).plugins
    finally:
        log.removeHandler(handler)
    print(
        json.dumps([_as_json(info) for info in plugins], indent=2) if arguments.json else _as_table(plugins)
    )
    return 0


def _new_adapter(arguments: argparse.Namespace) -> int:
    try:
        folder = new_adapter(arguments.name, arguments.into)
    except CannotMake as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Wrote {folder}. Its tests pass already:\n")
    print(f"    cd {folder}\n    pip install -e '.[test]'\n    pytest\n")
    print("Its README says what to change, and in which order.")
    return 0


def _as_json(info: PluginInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "state": info.state.value,
        "reason": info.reason,
        "distribution": info.distribution,
        "version": info.version,
        "kinds": [{"kind": kind, "summary": summary} for kind, summary in info.kinds.items()],
    }


def _as_table(plugins: Sequence[PluginInfo]) -> str:
    if not plugins:
        return "No plugins are installed."
    rows = [
        (kind, info.state.value, info.name, f"{info.distribution} {info.version}".strip(), summary)
        for info in plugins
        for kind, summary in (info.kinds or {"-": "-"}).items()
    ]
    widths = [max(len(row[column]) for row in [COLUMNS, *rows]) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [COLUMNS, *rows]
    ]
    reasons = [f"{info.label} is {info.state}: {info.reason}" for info in plugins if info.reason]
    reasons += [f"{info.label}: {note}" for info in plugins for note in info.deprecated]
    return "\n".join([*lines, *(["", *reasons] if reasons else [])])
