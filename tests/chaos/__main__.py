"""Nothing lost, nothing twice, while everything is killed: ``make chaos``, or ``python -m chaos``.

For each seed, real processes ingest data into a real TOM, real workers deliver them through a proxy that
makes faults to a stock TOM, and all of them are killed at random. At the end the two databases are compared
field by field. One line for each seed, a last one with all figures; the exit status is 0 if they are good.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from chaos.arrivals import percentile
from chaos.rounds import Round, play
from chaos.world import World, say, world
from realtoms import TomError


def main() -> int:
    """Play all rounds; 0 if nothing was lost, doubled or left failed."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))  # in good order: nothing may stay behind
    rounds: list[Round] = []
    try:
        for database in options.database:
            with world(database, keep=options.keep, calm=options.calm, old=options.old) as made:
                say(f"{database}: {made.folder}")
                for seed in range(options.first_seed, options.first_seed + options.seeds):
                    rounds.append(_played(made, seed, options.records))
                    print(f"{database} {rounds[-1].line()}", flush=True)  # noqa: T201
    finally:
        print(json.dumps(_summary(rounds, options.database)), flush=True)  # noqa: T201
    return 0 if all(each.good for each in rounds) else 1


def _played(made: World, seed: int, records: int) -> Round:
    try:
        return play(made, seed, records)
    except (TomError, ValueError) as error:
        return Round(seed=seed, error=str(error))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many rounds on each database")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgres"),
        action="append",
        help="of the TOM that shares; may be given twice; sqlite if omitted",
    )
    parser.add_argument("--records", type=int, default=300, help="about so many in each round")
    parser.add_argument(
        "--calm", action="store_true", help="no attacks, no faults, the times of a TOM: how much do we lock?"
    )
    parser.add_argument(
        "--old",
        type=Path,
        metavar="PYTHON",
        help="of an environment with another version of sharecore: half of all processes run it",
    )
    parser.add_argument("--keep", action="store_true", help="keep the TOMs and their logs")
    options = parser.parse_args()
    options.database = options.database or ["sqlite"]
    return options


def _summary(rounds: list[Round], databases: list[str]) -> dict[str, object]:
    slowest = percentile([each for result in rounds for each in result.recoveries], 99)
    counted = (
        "records",
        "kills",
        "faults",
        "lost",
        "duplicates",
        "foreign",
        "failed_before_replay",
        "failed",
        "restored",
        "locked_errors",
        "locked_errors_without_us",
    )
    return {
        "databases": databases,
        "seeds": len(rounds),
        "wrong": [result.seed for result in rounds if not result.good],
        **{name: sum(getattr(result, name) for result in rounds) for name in counted},
        "recovery_p99_s": None if slowest is None else round(slowest, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
