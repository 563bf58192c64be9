"""Targets are found on the pages by each spelling that tomtoolkit takes for equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tom_targets.models import TargetName

from tom_integration.pages import target_search

if TYPE_CHECKING:
    from tom.conftest import Tom


@pytest.mark.parametrize("typed", ["AT 2026lab", "at2026LAB", "AT-2026 lab", "(AT) 2026_lab"])
@pytest.mark.parametrize("alias", [False, True])
def test_each_spelling_finds_the_target(tom: Tom, typed: str, alias: bool) -> None:
    target, other = tom.target("ZTF26x" if alias else "AT 2026lab"), tom.target("AT 2026labb")
    if alias:
        TargetName.objects.create(target=target, name="AT 2026lab")
    user = tom.user(target, other)
    found, more = target_search.search(user, typed[:-1])
    assert ({each.pk for each in found}, more) == ({target.pk, other.pk}, False)
    assert found[-1].aliases == (("AT 2026lab",) if alias else ())
    assert target_search.exact(user, typed) == target


def test_the_very_name_goes_before_one_that_is_alike(tom: Tom) -> None:
    target, other = tom.target("AT 2026lab"), tom.target("AT2026lab")
    user = tom.user(target, other)
    assert target_search.exact(user, "at2026lab") == other
    assert target_search.exact(user, "AT-2026lab") is None


@pytest.mark.parametrize("typed", ["-", "--", "- -", "-5", "()"])
def test_dashes_alone_find_nothing_else(tom: Tom, typed: str) -> None:
    user = tom.user(tom.target("SN 2025a"))
    assert target_search.search(user, typed) == ([], False)
    assert target_search.exact(user, typed) is None
