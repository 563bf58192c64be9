"""`make bench`: ours and stock tomtoolkit side by side; one JSON line for each figure.

    make bench                                everything, on SQLite, in about eleven minutes
    make bench ARGS="--database postgres"     the same on PostgreSQL
    make bench ARGS="--only save --quick"     some figures, with few samples
    make bench ARGS="--profile"               where a worker's time goes

The exit status is 1 when a bar is missed. `docs/benchmarks.md` is written by a whole run.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from bench import arriving, engine, filing, profiles, report, ruling, saving, watching
from bench.figure import Figure
from bench.world import World, say
from realtoms import postgres

GROUPS: dict[str, Callable[[World], Iterable[Figure]]] = {
    "save": saving.saves,
    "bulk": saving.bulk,
    "trickle": arriving.trickle,
    "backlog": arriving.backlogs,
    "targets": arriving.targets_there,
    "noticing": arriving.noticing,
    "outage": arriving.outage,
    "limits": arriving.limits,
    "engine": engine.throughput,
    "draining": saving.while_draining,
    "memory": engine.memory,
    "growth": engine.growth,
    "rules": ruling.rules,
    "files": filing.growing,
    "pages": watching.pages,
}


def measure(world: World, names: Iterable[str]) -> Iterator[Figure]:
    """Yield the figures of these groups, each printed as soon as it is known."""
    for name in names:
        began = time.monotonic()
        for figure in GROUPS[name](world):
            print(figure.as_json(), flush=True)
            yield figure
        say(f"{name}: {time.monotonic() - began:.0f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="make bench", description="Ours and stock, side by side.")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite", help="of every TOM")
    parser.add_argument(
        "--only", action="append", choices=sorted(GROUPS), help="some figures; may be given more than once"
    )
    parser.add_argument("--profile", action="store_true", help="where a worker's time goes, and nothing else")
    parser.add_argument("--quick", action="store_true", help="few samples: to see that it runs, not how fast")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="sharecore-bench-"))
    try:
        with ExitStack() as stack:
            address = stack.enter_context(postgres.server()) if options.database == "postgres" else None
            world = stack.enter_context(closing(World(folder, postgres=address, quick=options.quick)))
            if options.profile:
                profiles.show(world)
                return 0
            figures = list(measure(world, options.only or GROUPS))
            if not options.only and not options.quick:
                say(f"wrote {report.write(options.database, address, figures)}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    missed = [figure for figure in figures if figure.missed]
    for figure in missed:
        say(f"missed: {figure.name}: {figure.bar.text if figure.bar else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
