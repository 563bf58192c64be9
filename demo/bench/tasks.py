"""Tasks of an agent inside any TOM, with or without sharecore."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Model
from tom_dataproducts.data_processor import run_data_processor
from tom_dataproducts.models import DataProduct, PhotometryReducedDatum
from tom_targets.models import BaseTarget, PersistentShare, Target

_START = datetime(2026, 1, 1, tzinfo=UTC)
_numbers: Iterator[int] = count(1)
"""Each datum of a process has a time of its own."""

Answer = dict[str, Any]


def target(name: str) -> int:
    """Make a target; its primary key."""
    return int(Target.objects.create(name=name, type=Target.SIDEREAL, ra=150.1, dec=2.2).pk)


def share(target: int, destinations: Sequence[str]) -> None:
    """Share a target continuously with these destinations."""
    for destination in destinations:
        PersistentShare.objects.create(target_id=target, destination=destination)


def _unsaved(target: int) -> PhotometryReducedDatum:
    number = next(_numbers)
    return PhotometryReducedDatum(
        target_id=target,
        timestamp=_START + timedelta(seconds=number, microseconds=number * 37 % 1_000_000),
        brightness=18.0 + number % 4000 / 1000,
        brightness_error=0.02,
        bandpass="r",
        unit="AB",
        telescope="1m0",
        instrument="Sinistro",
        exposure_time=120.0,
    )


def save(target: int, number: int, pause: float = 0.0) -> Answer:
    """Save data one by one. seconds: what each took. at: when each was saved, by the clock of the machine."""
    seconds, at = [], []
    for row in [_unsaved(target) for _ in range(number)]:
        began = time.perf_counter()
        row.save()
        seconds.append(time.perf_counter() - began)
        at.append(time.time())
        time.sleep(pause)
    return {"seconds": seconds, "at": at}


def bulk_create(target: int, number: int) -> Answer:
    """Save data at once; the seconds that it took."""
    rows = [_unsaved(target) for _ in range(number)]
    began = time.perf_counter()
    PhotometryReducedDatum.objects.bulk_create(rows)
    return {"seconds": [time.perf_counter() - began]}


def process_file(target: int, number: int) -> Answer:
    """Have tomtoolkit's own processor read a file of photometry; the seconds that it took."""
    rows = [_unsaved(target) for _ in range(number)]
    mjd = [(row.timestamp - datetime(1858, 11, 17, tzinfo=UTC)) / timedelta(days=1) for row in rows]
    lines = ["time,magnitude,error,filter"]
    lines += [
        f"{time:.17g},{row.brightness!r},{row.brightness_error!r},{row.bandpass}"
        for time, row in zip(mjd, rows, strict=True)
    ]
    product = DataProduct.objects.create(
        target_id=target,
        product_id=f"bench-{next(_numbers)}",
        data_product_type="photometry",
        data=ContentFile("\n".join(lines).encode(), name=f"bench-{next(_numbers)}.csv"),
    )
    began = time.perf_counter()
    run_data_processor(product)
    return {"seconds": [time.perf_counter() - began]}


def fill_targets(number: int, prefix: str) -> None:
    """Make as many targets as that, by one statement."""
    insert_series(
        BaseTarget,
        number,
        name=f"'{prefix}' || n",
        type="'SIDEREAL'",
        ra="150.0 + n * 0.0001",
        dec="2.0",
        created=_moment("0"),
        modified=_moment("0"),
    )


def fill_photometry(targets: Sequence[int], number: int, own: int = 1) -> None:
    """Make as many photometry rows as that, by one statement, dealt out over the targets from the first on.

    own: one row in so many is this TOM's own, the same number on each target; the others are of an archive.
    """
    first = next(_numbers)
    for _ in range(number):
        next(_numbers)
    insert_series(
        PhotometryReducedDatum,
        number,
        target_id=f"{targets[0]} + (n - 1) % {len(targets)}",
        timestamp=_moment(f"{first} + n"),
        brightness="18.0 + (n % 4000) / 1000.0",
        brightness_error="0.02",
        bandpass="'r'",
        unit="'AB'",
        telescope="'1m0'",
        instrument="'Sinistro'",
        exposure_time="120.0",
        source_name=f"CASE WHEN (n - 1 + (n - 1) / {len(targets)}) % {own} = 0 THEN '' ELSE 'archive' END",
    )


def _moment(seconds: str) -> str:
    """SQL of a time so many seconds after the start."""
    if connection.vendor == "sqlite":
        return f"datetime('{_START:%Y-%m-%d}', '+' || ({seconds}) || ' seconds')"
    return f"(timestamptz '{_START.isoformat()}' + ({seconds}) * interval '1 second')"


def insert_series(model: type[Model], number: int, **columns: str) -> None:
    """Insert rows whose columns are SQL expressions of n = 1, 2, ...; the others have their default."""
    values: dict[str, str] = {}
    params: list[Any] = []
    for field in model._meta.concrete_fields:
        if field.attname in columns:
            values[str(field.column)] = columns[field.attname].replace("%", "%%")
        elif not field.primary_key:
            values[str(field.column)] = "%s"
            params.append(field.get_db_prep_save(field.get_default(), connection))
    quote = connection.ops.quote_name
    names = ", ".join(map(quote, values))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) "  # noqa: S608 - our own names
            f"WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {number}) "
            f"SELECT {', '.join(values.values())} FROM series",
            params,
        )
        if connection.vendor == "postgresql":
            cursor.execute(f"ANALYZE {quote(model._meta.db_table)}")


def primary_keys(prefix: str) -> list[int]:
    """Of the targets whose names begin so."""
    return list(
        BaseTarget.objects.filter(name__startswith=prefix).order_by("pk").values_list("pk", flat=True)
    )


def insert_alone(target: int, number: int, chunk: int = 1000) -> Answer:
    """Measure the physical limit: rows that the database takes in a second when nothing else is done."""
    rows = [_unsaved(target) for _ in range(number)]
    began = time.perf_counter()
    for at in range(0, number, chunk):
        PhotometryReducedDatum.objects.bulk_create(rows[at : at + chunk], ignore_conflicts=True)
    return {"seconds": [time.perf_counter() - began], "records": number}


def set_settings(values: Mapping[str, Any]) -> None:
    """Change settings of this process."""
    from django.conf import settings

    for name, value in values.items():
        setattr(settings, name, value)
