"""What tests of several adapters need."""

from __future__ import annotations

import pytest

from sharecore_http import client


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hardly at all before a request is tried again; how long that is, the tests of the client say."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
