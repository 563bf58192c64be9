"""Does a dead and a hanging destination slow a healthy one? ``make isolation``, or ``python -m
chaos.isolation``.

Two TOMs with the default runner, behind gunicorn, share with one stock TOM. One of them shares the same
targets also with a destination where nobody listens, and with one that takes every request and says
nothing. Data are saved in both in turn, so that whatever else this machine does meets both alike. One line
of JSON: seconds from save to arrival and seconds that a save takes, in the one and in the other, and the
ratios of their p99.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from chaos.arrivals import Arrivals, percentile
from chaos.world import ADMIN, receiving
from live.scenes import Line, make_share, make_target, save
from realtoms import Tom, make_tom
from realtoms.postgres import server

TARGETS = 4
HANGS_FOR = 5.0
"""The `READ_TIMEOUT` of the destination that hangs: it is found out many times in one run."""
LOOK = 0.05
PATIENCE = 60.0


def main() -> int:
    """Measure; 0 if everything arrived at the healthy destination."""
    parser = argparse.ArgumentParser(prog="chaos.isolation", description=__doc__)
    parser.add_argument(
        "--database", choices=("sqlite", "postgres"), default="sqlite", help="of the TOMs that share"
    )
    parser.add_argument("--records", type=int, default=300, help="in each of the two TOMs")
    parser.add_argument("--pace", type=float, default=0.3, help="seconds between two saves")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sharecore-isolation-")))
        address = stack.enter_context(server()) if options.database == "postgres" else None
        dead, hanging = (stack.enter_context(closing(Line(None, mode))) for mode in ("dead", "hangs"))
        receiver = receiving(folder, stack)
        healthy = receiver.sharing_entry("sharer")
        others = {
            "dead": healthy | {"BASE_URL": dead.url},
            "hanging": healthy | {"BASE_URL": hanging.url, "READ_TIMEOUT": HANGS_FOR},
        }
        toms = {
            name: make_tom(
                folder / name,
                name=name,
                users=[ADMIN],
                apps=["tom_integration"],
                settings={"DATA_SHARING": {"healthy": healthy, **sharing}},
                postgres=address,
            )
            for name, sharing in {"alone": {}, "beside": others}.items()
        }
        for tom in toms.values():
            stack.callback(tom.remove)
            tom.serve(workers=1)
        targets = {
            name: _targets(tom, receiver, ["healthy", *(others if name == "beside" else ())])
            for name, tom in toms.items()
        }
        result = _measured(toms, targets, receiver, options.records, options.pace)
        result |= {"database": options.database, "hung_requests": hanging.calls}
    print(json.dumps(result), flush=True)  # noqa: T201
    return 1 if result["missing"] else 0


def _targets(tom: Tom, receiver: Tom, destinations: list[str]) -> list[int]:
    names = [f"{tom.name} {number}" for number in range(TARGETS)]
    for name in names:
        # A stock receiver on SQLite can leave a target half made when two senders make some at once.
        make_target(receiver, name, user="sharer")
    made = [make_target(tom, name) for name in names]
    for target in made:
        for destination in destinations:
            make_share(tom, target, destination)
    return made


def _measured(
    toms: Mapping[str, Tom], targets: Mapping[str, list[int]], receiver: Tom, records: int, pace: float
) -> dict[str, object]:
    arrivals = Arrivals(receiver.database)
    saved: dict[str, dict[str, float]] = {name: {} for name in toms}
    took: dict[str, list[float]] = {name: [] for name in toms}
    number = 0
    with arrivals.watched(pause=LOOK):
        for turn in range(-TARGETS, records):  # the first find the targets there, and are not counted
            for name, tom in toms.items():
                number += 1
                began = time.time()
                seconds = save(tom, targets[name][turn % TARGETS], number)
                if turn >= 0:
                    saved[name][_moment(number)] = began
                    took[name].append(seconds)
                time.sleep(pace / len(toms))
            if turn == -1:
                time.sleep(5.0)
        waiting = {key for keys in saved.values() for key in keys}
        deadline = time.monotonic() + PATIENCE
        while waiting - arrivals.at.keys() and time.monotonic() < deadline:
            time.sleep(LOOK)
    result: dict[str, object] = {"records": records * len(toms), "missing": len(waiting - arrivals.at.keys())}
    measured = {
        "save_to_arrival_s": {
            name: [arrivals.at[key] - at for key, at in keys.items() if key in arrivals.at]
            for name, keys in saved.items()
        },
        "save_s": took,
    }
    for what, by_tom in measured.items():
        for name, values in by_tom.items():
            result[f"{what}_{name}"] = {f"p{p}": _rounded(percentile(values, p)) for p in (50, 99)}
        last = [percentile(by_tom[name], 99) for name in ("beside", "alone")]
        result[f"{what}_p99_ratio"] = _rounded(last[0] / last[1]) if last[0] and last[1] else None
    return result


def _moment(number: int) -> str:
    """The time of the datum of this number, as `Arrivals` knows it."""
    text = f"2026-02-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.123456+00:00"
    return datetime.fromisoformat(text).isoformat()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


if __name__ == "__main__":
    sys.exit(main())
