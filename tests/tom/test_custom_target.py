"""A TOM with a target model of its own: rights on its targets are another app's.

Settings cannot change that late: another process plays what depends on it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tom.matrix import few_actors

# what is played of it, the two databases play with the stock model, or it asks nothing of them
pytestmark = pytest.mark.any_database

HERE = Path(__file__).parent
PLAYED = [
    *(
        f"test_permission_matrix.py::{test}[{actor.name}]"
        for actor in few_actors()
        for test in (
            "test_rest_of_a_locked_tom_with_rights_on_single_data",
            "test_pages_of_a_locked_tom_with_rights_on_single_data",
        )
    ),
    "test_pages.py::test_a_share_is_made_with_what_was_chosen",
    "test_pages.py::test_chosen_data_of_every_kind_are_shared_once",
    "test_pages.py::test_the_tags_show_form_and_table_in_a_page_of_the_tom",
    "test_receiving_refusals.py::TestRights::test_on_the_target",
    "test_receiving_refusals.py::TestTargets::test_a_field_of_our_own_target_model",
    "test_receiving_refusals.py::TestTargets::test_made_as_the_tom_s_own_api_makes_it",
]


def test_its_pages_its_rest_and_what_it_receives() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds=tomsite.custom_target"]
    run = subprocess.run(
        [*command, *(f"{HERE / test}" for test in PLAYED)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
