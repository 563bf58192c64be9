"""The webhook adapter keeps the contract of adapters."""

from __future__ import annotations

import pytest

from sharecore.testing import FakeServer, HttpAdapterContract, Subject, answer
from sharecore_webhook.plugin import sharecore_destinations

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestWebhook(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        server.on("POST", "/hooks/t0ken-in-the-path", answer(204))
        (kind,) = sharecore_destinations()
        settings = {
            "URL": f"{server.url}hooks/t0ken-in-the-path",
            "SECRET": SECRET,
            "ALLOW_PRIVATE": True,
            "MAX_BYTES": 100_000,
            "READ_TIMEOUT": 3,
            "CONNECT_TIMEOUT": 0.5,
        }
        return Subject(
            type=kind,
            settings=settings,
            secrets=[SECRET, "t0ken-in-the-path"],
            # A receiver keeps the ids that it has seen.
            stored=lambda: {request.headers["webhook-id"] for request in server.requests},
            server=server,
        )
