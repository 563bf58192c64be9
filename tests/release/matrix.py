"""The wheel on each Python and tomtoolkit that it supports: installed with pip, and one datum shared.

For each Python of this machine a fresh environment with the oldest tomtoolkit, in which a TOM is made and
migrated, checks itself, and shares a datum with a stock TOM. Then tomtoolkit is brought up to date under the
same TOM, and it shares another one. ``python -m release.matrix dist/*.whl [--python 3.12] [--quick]``
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from realtoms import PATIENT_SQLITE, Tom, TomError, User, compare, make_tom
from realtoms.service import tail
from release.pythons import VERSIONS, find

TOOLKITS = ("tomtoolkit==3.0.1", "tomtoolkit<4")
"""The oldest that the extra `tom` allows, and the newest."""
ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")
AT_ONCE = 2
LONGEST = 900.0
"""Seconds that one command may take."""

SHARE = """
from django.core.management import call_command
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target

target, new = Target.objects.get_or_create(name={name!r}, type="SIDEREAL", ra=10.5, dec=-3.25)
if new:
    PersistentShare.objects.create(target=target, destination="there")
PhotometryReducedDatum.objects.create(
    target=target, timestamp="2026-02-01T00:00:0{number}Z", brightness=17.5, bandpass="r", unit="AB"
)
call_command("sharing", "deliver", "--once")
"""
VERSIONS_THERE = """
import platform
from importlib.metadata import version
print(platform.python_version(), version("tomtoolkit"), version("django"), version("astropy"))
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one environment did. versions: of Python, tomtoolkit, Django and astropy."""

    versions: str
    seconds: float
    failure: str = ""


class _Failed(Exception):
    pass


def _run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        raise _Failed(f"{' '.join(map(str, command[:6]))}:\n{tail(done.stdout)}\n{tail(done.stderr)}")
    return done.stdout.strip()


def _environment(python: str, folder: Path) -> Path:
    _run(python, "-m", "venv", "--clear", folder)
    inner = folder / "bin" / "python"
    _run(inner, "-m", "pip", "install", "-q", "--upgrade", "pip")  # it needs half the time
    return inner


def _share(tom: Tom, receiver: Tom, number: int) -> None:
    name = f"SN {tom.name}"
    tom.manage("migrate", "--no-input", "--verbosity", "0")
    tom.manage("check", "--fail-level", "ERROR", "--database", "default")
    tom.manage("makemigrations", "sharecore", "--check", "--dry-run")
    tom.execute(SHARE.format(name=name, number=number))
    found = compare(tom.database, receiver.database, [name])
    if not (found.perfect and found.records == number):
        raise _Failed(f"of {found.records} data {found.arrived} arrived: {found.examples}")


def _cells(
    version: str, python: str, wheel: Path, receiver: Tom, folder: Path, toolkits: Sequence[str]
) -> list[Cell]:
    """One environment, with one tomtoolkit after the other; it is removed then."""
    cells: list[Cell] = []
    inner, tom = Path(), None
    for number, toolkit in enumerate(toolkits, start=1):
        began, versions = time.monotonic(), f"{version} {toolkit}"
        try:
            if tom is None:
                inner = _environment(python, folder / f"python{version}")
            _run(
                inner,
                "-m",
                "pip",
                "install",
                "-q",
                "--no-compile",  # most of what is installed is never imported
                "--upgrade",
                f"sharecore[tom] @ {wheel.as_uri()}",
                toolkit,
            )
            versions = _run(inner, "-c", VERSIONS_THERE)
            if tom is None:
                tom = make_tom(
                    folder / f"tom{version}",
                    name=f"tom-on-{version}",
                    users=[ADMIN],
                    python=inner,
                    apps=["tom_integration"],
                    settings={
                        "DATA_SHARING": {"there": receiver.sharing_entry("sharer")},
                        "SHARECORE_RUNNER": "command",
                    },
                )
            _share(tom, receiver, number)
        except (_Failed, TomError, subprocess.TimeoutExpired) as error:
            cells.append(Cell(versions, time.monotonic() - began, str(error)))
            break
        cells.append(Cell(versions, time.monotonic() - began))
    shutil.rmtree(folder / f"python{version}", ignore_errors=True)  # a gigabyte
    return cells


def _pythons(chosen: Sequence[str], quick: bool) -> dict[str, str]:
    """The Pythons to try, by version; what is missing is said. quick: one, which does not run this."""
    here = "{}.{}".format(*sys.version_info)
    wanted = [each for each in reversed(chosen or VERSIONS) if not (quick and each == here)]
    found: dict[str, str] = {}
    for version in wanted:
        if python := find(version):
            found[version] = python
            if quick:
                break
        else:
            print(f"Python {version} is not on this machine, so nothing is said about it.")
    return found


def main() -> int:
    """Run the matrix; 1 when a cell failed, or none could be tried and it was not to be quick."""
    parser = argparse.ArgumentParser(prog="python -m release.matrix", description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", action="append", choices=VERSIONS, help="only this version")
    parser.add_argument(
        "--quick", action="store_true", help="one other Python than this, with the oldest tomtoolkit"
    )
    chosen = parser.parse_args()
    os.environ.pop("PYTHONPATH", None)  # the environments have what pip put there
    pythons = _pythons(chosen.python or (), chosen.quick)
    if not pythons:
        return 0 if chosen.quick else 1
    toolkits = TOOLKITS[:1] if chosen.quick else TOOLKITS
    with (
        tempfile.TemporaryDirectory(prefix="sharecore-matrix-") as name,
        make_tom(
            Path(name) / "receiver", name="receiver", users=[ADMIN, SHARER], code=PATIENT_SQLITE
        ) as receiver,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        receiver.serve()
        work = [
            pool.submit(_cells, version, python, chosen.wheel.resolve(), receiver, Path(name), toolkits)
            for version, python in pythons.items()
        ]
        cells = [cell for each in work for cell in each.result()]
    print(f"{'python, tomtoolkit, django, astropy':40} seconds")
    for cell in cells:
        print(f"{cell.versions:40} {cell.seconds:7.0f}  {'FAILED' if cell.failure else 'ok'}")
    for cell in cells:
        if cell.failure:
            print(f"\n{cell.versions}: {cell.failure}")
    return 1 if any(cell.failure for cell in cells) else 0


if __name__ == "__main__":
    sys.exit(main())
