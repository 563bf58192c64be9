"""The rules of reports: a good adapter passes them all, and each bad one is found out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from core.lamp import Morse, lamp, stage
from core.report_cheats import REPORT_CHEATS
from sharecore.testing import FakeServer, Fault, HttpAdapterContract, Subject, watched_sockets
from sharecore.testing.contract.http import SHORT


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestMorse(HttpAdapterContract):
    """The good one that takes reports passes every rule."""

    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        return stage(server, lamp(Morse)).subject


@pytest.mark.parametrize(
    ("rule", "kind", "given", "says"),
    REPORT_CHEATS,
    ids=[f"{number} {row[0]}" for number, row in enumerate(REPORT_CHEATS)],
)
def test_a_rule_finds_the_adapter_that_breaks_it(
    rule: str, kind: Any, given: dict[str, Any], says: str, server: FakeServer
) -> None:
    given = {name: Fault[fault] for name, fault in given.items()}
    bench = stage(server, kind)
    with (
        watched_sockets(longest=SHORT),
        pytest.raises((AssertionError, pytest.fail.Exception)) as caught,
    ):
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
    assert re.search(says, str(caught.value))
