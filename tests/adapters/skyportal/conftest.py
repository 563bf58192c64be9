"""A stand-in for SkyPortal, and the adapter that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sharecore import Section
from sharecore.testing import FakeServer
from sharecore_skyportal import api
from sharecore_skyportal.adapter import SkyPortalAdapter
from sharecore_skyportal.config import SkyPortalConfig
from standins.skyportal import TOKEN, SkyPortal

MAPS = {"INSTRUMENT_MAP": {"fa12": "ZTF"}, "BANDPASS_MAP": {"r": "ztfr", "g": "ztfg"}}


@pytest.fixture
def there() -> Iterator[SkyPortal]:
    with FakeServer() as server:
        yield SkyPortal(server)
    assert server.bugs == []


Open = Callable[..., SkyPortalAdapter]


@pytest.fixture
def opened(there: SkyPortal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setattr(api, "RATE", 1e6)
    adapters: list[SkyPortalAdapter] = []

    def open_(**settings: Any) -> SkyPortalAdapter:
        given = {"BASE_URL": there.server.url, "TOKEN": TOKEN, "GROUPS_THERE": ["Supernovae"], **MAPS}
        adapters.append(SkyPortalAdapter(SkyPortalConfig.read(Section("fritz", given | settings))))
        return adapters[-1]

    yield open_
    for each in adapters:
        each.close()
