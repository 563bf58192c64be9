"""The TOM adapter keeps the contract on each transport, against stand-ins behind a real socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from requests import PreparedRequest

from patience import time_outs
from sharecore.testing import Answer, FakeServer, HttpAdapterContract, Request, Subject
from sharecore_tom.plugin import sharecore_destinations
from sharecore_tom.transports import files
from standins.tom_transports import Sharing

pytestmark = pytest.mark.usefixtures("short_pauses")


def _subject(server: FakeServer, tom: Any, stored: Callable[[], Any], *paths: str, **more: object) -> Subject:
    def served(request: Request) -> Answer:
        query = "&".join(f"{key}={value}" for key, value in request.query.items())
        prepared = PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=f"https://tom.example.org{request.path}?{query}",
            headers=dict(request.headers),
            data=request.body,
        )
        status, headers, body = tom(prepared)
        return Answer(status=status, headers=headers, body=body.encode())

    for method in ("GET", "POST", "PATCH", "OPTIONS", "DELETE"):
        server.on(method, ".*", served)
    (kind,) = sharecore_destinations()
    login = {"BASE_URL": server.url, "API_KEY": "tok-1"}
    return Subject(
        type=kind,
        settings=login | more,
        secrets=["tok-1"],
        stored=stored,
        server=server,
        delivers=lambda request: request.writes and request.path in paths,
    )


class TestSingleRows(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, stand_in: Any, request: pytest.FixtureRequest) -> Subject:
        path = "/api/reduceddatums/"
        return _subject(server, stand_in, lambda: stand_in.rows, path, **time_outs(request))


class TestFiles(HttpAdapterContract):
    @pytest.fixture
    def subject(
        self,
        server: FakeServer,
        stand_in: Any,
        monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> Subject:
        monkeypatch.setattr(files, "AT_LEAST", 1)
        paths = ("/api/dataproducts/", "/api/reduceddatums/")
        more = {"BULK_UPLOAD": True, **time_outs(request)}
        return _subject(server, stand_in, lambda: stand_in.rows, *paths, **more)


class TestBatches(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, stand_in: Any, request: pytest.FixtureRequest) -> Subject:
        """Where a batch is refused in a way that tells of no sharecore, single rows are tried."""
        stand_in.sharing = Sharing()
        paths = ("/api/sharing/batch/", "/api/reduceddatums/")
        return _subject(server, stand_in, lambda: stand_in.sharing.stored, *paths, **time_outs(request))
