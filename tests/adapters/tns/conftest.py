"""A stand-in for TNS, and the adapter that talks to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.tns import samples
from sharecore import Section
from sharecore.testing import FakeServer
from sharecore_tns.adapter import TnsAdapter
from sharecore_tns.config import TnsConfig
from standins.tns import Tns

Open = Callable[..., TnsAdapter]


@pytest.fixture
def there() -> Iterator[Tns]:
    with FakeServer() as server:
        yield Tns(server)
    assert server.bugs == []


@pytest.fixture
def opened(there: Tns) -> Iterator[Open]:
    adapters: list[TnsAdapter] = []

    def open(*, clock: Callable[[], float] = time.monotonic, **changes: Any) -> TnsAdapter:
        section = Section("tns", samples.settings(there.server.url, **changes))
        adapters.append(TnsAdapter(TnsConfig.read(section), clock=clock))
        return adapters[-1]

    yield open
    for each in adapters:
        each.close()
