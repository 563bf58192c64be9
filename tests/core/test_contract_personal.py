"""The contract of credentials that each person gives: a lamp keeps it, and bad lamps are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from core.lamp import stage
from core.personal_cheats import PERSONAL_CHEATS, Both, FirstComeFirstServed, personal
from patience import time_outs
from sharecore.testing import AdapterContract, FakeServer, HttpAdapterContract, MemoryPlugin, Subject


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestLampOfManyPeople(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return stage(server, personal(), time_outs(request)).subject


class TestMemoryOfManyPeople(AdapterContract):
    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        (kind,) = plugin.sharecore_destinations()
        return Subject(type=kind, settings={"PASSWORD": "pass"}, stored=lambda: plugin["example"].records)


@pytest.mark.parametrize(
    ("rule", "kind", "says"),
    PERSONAL_CHEATS,
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_bad_lamp_is_found(rule: str, kind: Any, says: str, server: FakeServer) -> None:
    FirstComeFirstServed.key.clear()
    Both.keys.clear()
    bench = stage(server, kind)
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(HttpAdapterContract(), f"test_{rule}")(bench)
    bench.close()
    assert re.search(says, str(caught.value))
