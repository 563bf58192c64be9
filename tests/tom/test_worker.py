"""The worker: one step that fails keeps none of the others from running."""

from __future__ import annotations

import pytest

from tom_integration.runners.worker import Worker

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_sweep_that_fails_does_not_stop_the_scrub(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> list[int]:
        raise RuntimeError("the shares cannot be read")

    worker = Worker("command")
    ran: list[str] = []
    monkeypatch.setattr(worker._sweep, "channels", broken)
    monkeypatch.setattr(worker._sweep, "scrub", lambda: ran.append("scrub"))
    worker.run_once()
    assert ran == ["scrub"]
    assert "the sweep failed" in caplog.text
