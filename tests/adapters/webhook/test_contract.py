"""The webhook adapter keeps the contract of adapters."""

from __future__ import annotations

import pytest

from patience import time_outs
from sharecore.testing import FakeServer, HttpAdapterContract, Subject, answer
from sharecore_webhook.plugin import sharecore_destinations

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestWebhook(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        server.on("POST", "/hooks/t0ken-in-the-path", answer(204))
        (kind,) = sharecore_destinations()
        settings = {
            "URL": f"{server.url}hooks/t0ken-in-the-path",
            "SECRET": SECRET,
            "ALLOW_PRIVATE": True,
            "MAX_BYTES": 100_000,
            **time_outs(request),
        }
        return Subject(
            type=kind,
            settings=settings,
            secrets=[SECRET, "t0ken-in-the-path"],
            # A receiver keeps the ids that it has seen.
            stored=lambda: {request.headers["webhook-id"] for request in server.requests},
            server=server,
        )
