"""A new adapter, as it is written for an author, shares a record of a real TOM.

That its own tests pass is part of the tutorial (`test_adapter_tutorial`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtoms import User, make_tom
from sharecore.testing import FakeServer, Request, answer

SHARE = """
from datetime import datetime, timezone
from django.contrib.auth.models import User
from django.core.management import call_command
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target

user = User.objects.get(username="admin")
target = Target.objects.create(name="SN 2026xyz", type="SIDEREAL", ra=10.5, dec=-5.25)
PersistentShare.objects.create(target=target, destination="archive", user=user)
for brightness, limit in ((18.25, None), (None, 21.5)):
    PhotometryReducedDatum.objects.create(
        target=target, timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), bandpass="r",
        brightness=brightness, limit=limit, unit="AB", telescope="1m0",
    )
call_command("sharing", "deliver", "--once", verbosity=0)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command, run as in an environment where nobody set up Django."""
    hidden = ("DJANGO", "PYTEST")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new package, as the command writes it."""
    folder = tmp_path_factory.mktemp("author")
    run(sys.executable, "-m", "sharecore", "new-adapter", "archive", cwd=folder)
    return folder / "sharecore-archive"


@pytest.fixture(scope="module")
def python(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment: all that is installed here, and the wheel of the package."""
    run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", ".",
        cwd=package,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("operator") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=package)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    here = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=package).strip()
    (Path(here) / "what-is-installed-already.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = (package / "dist").glob("*.whl")
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel,
        cwd=package,
    )  # fmt: skip
    return python


def test_it_is_listed_with_its_distribution(python: Path, tmp_path: Path) -> None:
    plugins = json.loads(run(python, "-m", "sharecore", "adapters", "--json", cwd=tmp_path))
    found = {plugin["name"]: plugin for plugin in plugins}["archive"]
    assert (found["state"], found["reason"]) == ("active", "")
    assert (found["distribution"], found["version"]) == ("sharecore-archive", "0.1.0")
    assert found["kinds"] == [{"kind": "archive", "summary": "Archive"}]


@pytest.fixture
def archive() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def test_a_real_tom_shares_through_it(python: Path, archive: FakeServer, tmp_path: Path) -> None:
    stored: list[Any] = []

    def store(request: Request) -> Any:
        stored.append(request.json)
        return answer(201, {"id": len(stored)})

    archive.on("POST", "/api/records/", store)
    admin = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
    entry = {"ADAPTER": "archive", "BASE_URL": archive.url, "API_KEY": "a-key-of-the-archive"}
    tom = make_tom(
        tmp_path / "tom",
        name="tom-with-a-plugin",
        users=[admin],
        python=python,
        apps=["tom_integration"],
        settings={"DATA_SHARING": {"archive": entry}},
    )
    try:
        tom.execute(SHARE)
    finally:
        tom.remove()
    assert [(each["target"], each["kind"]) for each in stored] == [
        ("SN 2026xyz", "photometry"),
        ("SN 2026xyz", "photometry-limit"),
    ]
    detection, limit = stored
    assert (detection["brightness"], detection["unit"], detection["bandpass"]) == (18.25, "AB", "r")
    assert limit["limit"] == 21.5
    assert "brightness" not in limit
    assert {request.headers["authorization"] for request in archive.requests} == {
        "Token a-key-of-the-archive"
    }
