"""The HERMES adapter keeps the contract of adapters, against a server that answers as HERMES does."""

from __future__ import annotations

from itertools import count

import pytest

from sharecore.testing import FakeServer, HttpAdapterContract, Subject, answer
from sharecore_hermes.plugin import sharecore_destinations

TOKEN = "0123456789abcdef0123456789abcdef01234567"

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestHermes(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        numbers = count(1)
        profile = {"email": "a@example.org", "writable_topics": ["hermes.test"], "credential_name": "a-1"}
        server.on("POST", "/api/v0/submit_message/", lambda _: answer(200, {"uuid": f"uuid-{next(numbers)}"}))
        server.on("POST", "/api/v0/submit_message/validate/", answer(200, {}))
        server.on("GET", "/api/v0/profile/", answer(200, profile))
        (kind,) = sharecore_destinations()
        return Subject(
            type=kind,
            settings={
                "BASE_URL": server.url,
                "HERMES_API_KEY": TOKEN,
                "USER_TOPICS": ["hermes.test"],
                "READ_TIMEOUT": 1,
                "CONNECT_TIMEOUT": 0.5,
            },
            secrets=[TOKEN],
            topic="hermes.test",
            server=server,
            delivers=lambda request: request.path == "/api/v0/submit_message/",
        )
