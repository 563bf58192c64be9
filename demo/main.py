"""The demonstration: one TOM shares with another TOM and with HERMES, by itself, while one of them is down.

    make demo                  runs it, in under two minutes; exit status 0 if everything arrived, once
    make demo ARGS=--serve     leaves the TOMs running, to look at

The last line is JSON; `records` counts what should be at the destinations, summed over them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import requests

from destinations import SHARER, Count, Destination, Hermes, TomB
from night import custom_uploads, default_uploads, single_data
from realtoms import TomError, User, toolkit_version
from screen import Screen
from sender import OBSERVER, TomA

ADMIN = User(username="admin", password="admin-of-the-demo", superuser=True)
PATIENCE = 90.0
"""Seconds after which what has not arrived counts as lost."""
SINGLE = 18
"""Data that are saved one by one, while all is well and again while TOM B is down."""


class Demo:
    """The story, and what was measured on the way."""

    def __init__(self, screen: Screen, a: TomA, destinations: Sequence[Destination]) -> None:
        self._screen = screen
        self._a = a
        self._destinations = destinations
        self._phases: list[list[str]] = []
        self._began = time.monotonic()
        self._ended = self._began

    def run(self) -> None:
        """Everything from the first datum to the last arrival."""
        b = self._destinations[0]
        self._began = time.monotonic()
        with self._phase("files, processors of tomtoolkit"):
            for upload in default_uploads():
                self._screen.step(f"The observer uploads {upload.path.name} as {upload.data_type}")
                self._a.upload(upload)
        with self._phase("file, custom DataProcessor"):
            for upload in custom_uploads():
                self._screen.step(f"The observer uploads {upload.path.name}; A's own DataProcessor reads it")
                self._a.upload(upload)
        with self._phase("single saves"):
            self._screen.step(
                f"The observer saves {SINGLE} data one by one: detections, limits, spectra, positions, other"
            )
            well = [self._a.save(datum) for datum in single_data(0, SINGLE)]
        with self._phase("single saves, B down"):
            self._screen.step(f"TOM B is stopped; the observer saves {SINGLE} more")
            b.stop()
            down = [self._a.save(datum) for datum in single_data(SINGLE, SINGLE)]
            self._screen.note(
                f"One save took {1000 * statistics.median(well):.0f} ms with TOM B up and "
                f"{1000 * statistics.median(down):.0f} ms with TOM B down (medians of {SINGLE}; "
                f"the longest {1000 * max(well):.0f} and {1000 * max(down):.0f} ms)"
            )
            self._watch(lambda counts: all(_complete(count) for count in counts[1:]), 10.0)
            self._screen.step("TOM B is started again")
            b.start()
        self._ended = time.monotonic()

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        """Let data enter, then wait until they have arrived; note when they did."""
        before = self._count()[0].comparison.records
        began = time.monotonic()
        yield
        took: dict[str, str] = {}

        def note(counts: Sequence[Count]) -> bool:
            for destination, count in zip(self._destinations, counts, strict=True):
                if _complete(count):
                    took.setdefault(destination.label, f"{time.monotonic() - began:.1f} s")
            return len(took) == len(self._destinations)

        records = self._watch(note, PATIENCE)[0].comparison.records - before
        self._phases.append(
            [name, str(records), *(took.get(each.label, "never") for each in self._destinations)]
        )
        self._screen.note(self._standing(self._count()))

    def _count(self) -> list[Count]:
        return [each.count(self._a.tom.database, self._a.target) for each in self._destinations]

    def _watch(self, enough: Callable[[Sequence[Count]], bool], patience: float) -> Sequence[Count]:
        deadline = time.monotonic() + patience
        while not enough(counts := self._count()) and time.monotonic() < deadline:
            self._screen.progress(self._standing(counts))
            time.sleep(0.2)
        return counts

    def _standing(self, counts: Sequence[Count]) -> str:
        parts = [
            f"{destination.label}: {count.comparison.arrived} of {count.comparison.records} arrived"
            for destination, count in zip(self._destinations, counts, strict=True)
        ]
        return ", ".join(parts)

    def report(self) -> bool:
        """The tables, what is missing, and the line for programs; whether all is there, once."""
        time.sleep(2.0)  # what arrives twice would arrive about now
        counts, parked = self._count(), self._a.needing_a_person()
        self._screen.table(
            "How data came in, and how long until the last of them had arrived",
            ["", "records", *(each.label for each in self._destinations)],
            self._phases,
        )
        self._screen.table(
            "What left TOM A, and what is there, counted in the destinations' own data",
            ["", "left", "arrived", "lost", "duplicates", "foreign", "cannot be expressed"],
            [
                [destination.label, *_numbers(count.comparison.as_dict()), count.comparison.foreign]
                + [count.not_expressible]
                for destination, count in zip(self._destinations, counts, strict=True)
            ],
        )
        reasons = self._a.reasons()
        for address, state, reason, number in reasons:
            print(f"  {address}: {number} {state}: {reason}")
        total = {
            name: sum(count.comparison.as_dict()[name] for count in counts)
            for name in ("records", "arrived", "lost", "duplicates")
        }
        perfect = all(count.comparison.perfect for count in counts) and not parked
        if not perfect:
            self._say_what_is_wrong(counts)
        seconds = round(self._ended - self._began, 1)
        print("\n" + json.dumps({**total, "parked": parked, "seconds": seconds}), flush=True)
        return perfect

    def _say_what_is_wrong(self, counts: Sequence[Count]) -> None:
        print("\nNot everything is as it should be:")
        for destination, count in zip(self._destinations, counts, strict=True):
            for example in count.comparison.examples:
                print(f"  {destination.label}: {example}")
        print(self._a.tom.manage("sharing", "status", check=False).stdout)


def _complete(count: Count) -> bool:
    return count.comparison.arrived == count.comparison.records


def _numbers(counts: dict[str, int]) -> list[int]:
    return [counts[name] for name in ("records", "arrived", "lost", "duplicates")]


def _prepare(screen: Screen, folder: Path, stack: ExitStack) -> tuple[TomA, list[Destination]]:
    version = toolkit_version(Path(sys.executable))
    screen.step(f"Two TOMs of tomtoolkit {version} are made; the first time this takes half a minute")
    b = TomB(folder, ADMIN)
    destinations: list[Destination] = [b, Hermes(folder)]
    for destination in destinations:
        stack.callback(destination.stop)
        destination.start()
    screen.note(f"TOM B, stock, is at {b.tom.url}; the stand-in for HERMES runs")
    a = TomA(folder, ADMIN, {each.address.partition(":")[0]: each.entry() for each in destinations})
    stack.callback(a.tom.stop)
    a.tom.serve()
    screen.note(f"TOM A, with sharecore, is at {a.tom.url}; its target is {a.target}")
    for destination in destinations:
        a.share(destination.address)
        screen.note(f"The observer shares {a.target} continuously with {destination.address}")
    return a, destinations


def _leave_running(screen: Screen, a: TomA, b: TomB) -> None:
    login = f"log in as {ADMIN.username} with {ADMIN.password}"
    screen.step("Both TOMs are running; Ctrl-C ends them")
    screen.note(f"TOM A  {a.tom.url}targets/{a.target_id}/  {login}, or as {OBSERVER.username} with {OBSERVER.password}")
    screen.note(f"       {a.tom.url}targets/persistentshare/manage/ lists what is shared continuously")
    screen.note(f"TOM B  {b.tom.url}targets/  {login}, or as {SHARER.username} with {SHARER.password}")
    signal.pause()


def _keep_logs(folder: Path) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="sharecore-demo-logs-"))
    for log in (*folder.rglob("*.log"), *folder.glob("*.jsonl")):
        shutil.copy(log, kept / f"{log.parent.name}-{log.name}")
    return kept


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(description="One TOM shares with another, and with HERMES.")
    parser.add_argument("--serve", action="store_true", help="leave the TOMs running at the end")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    folder = Path(tempfile.mkdtemp(prefix="sharecore-demo-"))
    try:
        with ExitStack() as stack:
            screen = Screen()
            a, destinations = _prepare(screen, folder, stack)
            demo = Demo(screen, a, destinations)
            demo.run()
            perfect = demo.report()
            if not perfect:
                print(f"The logs are in {_keep_logs(folder)}", file=sys.stderr)
            if options.serve and isinstance(destinations[0], TomB):
                _leave_running(screen, a, destinations[0])
        return 0 if perfect else 1
    except (TomError, OSError, requests.RequestException) as error:
        print(f"\nThe demonstration failed: {error}\nThe logs are in {_keep_logs(folder)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
