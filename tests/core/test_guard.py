"""Whatever the code of an adapter does, whoever called it goes on."""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import patience
from sharecore import (
    Accepted,
    Adapter,
    Batch,
    DestinationError,
    Destinations,
    DestinationType,
    PluginError,
    Preview,
    Registry,
    Unconfirmed,
    hookimpl,
    progress,
)
from sharecore.adapter_answers import Broken, GivenUp
from sharecore.dispatch import dispatch, guarded
from sharecore.guarded_adapter import Guarded
from sharecore.guarded_calls import MOST_LOST
from sharecore.plugin_errors import Escaped, contained
from sharecore.testing import example_file

MakeBatch = Callable[..., Batch]
ASKED = {
    "ready": lambda adapter, batch: adapter.ready(),
    "probe": lambda adapter, batch: adapter.probe(0.1),
    "deliver": lambda adapter, batch: dict(adapter.deliver(batch)),
    "deliver_file": lambda adapter, batch: adapter.deliver_file(example_file(), batch),
    "knows_target": lambda adapter, batch: adapter.knows_target(batch),
    "ensure_target": lambda adapter, batch: adapter.ensure_target(batch),
    "describe": lambda adapter, batch: adapter.describe(),
    "check": lambda adapter, batch: adapter.check(),
    "topics": lambda adapter, batch: adapter.topics(),
    "preview": lambda adapter, batch: adapter.preview(batch),
    "find": lambda adapter, batch: adapter.find(batch),
    "validate": lambda adapter, batch: adapter.validate(batch),
    "link": lambda adapter, batch: adapter.link("1"),
    "close": lambda adapter, batch: adapter.close(),
}
LIMIT = 60.0
"""Seconds for a call that is to come back; one that hangs uses them up at once."""
SECRET = "s3" + "cret"
ENDS = [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RecursionError]


class Lamp(Adapter):
    def deliver(self, batch: Batch) -> Any:
        return ((record.key, Accepted()) for record in batch.records)

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body="")


class Plugin:
    @hookimpl
    def sharecore_destinations(self) -> Any:
        yield DestinationType(kind="lamp", summary="", config=lambda section: None, open=lambda c: Lamp())


@pytest.fixture
def destination() -> Any:
    registry = Registry()
    registry.register(Plugin(), name="lamps", distribution="dist", version="1")
    return Destinations.parse({"x": {"ADAPTER": "lamp"}}, registry)["x"]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hang(over: threading.Event, looked_at_often: None) -> Callable[..., Any]:
    """What does not come back before the test is over, nor within the limit."""
    return patience.hanging(over.wait, LIMIT)


def lamp(**attributes: Any) -> Adapter:
    made: Adapter = type("Odd", (Lamp,), attributes)()
    return made


def raising(error: type[BaseException]) -> Callable[..., Any]:
    def method(self: Any, *_: Any) -> Any:
        raise error(SECRET)

    return method


@pytest.mark.parametrize("error", ENDS)
@pytest.mark.parametrize("method", ASKED)
def test_what_a_method_raises_ends_in_a_plugin_error_that_names_the_plugin(
    destination: Any,
    make_batch: MakeBatch,
    method: str,
    error: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapter = guarded(destination, lamp(**{method: raising(error)}))
    with pytest.raises(Broken, match=f"plugin 'lamps' .dist 1. failed: {error.__name__} at test_guard.py"):
        ASKED[method](adapter, make_batch("1"))
    assert "raise error" in caplog.text, "the log has the traceback"
    assert SECRET not in caplog.text
    assert not adapter.lost
    ASKED["topics" if method == "describe" else "describe"](adapter, make_batch())


@pytest.mark.parametrize("method", ASKED)
def test_a_call_that_does_not_come_back_is_given_up(
    destination: Any,
    make_batch: MakeBatch,
    method: str,
    hang: Callable[..., Any],
) -> None:
    adapter = Guarded(destination, lambda: lamp(**{method: hang}), seconds=LIMIT)
    with pytest.raises(GivenUp, match=f"plugin 'lamps' .dist 1. did not come back from {method}"):
        ASKED[method](adapter, make_batch("1"))
    assert adapter.lost
    with pytest.raises(DestinationError) as caught:
        dict(adapter.deliver(make_batch("1")))
    assert not isinstance(caught.value, GivenUp), "nothing was sent"
    adapter.close()


def test_an_adapter_that_cannot_be_opened_is_given_up(destination: Any, hang: Callable[..., Any]) -> None:
    with pytest.raises(GivenUp):
        Guarded(destination, hang, seconds=LIMIT)


def test_what_a_lost_call_had_in_hand_may_have_been_sent(
    destination: Any, make_batch: MakeBatch, hang: Callable[..., Any]
) -> None:
    adapter = Guarded(destination, lambda: lamp(deliver=hang), seconds=LIMIT)
    batch = make_batch("1")
    result = dispatch(Registry(), destination, adapter, batch)
    assert isinstance(result.results[batch.records[0].key], Unconfirmed)
    assert isinstance(result.stopped, DestinationError), "so that its breaker opens"
    again = dispatch(Registry(), destination, adapter, batch)
    assert again.unsent == (batch.records[0].key,)


def test_only_so_many_calls_are_given_up_at_a_time(
    destination: Any, make_batch: MakeBatch, over: threading.Event, hang: Callable[..., Any]
) -> None:
    opened: list[int] = []

    def adapter() -> Adapter:
        opened.append(1)
        return lamp(deliver=lambda *_: hang() and ())

    for _ in range(MOST_LOST):
        with pytest.raises(GivenUp):
            dict(Guarded(destination, adapter, seconds=LIMIT).deliver(make_batch("1")))
    with pytest.raises(DestinationError, match="restart"):
        Guarded(destination, adapter, seconds=LIMIT)
    assert len(opened) == MOST_LOST
    over.set()
    for thread in threading.enumerate():
        if thread.name == "sharecore-x-deliver":
            thread.join()
    assert dict(Guarded(destination, adapter).deliver(make_batch())) == {}


@pytest.mark.usefixtures("looked_at_often")
def test_a_call_that_gets_on_is_not_given_up(destination: Any, make_batch: MakeBatch) -> None:
    def work(seconds: float) -> None:
        patience.let_pass(seconds)
        time.sleep(patience.LOOKED_AT)

    def deliver(self: Any, batch: Batch) -> Any:
        for _ in range(3):
            progress()
            work(0.7 * LIMIT)
        progress(LIMIT)
        work(1.5 * LIMIT)
        for record in batch.records:
            work(0.4 * LIMIT)  # to say something is to get on
            yield record.key, Accepted()

    adapter, batch = Guarded(destination, lambda: lamp(deliver=deliver), seconds=LIMIT), make_batch(*"12345")
    assert dict(adapter.deliver(batch)) == {record.key: Accepted() for record in batch.records}
    progress()  # outside of a call it means nothing


def test_the_context_of_the_caller_is_that_of_the_call(destination: Any, make_batch: MakeBatch) -> None:
    variable = contextvars.ContextVar("variable", default="")
    variable.set("of the caller")
    seen: list[str] = []
    adapter = lamp(describe=lambda self: seen.append(variable.get()) or "")
    guarded(destination, adapter).describe()
    assert seen == ["of the caller"]


def test_what_is_to_be_done_in_a_thread_is_done_in_it(destination: Any) -> None:
    ends: list[str] = []
    adapter = Guarded(
        destination, lambda: lamp(), finish=lambda: ends.append(threading.current_thread().name)
    )
    adapter.describe()
    assert ends[-1] == "sharecore-x-describe"


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("max_batch", 0, 1),
        ("max_batch", -5, 1),
        ("max_batch", None, 1),
        ("max_batch", "20", 1),
        ("max_batch", 2.5, 1),
        ("max_batch", True, 1),
        ("batch_window_seconds", float("inf"), 0.0),
        ("batch_window_seconds", float("nan"), 0.0),
        ("batch_window_seconds", 1e9, 0.0),
        ("batch_window_seconds", -1, 0.0),
        ("batch_window_seconds", "10", 0.0),
        ("settle_time", 0, 60.0),
        ("settle_time", float("inf"), 60.0),
        ("settle_time", None, 60.0),
        ("can_update", "no", False),
        ("takes_files", 1, False),
        ("takes_records", 0, True),
        ("check_tests", 5, ""),
        ("max_batch", property(raising(SystemExit)), 1),
    ],
)
def test_a_limit_out_of_contract_is_replaced_and_told_once(
    destination: Any, name: str, value: Any, used: Any, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = guarded(destination, lamp(**{name: value}))
    assert getattr(adapter, name) == used
    adapter.describe()
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert len(told) == 1
    assert f"{name} of adapter 'lamp' of plugin 'lamps' (dist 1) must be" in told[0]
    assert [problem.what for problem in adapter.check()] == told, "a check tells people"


def test_limits_are_read_after_each_call(destination: Any) -> None:
    def ready(self: Any) -> None:
        self.can_update, self.max_batch = True, 7

    adapter = guarded(destination, lamp(ready=ready))
    adapter.ready()
    assert (adapter.can_update, adapter.max_batch) == (True, 7)


@pytest.mark.parametrize(
    ("method", "answer"),
    [("check", 7), ("check", ["bad"]), ("topics", None), ("preview", "{}"), ("describe", None), ("link", 1)],
)
def test_an_answer_of_a_wrong_type_is_an_error_of_the_plugin(
    destination: Any, make_batch: MakeBatch, method: str, answer: Any
) -> None:
    adapter = guarded(destination, lamp(**{method: lambda *_: answer}))
    with pytest.raises(PluginError, match=r"plugin 'lamps' \(dist 1\) answered with a"):
        ASKED[method](adapter, make_batch())


def test_an_answer_with_a_will_of_its_own_is_read_in_safety(destination: Any, make_batch: MakeBatch) -> None:
    class Odd(Mapping[Any, Any]):
        __iter__ = __getitem__ = __len__ = raising(SystemExit)

    adapter = guarded(destination, lamp(deliver=lambda self, batch: Odd(), find=lambda self, batch: Odd()))
    for method in ("deliver", "find"):
        with pytest.raises(Broken):
            ASKED[method](adapter, make_batch("1"))


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A shell that starts a run in the background lets it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_a_person_who_presses_ctrl_c_is_heard() -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(5)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), contained():
        press()
    with pytest.raises(Escaped), contained():
        raise KeyboardInterrupt
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("hears_ctrl_c")
def test_whoever_waits_for_a_call_can_be_interrupted(destination: Any, over: threading.Event) -> None:
    def press_and_hang(self: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        over.wait()

    adapter = Guarded(destination, lambda: lamp(check=press_and_hang))
    with pytest.raises(KeyboardInterrupt):
        adapter.check()
    assert adapter.lost
