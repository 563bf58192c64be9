"""The story of the demonstration: data come in, one destination fails and comes back, and all is counted.

While that one is down, two people publish at two others.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from destinations import Count, Destination
from night import BROKER, custom_uploads, default_uploads, of_a_broker, single_data
from publishing import Publishing
from screen import Screen
from sender import TomA

OUTAGE = 8.0
"""Seconds that TOM B stays down at least."""
PATIENCE = 60.0
"""Seconds after which what has not arrived counts as lost."""
COUNTS = ("records", "arrived", "lost", "duplicates")
JOINED = 4
"""Data of the target that joins the list."""
SINGLE = 18
"""Data that are saved one by one, while all is well and again while TOM B is down."""


class Stuck(Exception):
    """Data have not arrived in time: what would come next shows nothing."""


class Story:
    """What happens, in order, and what was measured on the way."""

    def __init__(
        self, screen: Screen, a: TomA, destinations: Sequence[Destination], publishing: Publishing
    ) -> None:
        self._screen = screen
        self._a = a
        self._destinations = destinations
        self._publishing = publishing
        self._phases: list[list[str]] = []
        self._began = time.monotonic()
        self._ended = self._began
        self._phase_began = self._began
        self._took: dict[str, str] = {}

    def run(self) -> None:
        """Everything from the first datum to the last arrival."""
        self._began = time.monotonic()
        with suppress(Stuck):
            self._night()
        self._ended = time.monotonic()

    def _night(self) -> None:
        b = self._destinations[0]
        with self._phase("files, processors of tomtoolkit"):
            for upload in default_uploads():
                self._screen.step(f"The observer uploads {upload.path.name} as {upload.data_type}")
                self._a.upload(upload)
        with self._phase("file, custom DataProcessor"):
            for upload in custom_uploads():
                self._screen.step(f"The observer uploads {upload.path.name}; A's own DataProcessor reads it")
                self._a.upload(upload)
        with self._phase("a target joins the list"):
            self._screen.step(
                f"Another target joins the list; it gets {JOINED} data, and one that {BROKER} has brought"
            )
            joined = self._a.join()
            for datum in (of_a_broker(), *single_data(2 * SINGLE, JOINED)):
                self._a.save(datum, joined)
        self._screen.note(f"The datum of {BROKER} stays at home: the rule shares own data only")
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
            ends = time.monotonic() + OUTAGE
            self._publishing.run()
            counts = self._watch(lambda: time.monotonic() > ends, 2 * OUTAGE)
            self._screen.note(self._standing(counts))
            self._screen.step("TOM B is started again")
            b.start()

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        """Let data enter, then wait until they have arrived; note when they had."""
        before = self._count()[0].comparison.records
        self._phase_began, self._took = time.monotonic(), {}
        yield
        counts = self._watch(lambda: len(self._took) == len(self._destinations), PATIENCE)
        took = (self._took.get(each.label, "never") for each in self._destinations)
        self._phases.append([name, str(counts[0].comparison.records - before), *took])
        self._screen.note(self._standing(counts))
        if len(self._took) < len(self._destinations):
            raise Stuck

    def _count(self) -> list[Count]:
        return [each.count(self._a.tom.database, self._a.targets) for each in self._destinations]

    def _watch(self, enough: Callable[[], bool], patience: float) -> list[Count]:
        """Show how the data arrive until it is enough, or patience (seconds) is at its end."""
        deadline = time.monotonic() + patience
        while True:
            counts = self._count()
            for destination, count in zip(self._destinations, counts, strict=True):
                if _complete(count):
                    self._took.setdefault(destination.label, f"{time.monotonic() - self._phase_began:.1f} s")
            if enough() or time.monotonic() >= deadline:
                return counts
            self._screen.progress(self._standing(counts))
            time.sleep(0.2)

    def _standing(self, counts: Sequence[Count]) -> str:
        parts = [
            f"{destination.label}: {count.comparison.arrived} of {count.comparison.records} arrived"
            for destination, count in zip(self._destinations, counts, strict=True)
        ]
        return ", ".join(parts)

    def report(self) -> bool:
        """Print the tables, what is missing, and the line for programs; return whether all is there, once."""
        time.sleep(2.0)  # what arrives twice would arrive about now
        counts, failed = self._count(), self._a.needing_a_person()
        self._screen.table(
            "How data came in, and how long until the last of them had arrived",
            ["", "records", *(each.label for each in self._destinations)],
            self._phases,
        )
        self._screen.table(
            "What left TOM A, and what is there, counted in the destinations' own data",
            ["", "left", "arrived", "lost", "duplicates", "foreign", "cannot be expressed"],
            [
                [
                    destination.label,
                    *(count.comparison.as_dict()[name] for name in COUNTS),
                    count.comparison.foreign,
                    count.not_expressible,
                ]
                for destination, count in zip(self._destinations, counts, strict=True)
            ],
        )
        self._screen.table(
            "What two people published while TOM B was down, checked at the stand-ins",
            ["", "true"],
            [[claim, "yes" if true else "NO"] for claim, true in self._publishing.checks],
        )
        reasons = self._a.reasons()
        for address, state, reason, number in reasons:
            print(f"  {address}: {number} {state}: {reason}")
        total = {name: sum(count.comparison.as_dict()[name] for count in counts) for name in COUNTS}
        perfect = all(count.comparison.perfect for count in counts) and not failed and self._publishing.true
        if not perfect:
            self._say_what_is_wrong(counts)
        seconds = round(self._ended - self._began, 1)
        said = {**total, "failed": failed, **self._publishing.counts(), "seconds": seconds}
        print("\n" + json.dumps(said), flush=True)
        return perfect

    def _say_what_is_wrong(self, counts: Sequence[Count]) -> None:
        print("\nNot everything is as it should be:")
        for destination, count in zip(self._destinations, counts, strict=True):
            for example in count.comparison.examples:
                print(f"  {destination.label}: {example}")
        print(self._a.tom.manage("sharing", "status", check=False).stdout)


def _complete(count: Count) -> bool:
    return count.comparison.arrived == count.comparison.records
