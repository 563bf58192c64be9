"""The destination in memory keeps the contract that it is used to test others with."""

from __future__ import annotations

import pytest

from core.test_reports import FORM
from sharecore.testing import AdapterContract, MemoryPlugin, Subject
from sharecore.testing.examples import example_report


class TestMemory(AdapterContract):
    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        plugin["example"].can_withdraw = True
        (kind,) = plugin.sharecore_destinations()
        return Subject(
            type=kind,
            settings={"PASSWORD": "pw-secret"},
            secrets=["pw-secret"],
            stored=lambda: plugin["example"].records,
        )


class TestMemoryWithReports(AdapterContract):
    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        destination = plugin["example"]
        destination.forms = [FORM]
        (kind,) = plugin.sharecore_destinations()
        return Subject(
            type=kind,
            settings={"PASSWORD": "pw-secret"},
            secrets=["pw-secret"],
            report=example_report(values={"reporter": "Eve"}),
            stored=lambda: [*destination.records, *destination.reports],
        )
