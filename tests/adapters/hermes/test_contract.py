"""The HERMES adapter keeps the contract of adapters, against a server that answers as HERMES does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from patience import time_outs
from sharecore.testing import Answer, FakeServer, HttpAdapterContract, Request, Subject, answer
from sharecore_hermes.plugin import sharecore_destinations

TOKEN = "0123456789abcdef0123456789abcdef01234567"

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestHermes(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        published: list[dict[str, Any]] = []

        def publish(request: Request) -> Answer:
            uuid = str(UUID(int=len(published) + 1))
            metadata = {"topic": "hermes.test", "timestamp": datetime.now(UTC).timestamp() * 1000}
            annotations = {"con_text_uuid": uuid, "retracted": False}
            message = {"metadata": metadata, "annotations": annotations, "message": request.json}
            published.insert(0, message)
            return answer(200, {"uuid": uuid})

        profile = {"email": "a@example.org", "writable_topics": ["hermes.test"], "credential_name": "a-1"}
        server.on("POST", "/api/v0/submit_message/", publish)
        server.on("POST", "/api/v0/submit_message/validate/", answer(200, {}))
        server.on("GET", "/api/v0/profile/", answer(200, profile))
        server.on("GET", "/api/v0/topics/", answer(200, {"topics": ["hermes.test"]}))
        server.on("GET", "/api/v0/query/", lambda _: answer(200, {"messages": published, "next": None}))
        server.on("GET", "/api/v0/query/message/.*", lambda request: answer(200, _of(request, published)))
        server.on("PATCH", "/api/v0/query/message/.*", answer(200, {"success": "true"}))
        (kind,) = sharecore_destinations()
        return Subject(
            type=kind,
            settings={
                "BASE_URL": server.url,
                "HERMES_API_KEY": TOKEN,
                "USER_TOPICS": ["hermes.test"],
                "EDITS": "retract",
                **time_outs(request),
            },
            secrets=[TOKEN],
            topic="hermes.test",
            server=server,
            delivers=lambda request: request.path == "/api/v0/submit_message/",
        )


def _of(request: Request, published: list[dict[str, Any]]) -> dict[str, Any]:
    uuid = request.path.split("/")[-2]
    return next(each for each in published if each["annotations"]["con_text_uuid"] == uuid)
