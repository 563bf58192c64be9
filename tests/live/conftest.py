"""Real TOMs on loopback: receivers without sharecore, of both versions, and senders with it."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live.scenes import QUICK_LOGIN
from realtoms import PATIENT_SQLITE, Tom, User, make_tom, toolkit_version
from realtoms.processes import fork_from_now_on

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
# A stock TOM lets every user who has logged in create targets, and write to those.
SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")
# The permissions that the documentation of continuous sharing tells an operator to give.
OBSERVER = User(
    username="observer",
    password="observer-of-a-throw-away-tom",
    permissions=tuple(f"tom_targets.{verb}_persistentshare" for verb in ("view", "add", "change", "delete")),
)

_VARIABLE = "SHARECORE_RECEIVER_232_PYTHON"
_DEFAULT_232 = Path(__file__).parents[2] / ".venv-receiver-2.32" / "bin" / "python"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as live."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.live)


def _served(python: Path, version: str, name: str, folder: Path) -> Iterator[Tom]:
    found = toolkit_version(python)
    if not found.startswith(version):
        pytest.fail(f"{python} has tomtoolkit {found}; {name} is to be a TOM of {version}x")
    fork_from_now_on(python)
    tom = make_tom(
        folder / name,
        name=name,
        python=python,
        users=[ADMIN, SHARER],
        settings=QUICK_LOGIN,
        code=PATIENT_SQLITE,
    )
    try:
        yield tom.serve()
    finally:
        tom.remove()


@pytest.fixture(scope="session")
def receiver_31(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    """A stock TOM of tomtoolkit 3.x, served; ``sharing_entry("sharer")`` is how to share to it."""
    yield from _served(Path(sys.executable), "3.", "receiver-3", tmp_path_factory.mktemp("toms"))


@pytest.fixture(scope="session")
def receiver_232(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    """A stock TOM of tomtoolkit 2.32, served, from an environment of its own."""
    python = Path(os.environ.get(_VARIABLE) or _DEFAULT_232)
    if not python.exists():
        pytest.fail(
            f"no tomtoolkit 2.32 at {python}: `make test-live` installs it, {_VARIABLE} names another"
        )
    yield from _served(python, "2.32.", "receiver-2.32", tmp_path_factory.mktemp("toms"))


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Callable[..., Tom]]:
    """Make TOMs with sharecore: ``sender(DATA_SHARING={...})``; further keywords are settings.

    They are migrated and have the users ``admin`` and ``observer``, but are not served yet: ``serve()`` them,
    or run commands with ``manage()``. They are gone after the test.
    """
    made: list[Tom] = []

    def make(*, postgres: str | None = None, code: str = "", **settings: Any) -> Tom:
        name = f"sender-{len(made) + 1}"
        tom = make_tom(
            tmp_path / name,
            name=name,
            users=[ADMIN, OBSERVER],
            apps=["tom_integration"],
            settings=QUICK_LOGIN | settings,
            code=code,
            postgres=postgres,
        )
        made.append(tom)
        return tom

    yield make
    for tom in made:
        tom.remove()


@pytest.fixture
def target_name() -> str:
    """A name that no other test uses: the receivers live as long as the whole run."""
    return f"SN 2026{uuid.uuid4().hex[:10]}"
