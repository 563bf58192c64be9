"""Everybody, everywhere: each actor asks for each thing, and gets what the rule says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from tom.matrix import PAGE_ROWS, REST_ROWS, Actor, actors, check, make_world

if TYPE_CHECKING:
    from conftest import Tom

ACTORS = list(actors())
FEW = [
    actor for actor in ACTORS if actor.name.split()[0] in ("anonymous", "everything", "owner", "superuser")
]
STRANGERS = [actor for actor in ACTORS if not actor.changes_target and actor.name.split()[0] != "plain"]


def name(actor: Actor) -> str:
    return actor.name


@pytest.mark.parametrize("actor", ACTORS, ids=name)
def test_rest(tom: Tom, actor: Actor) -> None:
    assert check(actor, REST_ROWS, make_world(tom)) == []


@pytest.mark.parametrize("actor", ACTORS, ids=name)
def test_pages(tom: Tom, actor: Actor) -> None:
    assert check(actor, PAGE_ROWS, make_world(tom)) == []


@pytest.mark.parametrize("actor", FEW, ids=name)
def test_rest_where_rights_are_given_on_single_data(tom: Tom, actor: Actor) -> None:
    with override_settings(TARGET_PERMISSIONS_ONLY=False):
        assert check(actor, REST_ROWS, make_world(tom)) == []


@pytest.mark.parametrize("actor", STRANGERS, ids=name)
def test_a_target_that_all_may_see_gives_nobody_rights_to_its_shares(tom: Tom, actor: Actor) -> None:
    assert check(actor, REST_ROWS, make_world(tom, permissions="OPEN")) == []


def test_a_tom_with_a_target_model_of_its_own() -> None:
    """Its rights on targets are another app's. Settings cannot change that late: another process does."""
    here = Path(__file__)
    tests = [f"{here}::test_rest[{actor.name}]" for actor in FEW]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--ds=tomsite.custom_target",
            *tests,
        ],
        cwd=here.parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
