"""The TOM adapter keeps the contract of adapters, against the stand-in of a 3.x TOM behind a real socket."""

from __future__ import annotations

from typing import Any

import pytest
from requests import PreparedRequest

from sharecore.testing import Answer, FakeServer, HttpAdapterContract, Request, Subject
from sharecore_tom.plugin import sharecore_destinations


class TestTom(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, stand_in: Any) -> Subject:
        def served(request: Request) -> Answer:
            query = "&".join(f"{key}={value}" for key, value in request.query.items())
            prepared = PreparedRequest()
            prepared.prepare(
                method=request.method,
                url=f"https://tom.example.org{request.path}?{query}",
                headers=dict(request.headers),
                data=request.body,
            )
            status, headers, body = stand_in(prepared)
            return Answer(status=status, headers=headers, body=body.encode())

        for method in ("GET", "POST", "PATCH", "OPTIONS"):
            server.on(method, ".*", served)
        (kind,) = sharecore_destinations()
        return Subject(
            type=kind,
            settings={"BASE_URL": server.url, "API_KEY": "tok-1", "READ_TIMEOUT": 1, "CONNECT_TIMEOUT": 0.5},
            secrets=["tok-1"],
            stored=lambda: stand_in.rows,
            server=server,
            delivers=lambda request: request.writes and request.path == "/api/reduceddatums/",
        )
