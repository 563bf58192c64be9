"""What holds for every test: nothing is skipped, and nothing reaches the network but loopback."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Callable, Generator
from importlib import metadata
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import patience
from realtoms.processes import fork_from_now_on
from sharecore import secrets

# A busy machine is no failure. What is decorated before a profile is loaded does without it.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_configure() -> None:
    """The TOMs of the tests start at once; garbage is collected seldom."""
    fork_from_now_on(Path(sys.executable))
    gc.set_threshold(100_000, 20, 20)
    metadata.entry_points = _read_once(metadata.entry_points)


def _read_once(entry_points: Callable[..., Any]) -> Callable[..., Any]:
    """Read what is installed once for each path of Python: each change of settings looks for plugins anew."""
    known: dict[object, Any] = {}

    def remembered(**chosen: str) -> Any:
        key = (*sys.path, *chosen.items())
        if key not in known:
            known[key] = entry_points(**chosen)
        return known[key]

    return remembered


def pytest_collection_finish() -> None:
    """Leave what was imported out of each search for garbage: that took a seventh of the tests' time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure: what a test needs is there, or the run says by name that it is not."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped ({reason}); make what it needs, or deselect it by its marker"
        )
    return report


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine: no test may depend on, or write to, someone's service."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        networked = self.family in (socket.AF_INET, socket.AF_INET6)
        if networked and address[0] not in ("127.0.0.1", "::1", "localhost"):
            self.close()
            raise AssertionError(f"a test tried to connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a call of a plugin soon after its time is over: see `patience.let_pass`."""
    monkeypatch.setattr("sharecore.call_thread._LONGEST_WAIT", patience.LOOK)


@pytest.fixture(autouse=True)
def no_credentials_of_other_tests() -> None:
    """The process knows the credentials of its settings: another test's would hide texts of this one."""
    secrets.forget()
