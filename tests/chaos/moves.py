"""Runs inside a TOM: one process that merges targets and moves data, while they are being delivered.

Each step makes data of its own, whose `source_location` names all targets that they will have had. It may be
killed at any moment, in the middle of a merge, too: a process that takes over begins with the first step
that is not done.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

SEPARATOR = " > "
LONGEST_WAIT = 2.0
"""Seconds between the writing of data, or the moment when a worker sends them, and their move, at most."""
PATIENCE = 5.0
"""Seconds for which a step waits for a worker."""


def merged_name(seed: int, step: int) -> str:
    """Of the target that a step merges into another one; not every step merges."""
    return f"Chaos {seed} merged {step}"


def places(row: dict[str, Any]) -> list[str]:
    """The names of the targets that a row has had; none of a row that another process has made."""
    location = row["source_location"]
    return location.split(SEPARATOR) if SEPARATOR in location else []


def main(*, seed: int, number: int, targets: list[int], steps: int, journal: str, share: bool) -> None:
    """Do what is left. number: tells the times of its data from those of the ingesters."""
    from django.core.exceptions import ValidationError
    from django.db import IntegrityError, InterfaceError, OperationalError, connection
    from tom_targets.models import Target

    notes = Path(journal)
    done = notes.read_text().count('"done"') if notes.exists() else 0
    with notes.open("a", buffering=1) as out:
        for step in range(done, steps):
            chance = Random(f"moves {seed} {step}")  # noqa: S311 - to be repeated
            first, second = (Target.objects.get(pk=pk).name for pk in chance.sample(targets, 2))
            # A merge, a move, or a merge and then a move.
            merged = merged_name(seed, step)
            names = ([merged, first], [first, second], [merged, first, second])[step % 3]
            sent_first = chance.random() < 0.5 and share
            waits = [chance.uniform(0, LONGEST_WAIT) for _ in names[1:]]
            while True:
                try:
                    rows = _written(names, seed, number * 1000 + step, share)
                    out.write(json.dumps({"written": rows, "at": time.time()}) + "\n")
                    if sent_first:
                        sent_first = False  # once: a database may be gone more often than one can wait for it
                        _await_a_worker(names)
                    for source, to, wait in zip(names, names[1:], waits, strict=False):
                        time.sleep(wait)
                        _go(source, to, merge=source == merged, names=names)
                except (OperationalError, InterfaceError, IntegrityError, ValidationError) as error:
                    kind = "locked" if "locked" in str(error) else "gone"
                    out.write(json.dumps({kind: str(error)[:100], "step": step, "at": time.time()}) + "\n")
                    connection.close()
                    time.sleep(0.2)
                    continue
                break
            out.write(json.dumps({"done": step, "at": time.time()}) + "\n")


def _written(names: list[str], seed: int, number: int, share: bool) -> list[str]:
    """Make the data of a step at its first target, unless they are there; their times."""
    from django.contrib.auth.models import User
    from tom_dataproducts import models
    from tom_targets.models import PersistentShare, Target, TargetName

    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=10 * (seed % 1000))
    times = [
        start + timedelta(seconds=number * 100 + row, microseconds=row * 1371 + number) for row in range(9)
    ]
    target = Target.objects.filter(name=names[0]).first()
    if target is None:
        if TargetName.objects.filter(name=names[0]).exists():
            return []  # it is merged already
        target = Target.objects.create(name=names[0], type="SIDEREAL", ra=150.0, dec=-20.0)
    if share:
        user = User.objects.get(username="admin")
        PersistentShare.objects.get_or_create(target=target, destination="receiver", defaults={"user": user})
    common = {"source_name": "Chaos observatory", "source_location": SEPARATOR.join(names)}
    made = [
        (models.PhotometryReducedDatum, {"brightness": 16.5 + row / 8, "bandpass": "r", "unit": "AB mag"})
        for row in range(5)
    ]
    made += [
        (models.SpectroscopyReducedDatum, {"flux": [1.5, 2.5 + row], "wavelength": [4000.0, 4001.5]})
        for row in range(2)
    ]
    made += [(models.ReducedDatum, {"data_type": "spin", "value": {"period": 2.5 + row}}) for row in range(2)]
    for model in {each for each, _ in made}:
        rows = [
            model(target=target, timestamp=when, **common, **fields)
            for when, (each, fields) in zip(times, made, strict=True)
            if each is model
        ]
        if not model.objects.filter(timestamp__in=[row.timestamp for row in rows]).exists():
            model.objects.bulk_create(rows)
    return [when.isoformat() for when in times]


def _await_a_worker(names: list[str]) -> None:
    """Wait until one has taken data of a step in hand: while a call is under way they are not to get lost."""
    from tom_dataproducts.models import PhotometryReducedDatum

    from tom_integration.models import Delivery

    data = PhotometryReducedDatum.objects.filter(source_location=SEPARATOR.join(names)).values("pk")
    sent = Delivery.objects.filter(model="photometryreduceddatum", datum_pk__in=data, sent_at__isnull=False)
    deadline = time.monotonic() + PATIENCE
    while not sent.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _go(source: str, to: str, *, merge: bool, names: list[str]) -> None:
    """Merge one target into another as tomtoolkit does, or move the data of this step as a script does."""
    from tom_dataproducts.models import REDUCED_DATUM_MODELS
    from tom_targets.merge import target_merge
    from tom_targets.models import Target, TargetName

    primary = Target.objects.get(name=to)
    if not merge:
        for model in REDUCED_DATUM_MODELS:
            model.objects.filter(source_location=SEPARATOR.join(names)).update(target=primary)
        return
    secondary = Target.objects.filter(name=source).first()
    if secondary is not None:
        TargetName.objects.filter(name=source).delete()  # somebody was killed in the middle of it
        target_merge(primary, secondary)
