"""The adapter of chats keeps the contract of adapters, through the real library, at a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sharecore.testing import AdapterContract, FakeServer, Subject, answer
from sharecore_notify.plugin import sharecore_destinations


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestNotify(AdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        server.on("POST", "/rooms/t0ken-in-the-path", answer(200))
        (kind,) = sharecore_destinations()
        url = f"{server.url}rooms/t0ken-in-the-path".replace("http://", "json://")
        return Subject(type=kind, settings={"URL": url}, secrets=["t0ken-in-the-path"], server=server)
