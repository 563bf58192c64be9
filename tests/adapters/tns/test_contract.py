"""The adapter of TNS keeps the contract of adapters, with a report in the place of a record."""

from __future__ import annotations

import pytest

from adapters.tns import samples
from patience import time_outs
from sharecore.testing import FakeServer, HttpAdapterContract, Subject
from sharecore_tns.plugin import sharecore_destinations
from standins.tns import KEY, Tns

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestTns(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        there = Tns(server)
        (kind,) = sharecore_destinations()
        settings = samples.settings(server.url, **time_outs(request))
        return Subject(
            type=kind,
            settings=settings,
            secrets=[KEY],
            record=None,
            report=samples.at_report(),
            stored=lambda: there.stored,
            server=server,
            delivers=lambda request: request.path == "/api/set/bulk-report",
        )
