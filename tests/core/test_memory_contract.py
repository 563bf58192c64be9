"""The destination in memory keeps the contract that it is used to test others with."""

from __future__ import annotations

import pytest

from sharecore.testing import AdapterContract, MemoryPlugin, Subject


class TestMemory(AdapterContract):
    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        (kind,) = plugin.sharecore_destinations()
        return Subject(
            type=kind,
            settings={"PASSWORD": "pw-secret"},
            secrets=["pw-secret"],
            stored=lambda: plugin["example"].records,
        )
