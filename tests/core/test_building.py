"""What fails while a message is built has not been sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from sharecore import (
    Batch,
    Deferred,
    DestinationError,
    PluginError,
    Record,
    Unsupported,
    before_sending,
    build_each,
)
from sharecore.adapter_answers import Broken


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_record_that_cannot_be_built_costs_itself_alone(
    make_batch: Callable[..., Batch], error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2"

    def build(record: Record) -> Any:
        if record.key.id == "2":
            raise error(secret)
        return Unsupported(reason="no", feature="x") if record.key.id == "3" else record.key.id

    one, two, three = make_batch("1", "2", "3").records
    made, outcomes = build_each((one, two, three), build)
    assert made == {one.key: "1"}
    assert isinstance(outcomes[two.key], Deferred)
    assert f"{error.__name__} at test_building.py" in outcomes[two.key].reason
    assert isinstance(outcomes[three.key], Unsupported)
    assert "raise error" in caplog.text
    assert secret not in caplog.text
    assert {each.levelno for each in caplog.records} == {logging.ERROR}


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_fails_for_all_stops_the_call_before_anything_was_sent(error: type[BaseException]) -> None:
    with (
        pytest.raises(PluginError, match=f"{error.__name__} at test_building.py") as caught,
        before_sending(),
    ):
        raise error
    assert not isinstance(caught.value, Broken), "nothing was sent"


def test_what_a_destination_says_meanwhile_passes(make_batch: Callable[..., Batch]) -> None:
    def build(record: Record) -> Any:
        raise DestinationError("down")

    with pytest.raises(DestinationError), before_sending():
        build_each(make_batch("1").records, build)
