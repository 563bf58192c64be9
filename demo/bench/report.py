"""`docs/benchmarks.md`: the figures of the last whole runs on each database, and what limits them."""

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
RUNS = 3
"""How many runs are kept: a bar that was met once may have been met by chance."""


def write(database: str, postgres: str | None, figures: Iterable[Figure]) -> Path:
    """Keep the figures of a run beside those of the runs before, and write the page anew; its path."""
    run = [json.dumps(_circumstances(postgres)), *(figure.as_json() for figure in figures)]
    lines = [line for each in [*_kept(database), run][-RUNS:] for line in each]
    kept = _file(database)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("\n".join(lines) + "\n")
    return page()


def page() -> Path:
    """Write the page of the figures that are kept; its path."""
    path = DOCS / "benchmarks.md"
    path.write_text(_TEXT.read_text() + "".join(_section(name) for name in _DATABASES))
    return path


def _file(database: str) -> Path:
    return DOCS / "benchmarks" / f"{database}.jsonl"


def _kept(database: str) -> list[list[str]]:
    """Return the lines of the runs that were kept, the last run at the end."""
    runs: list[list[str]] = []
    if _file(database).exists():
        for line in _file(database).read_text().splitlines():
            if "machine" in json.loads(line):
                runs.append([])
            runs[-1].append(line)
    return runs


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
    runs = [[json.loads(line) for line in run] for run in _kept(database)]
    if not runs:
        return ""
    command = "make bench" if database == "sqlite" else f'make bench ARGS="--database {database}"'
    told = [f"{each['date']} (load {each['load']})" for each, *_ in runs]
    circumstances, *figures = runs[-1]
    rows = [
        f"\n## {_DATABASES[database]}\n",
        f"`{command}`, {len(runs)} in a row: {', '.join(told)}. The figures are of the last run, the last "
        f"column is of all.",
        f"{circumstances['machine']}. {circumstances['versions']}.\n",
        "| figure | unit | ours | stock | ratio | spread | n | bar | met |",
        "|---|---|--:|--:|--:|--:|--:|---|---|",
        *(_row(figure, runs) for figure in figures),
    ]
    return "\n".join(rows) + "\n"


def _row(figure: dict[str, Any], runs: list[list[dict[str, Any]]]) -> str:
    ratio = _shown(figure["ratio"])
    if figure["ratio"] is not None and figure["against"] != "stock":
        base = f" = {_shown(figure['base'])}" if "base" in figure else ""
        ratio += f" (to {figure['against']}{base})"
    spread = " to ".join(map(_shown, figure["spread"])) if figure["spread"] else ""
    met = [
        each["met"] for run in runs for each in run if each.get("name") == figure["name"] and "met" in each
    ]
    cells = [figure["name"], figure["unit"], _shown(figure["ours"]), _shown(figure["stock"]), ratio, spread]
    cells += [str(figure["n"]), figure.get("bar", ""), f"{sum(met)} of {len(met)}" if met else ""]
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
