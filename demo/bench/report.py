"""`docs/benchmarks.md`: the figures of the last whole run on each database, and what limits them."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from bench.figure import Figure

DOCS = Path(__file__).parents[2] / "docs"
_TEXT = Path(__file__).with_name("benchmarks.md")
_DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def write(database: str, postgres: str | None, figures: Iterable[Figure]) -> Path:
    """Keep the figures of a run, and write the page anew; its path."""
    lines = [json.dumps(_circumstances(postgres)), *(figure.as_json() for figure in figures)]
    (DOCS / "benchmarks").mkdir(exist_ok=True)
    (DOCS / "benchmarks" / f"{database}.jsonl").write_text("\n".join(lines) + "\n")
    page = DOCS / "benchmarks.md"
    page.write_text(_TEXT.read_text() + "".join(_section(name) for name in _DATABASES))
    return page


def _circumstances(postgres: str | None) -> dict[str, Any]:
    if postgres is None:
        engine = f"SQLite {sqlite3.sqlite_version}"
    else:
        with psycopg.connect(postgres) as connection:
            engine = f"PostgreSQL {connection.info.server_version // 10000}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}",
        "load": round(os.getloadavg()[2], 1),
        "versions": f"Python {platform.python_version()}, Django {version('django')}, "
        f"tomtoolkit {version('tomtoolkit')}, sharecore {version('sharecore')}, {engine}",
    }


def _section(database: str) -> str:
    kept = DOCS / "benchmarks" / f"{database}.jsonl"
    if not kept.exists():
        return ""
    circumstances, *figures = map(json.loads, kept.read_text().splitlines())
    command = "make bench" if database == "sqlite" else f'make bench ARGS="--database {database}"'
    rows = [
        f"\n## {_DATABASES[database]}\n",
        f"`{command}` on {circumstances['date']}: {circumstances['machine']}; load of the last quarter of an "
        f"hour: {circumstances['load']}.",
        f"{circumstances['versions']}.\n",
        "| figure | unit | ours | stock | ratio | spread | n | bar |",
        "|---|---|--:|--:|--:|--:|--:|---|",
        *map(_row, figures),
    ]
    return "\n".join(rows) + "\n"


def _row(figure: dict[str, Any]) -> str:
    ratio = _shown(figure["ratio"])
    if figure["ratio"] is not None and figure["against"] != "stock":
        base = f" = {_shown(figure['base'])}" if "base" in figure else ""
        ratio += f" (to {figure['against']}{base})"
    spread = " to ".join(map(_shown, figure["spread"])) if figure["spread"] else ""
    bar = f"{figure['bar']}: {'met' if figure['met'] else '**missed**'}" if "bar" in figure else ""
    cells = [figure["name"], figure["unit"], _shown(figure["ours"]), _shown(figure["stock"]), ratio, spread]
    return f"| {' | '.join([*cells, str(figure['n']), bar])} |"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
