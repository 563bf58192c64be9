"""Runs inside a TOM, with or without sharecore: one process that ingests data until its steps are done.

What it writes is a function of seed and number alone. It may be killed at any moment: each step is noted
when it is done, and a process that takes over begins with the first that is not.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one ingester does.

    number: of the ingester. targets: primary keys. steps: how many in all. atomic: whether it works in
    transactions, as a TOM with ATOMIC_REQUESTS does. pace: mean seconds between two steps. journal: the file
    that it keeps.
    """

    seed: int
    number: int
    targets: list[int]
    steps: int
    atomic: bool
    pace: float
    journal: str


class Undo(Exception):
    """Rolls a transaction back: what it wrote must never leave."""


def main(**values: Any) -> None:
    """Do what is left of a `Job` with these values."""
    job = Job(**values)
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

    journal = Path(job.journal)
    done = _done(journal)
    with journal.open("a", buffering=1) as notes:
        for step in range(done, job.steps):
            chance = Random(f"{job.seed} {job.number} {step}")  # noqa: S311 - to be repeated
            time.sleep(chance.uniform(0, 2 * job.pace))
            maker = _Maker(job, step, chance)
            work = chance.choice((maker.save, maker.save, maker.bulk, maker.process))
            vain = job.atomic and chance.random() < 0.1
            while True:
                began = time.time()
                try:
                    if job.atomic:
                        with transaction.atomic():
                            written = maker.in_request(work)
                            if vain:
                                raise Undo
                    else:
                        written = work()
                except Undo:
                    written = []
                except (IntegrityError, ValidationError):
                    written = []  # it was written before: the one who did it was killed, or got no answer
                except (OperationalError, InterfaceError) as error:
                    kind = "locked" if "locked" in str(error) else "gone"
                    what = {kind: str(error)[:100], "step": step, "began": began, "at": time.time()}
                    notes.write(json.dumps(what) + "\n")
                    connection.close()
                    time.sleep(0.2)
                    continue
                break
            notes.write(json.dumps({"done": step, "at": time.time(), "written": written}) + "\n")


def _done(journal: Path) -> int:
    """The number of steps that are done."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return sum('"done"' in line for line in lines)


class _Maker:
    """Makes the rows of one step; each has a time of its own, by which it is found again."""

    def __init__(self, job: Job, step: int, chance: Random) -> None:
        from tom_targets.models import Target

        self._job = job
        self._step = step
        self._size = chance.randint(5, 20)
        self._kind = chance.randrange(5)
        self._conflicts = chance.random() < 0.5
        self._target_pk = chance.choice(job.targets)
        self._find: Callable[[], Any] = lambda: Target.objects.get(pk=self._target_pk)

    def in_request(self, work: Callable[[], list[str]]) -> list[str]:
        """The work as a request does it: it reads, thinks, and then writes."""
        self._find()
        time.sleep(0.01)
        return work()

    def _number(self, row: int) -> int:
        return (self._job.number * 1000 + self._step) * 100 + row

    def _time(self, row: int) -> datetime:
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=10 * (self._job.seed % 1000))
        return start + timedelta(seconds=self._number(row), microseconds=self._number(row) * 37 % 1_000_000)

    def save(self) -> list[str]:
        """One row, saved by itself."""
        row = self._row(self._kind, 0)
        row.save(force_insert=True)
        return [row.timestamp.isoformat()]

    def bulk(self) -> list[str]:
        """Some rows in one statement; half of the time without their primary keys coming back."""
        rows = [self._row(0, number) for number in range(self._size)]
        type(rows[0]).objects.bulk_create(rows, ignore_conflicts=self._conflicts)
        return [row.timestamp.isoformat() for row in rows]

    def process(self) -> list[str]:
        """A file, through tomtoolkit's own processor."""
        from astropy.time import Time
        from django.core.files.base import ContentFile
        from tom_dataproducts.data_processor import run_data_processor
        from tom_dataproducts.models import DataProduct

        lines = ["time,brightness,brightness_error,bandpass,unit,telescope"]
        for number in range(self._size):
            mjd = Time(self._time(number), scale="utc").mjd
            lines.append(f"{mjd:.17g},{16.5 + self._number(number) / 65536!r},0.125,g,AB mag,0m4-09")
        product = DataProduct.objects.create(
            target=self._find(), product_id=f"{os.getpid()} {time.time_ns()}", data_product_type="photometry"
        )
        name = f"{self._job.seed}-{self._job.number}-{self._step}.csv"
        product.data.save(name, ContentFile("\n".join(lines)))
        return [row.timestamp.isoformat() for row in run_data_processor(product)]

    def _row(self, kind: int, number: int) -> Any:
        from tom_dataproducts import models

        common = {
            "target": self._find(),
            "timestamp": self._time(number),
            "source_name": "Chaos observatory",
            "source_location": f"ingester {self._job.number}, step {self._step}, row {number}",
            "telescope": "1m0-04",
            "instrument": "sinistro",
        }
        size = self._number(number) / 65536
        match kind:
            case 0:
                return models.PhotometryReducedDatum(
                    brightness=16.5 + size, brightness_error=0.0625, limit=21.25, unit="AB mag", bandpass="r",
                    exposure_time=120.0, reduction_version="2.1", value={"airmass": 1.5}, **common,
                )  # fmt: skip
            case 1:
                return models.PhotometryReducedDatum(
                    limit=20.5 + size, unit="AB mag", bandpass="B", exposure_time=60.0, **common
                )
            case 2:
                return models.SpectroscopyReducedDatum(
                    flux=[1.5, 2.25, 1.75 + size], error=[0.5, 0.25, 0.5], flux_unit="erg / (Angstrom s cm2)",
                    wavelength=[4000.0, 4001.5, 4003.0], wavelength_unit="Angstrom", setup="2 arcsec slit",
                    exposure_time=1800.0, **common,
                )  # fmt: skip
            case 3:
                return models.AstrometryReducedDatum(
                    ra=218.0 + size, dec=-44.125, ra_error=0.0625, dec_error=0.0625, ra_error_units="arcsec",
                    dec_error_units="arcsec", **common,
                )  # fmt: skip
            case _:
                return models.ReducedDatum(data_type="polarimetry", value={"q": size, "u": -0.25}, **common)
