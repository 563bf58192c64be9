"""A TOM that shared under tomtoolkit 2.32 moves to 3.x with sharecore: old data stay, new ones are sent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from live.scenes import query
from realtoms import Tom, User, compare, make_tom

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)

# As its operator and its telescopes left it. Its own sharing must not run, so nothing is saved one by one.
UNDER_2 = """
from tom_dataproducts.models import ReducedDatum
from tom_targets.models import PersistentShare, Target

target = Target.objects.create(name={name!r}, type="SIDEREAL", ra=10.5, dec=-3.25)
values = [
    ("photometry", {{"magnitude": 17.5, "error": 0.02, "filter": "r"}}),
    ("photometry", {{"limit": 21.5, "filter": "g"}}),
    ("spectroscopy", {{"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0]}}),
]
ReducedDatum.objects.bulk_create(
    ReducedDatum(target=target, data_type=kind, value=value, timestamp=f"2025-02-01T00:00:0{{number}}Z")
    for number, (kind, value) in enumerate(values)
)
PersistentShare.objects.create(target=target, destination="there")
"""
UNDER_3 = """
from django.core.management import call_command
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target

call_command("sharing", "deliver", "--once")
PhotometryReducedDatum.objects.create(
    target=Target.objects.get(name={name!r}), timestamp="2026-02-01T00:00:00Z", brightness=18.5, bandpass="r",
    unit="AB",
)
call_command("sharing", "deliver", "--once")
"""


@pytest.fixture
def old_tom(receiver_232: Tom, tmp_path: Path) -> Iterator[Tom]:
    """A TOM of 2.32 with a share from its time."""
    made = make_tom(tmp_path / "old", name="old", users=[ADMIN], python=receiver_232.python)
    yield made
    made.remove()


def test_a_tom_that_comes_from_2x(
    old_tom: Tom, sender: Callable[..., Tom], receiver_31: Tom, target_name: str
) -> None:
    old_tom.execute(UNDER_2.format(name=target_name))
    tom = sender(
        DATA_SHARING={"there": receiver_31.sharing_entry("sharer")},
        SHARECORE_RUNNER="command",
        SHARECORE_RESCAN_SECONDS=1.0,
        # as its settings had it: migrations of tomtoolkit 3.x look for it on the way from 2.x
        code="INSTALLED_APPS += ['tom_alerts']",
    )
    shutil.copy(old_tom.database, tom.database)
    tom.manage("migrate", "--no-input", "--verbosity", "0")
    tom.manage("migrate_reduced_datums")
    assert query(tom, "SELECT count(*) FROM tom_dataproducts_photometryreduceddatum") == [(2,)]
    tom.manage("check", "--database", "default")

    tom.execute(UNDER_3.format(name=target_name))
    found = compare(tom.database, receiver_31.database, [target_name])
    assert (found.records, found.arrived) == (4, 1), found.examples
    assert (found.duplicates, found.foreign) == (0, 0)
    states = query(tom, "SELECT state, count(*) FROM sharecore_delivery GROUP BY 1 ORDER BY 1")
    assert states == [("baseline", 3), ("delivered", 1)]
