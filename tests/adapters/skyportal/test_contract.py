"""The adapter of SkyPortal keeps the contract of adapters."""

from __future__ import annotations

import pytest

from patience import time_outs
from sharecore import Photometry, Spectrum
from sharecore.testing import FakeServer, HttpAdapterContract, Subject, example_record, example_report
from sharecore_skyportal import api
from sharecore_skyportal.plugin import sharecore_destinations
from standins.skyportal import TOKEN, SkyPortal

pytestmark = pytest.mark.usefixtures("short_pauses")


class TestSkyPortal(HttpAdapterContract):
    record: type = Photometry

    @pytest.fixture(autouse=True)
    def no_pace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The stand-in has no rate limit, and waiting for one is tested elsewhere."""
        monkeypatch.setattr(api, "RATE", 1e6)

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        there = SkyPortal(server)
        there.has_every_instrument = True
        (kind,) = sharecore_destinations()
        settings = {
            "BASE_URL": server.url,
            "TOKEN": TOKEN,
            "GROUPS_THERE": ["Supernovae", 3],
            "BANDPASS_MAP": {"r": "sdssr", "V": "bessellv"},
            "DEFAULT_INSTRUMENT": "Camera of ours",
            "DEFAULT_BRIGHTNESS_UNIT": "AB mag",
            **time_outs(request),
        }
        return Subject(
            type=kind,
            settings=settings,
            secrets=[TOKEN],
            record=example_record(self.record),
            report=example_report(
                form="classification",
                values={"class": "8/Ia", "probability": 0.9, "machine": False, "groups": ["Supernovae"]},
            ),
            stored=lambda: there.stored,
            server=server,
            delivers=lambda request: b'"origin"' in request.body,
        )


class TestSpectra(TestSkyPortal):
    """The same with a spectrum, which a repeat would double."""

    record = Spectrum
