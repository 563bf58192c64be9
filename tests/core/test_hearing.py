"""What an adapter says of a batch counts as it is said, however its call ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import hanging
from sharecore import (
    Accepted,
    Adapter,
    AuthenticationFailed,
    Batch,
    ConfigurationError,
    Deferred,
    DestinationError,
    Destinations,
    DestinationType,
    Duplicate,
    PluginError,
    Preview,
    RecordKey,
    Registry,
    Rejected,
    Submitted,
    TargetRefused,
    Unconfirmed,
    delay_next_call,
    hookimpl,
    secrets,
)
from sharecore.adapter_answers import GivenUp
from sharecore.call_delay import delays
from sharecore.call_thread import here
from sharecore.dispatch import DispatchResult, dispatch, follow
from sharecore.guarded_adapter import Guarded
from sharecore.testing import example_batch, example_record

BATCH = example_batch(*(example_record() for _ in range(4)))
KEYS = [record.key for record in BATCH.records]
ALIEN = example_record().key

Ends = Callable[[], object]


def raising(error: BaseException) -> Ends:
    def end() -> object:
        raise error

    return end


NOT_SENT: dict[str, Ends] = {
    "the destination is down": raising(DestinationError("down")),
    "it refuses us": raising(AuthenticationFailed("no")),
    "it refuses the target": raising(TargetRefused("no")),
    "the message cannot be built": raising(PluginError("no")),
}
"""What an adapter says of a call: all that it told nothing of was not sent."""
MAY_BE_SENT: dict[str, Ends] = {
    "it returns": lambda: None,
    "wrong settings": raising(ConfigurationError([])),
    **{each.__name__: raising(each()) for each in (KeyError, SystemExit, KeyboardInterrupt, GeneratorExit)},
}
"""What says nothing of the rest."""


class Talking(Adapter):
    """Says things, and comes to an end."""

    def __init__(self, things: list[Any], end: Ends) -> None:
        self._things = things
        self._end = end

    def deliver(self, batch: Batch) -> Iterator[Any]:
        yield from self._things
        self._end()

    def preview(self, batch: Batch) -> Preview:
        raise NotImplementedError


class Plugin:
    @hookimpl
    def sharecore_destinations(self) -> Any:
        yield DestinationType(kind="talking", summary="", config=lambda section: None, open=lambda c: None)  # type: ignore[arg-type, return-value]


REGISTRY = Registry()
REGISTRY.register(Plugin(), name="talking", distribution="dist", version="1")
DESTINATION = Destinations.parse({"x": {"ADAPTER": "talking"}}, REGISTRY)["x"]


LIMIT = 60.0


def sent(things: list[Any], end: Ends) -> DispatchResult:
    guarded = Guarded(DESTINATION, lambda: Talking(things, end), seconds=LIMIT)
    result = dispatch(REGISTRY, DESTINATION, guarded, BATCH)
    assert [key for key in KEYS if key in result.results or key in result.unsent] == KEYS
    assert not set(result.results) & set(result.unsent)
    return result


@pytest.mark.parametrize("end", NOT_SENT)
@pytest.mark.parametrize("said", range(5))
def test_what_was_said_before_it_stops_counts_and_the_rest_is_unsent(said: int, end: str) -> None:
    things = [(key, Accepted(remote_id=key.id)) for key in KEYS[:said]]
    result = sent(things, NOT_SENT[end])
    assert dict(result.results) == dict(things)
    assert list(result.unsent) == KEYS[said:]
    assert result.stopped is not None


@pytest.mark.parametrize("end", MAY_BE_SENT)
@pytest.mark.parametrize("said", range(5))
def test_what_was_said_before_it_breaks_counts_and_the_rest_may_be_sent(said: int, end: str) -> None:
    things = [(key, Accepted(remote_id=key.id)) for key in KEYS[:said]]
    result = sent(things, MAY_BE_SENT[end])
    assert not result.unsent
    assert [result.results[key] for key in KEYS[:said]] == [outcome for _, outcome in things]
    assert all(isinstance(result.results[key], Unconfirmed) for key in KEYS[said:])
    assert (result.stopped is None) == (end == "it returns" and said == 4)


@pytest.mark.usefixtures("looked_at_often")
@pytest.mark.parametrize("said", range(5))
def test_what_was_said_before_it_is_given_up_counts_and_the_rest_may_be_sent(said: int) -> None:
    over, things = threading.Event(), [(key, Duplicate()) for key in KEYS[:said]]
    result = sent(things, hanging(over.wait, LIMIT))
    over.set()
    assert not result.unsent
    assert [result.results[key] for key in KEYS[:said]] == [Duplicate()] * said
    assert all(isinstance(result.results[key], Unconfirmed) for key in KEYS[said:])
    assert isinstance(result.stopped, GivenUp)


@pytest.mark.usefixtures("looked_at_often")
def test_what_is_said_after_it_was_given_up_does_not_count() -> None:
    over = threading.Event()

    def late() -> Iterator[Any]:
        yield KEYS[0], Accepted()
        hanging(over.wait, LIMIT)()
        yield KEYS[1], Accepted()

    result = sent(late(), lambda: None)  # type: ignore[arg-type]
    over.set()
    assert result.results[KEYS[0]] == Accepted()
    assert isinstance(result.results[KEYS[1]], Unconfirmed)


OUTCOMES = [Accepted(), Accepted(remote_id="7"), Duplicate(), Rejected(reason="no"), Deferred(reason="later")]
VALID = st.tuples(st.sampled_from(KEYS), st.sampled_from(OUTCOMES))
ODD = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["ok", None, Accepted])),
    st.tuples(st.just(ALIEN), st.sampled_from(OUTCOMES)),
    st.sampled_from([None, "ok", KEYS[0], (), (1, 2, 3), ([], Accepted())]),
)


@given(
    things=st.lists(st.one_of(VALID, ODD), max_size=8),
    end=st.sampled_from([*NOT_SENT, *MAY_BE_SENT]),
)
def test_whatever_it_says_no_record_is_lost_and_none_is_sent_again_in_doubt(
    things: list[Any], end: str
) -> None:
    result = sent(things, (NOT_SENT | MAY_BE_SENT)[end])
    pairs = [each for each in things if isinstance(each, tuple) and len(each) == 2]
    understood = [each for each in pairs if each[0] in KEYS]
    for key in KEYS:
        said = [outcome for of, outcome in understood if of == key]
        if said and all(each in OUTCOMES and each == said[0] for each in said):
            assert result.results[key] == said[0], "what it said counts"
        elif said or len(understood) < len(things) or end in MAY_BE_SENT:
            assert isinstance(result.results[key], Unconfirmed), "it may be there"
        else:
            assert key in result.unsent


def asked(things: list[Any], end: Ends) -> tuple[Any, Any]:
    """The answers to a question for outcomes, and what stopped it."""

    class Asked(Talking):
        def deliver(self, batch: Batch) -> Iterator[Any]:
            raise AssertionError("a question sends nothing")

        def follow(self, batch: Batch, tickets: Mapping[RecordKey, str]) -> Iterator[Any]:
            return Talking.deliver(self, batch)

    guarded = Guarded(DESTINATION, lambda: Asked(things, end))
    return follow(DESTINATION, guarded, BATCH, dict.fromkeys(KEYS, "t"))


@given(
    things=st.lists(st.one_of(VALID, ODD), max_size=8),
    end=st.sampled_from([*NOT_SENT, *MAY_BE_SENT]),
)
def test_whatever_it_answers_a_question_only_what_it_says_clearly_counts(things: list[Any], end: str) -> None:
    """What it does not say is asked again: a question puts no record in doubt."""
    answers, stop = asked(things, (NOT_SENT | MAY_BE_SENT)[end])
    assert (stop is None) == (end == "it returns")
    pairs = [each for each in things if isinstance(each, tuple) and len(each) == 2]
    for key in KEYS:
        said = [outcome for of, outcome in pairs if of == key]
        clear = said and all(each in OUTCOMES and each == said[0] for each in said)
        assert answers.get(key) == (said[0] if clear else None)
    assert set(answers) <= set(KEYS)


def test_an_adapter_that_answers_at_once_knows_nothing_of_tickets() -> None:
    guarded = Guarded(DESTINATION, lambda: Talking([], lambda: None))
    assert follow(DESTINATION, guarded, BATCH, {KEYS[0]: "t"}) == ({}, None)


@pytest.mark.parametrize("ticket", ["", "x" * 201, "two\nlines", None, 1.5, "a secret token"])
def test_a_ticket_that_cannot_be_kept_leaves_the_record_in_doubt(
    ticket: Any, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.register("a secret token")
    try:
        result = sent([(key, Submitted(ticket=ticket, ask_after=5)) for key in KEYS], lambda: None)
    finally:
        secrets.forget()
    assert all(isinstance(each, Unconfirmed) for each in result.results.values())
    assert "ticket must be a text of 1 to 200 printable characters" in caplog.text
    assert "a secret token" not in caplog.text


def test_wrong_fields_of_a_submission_are_named_and_it_counts(caplog: pytest.LogCaptureFixture) -> None:
    result = sent([(key, Submitted(ticket=7, ask_after=-1)) for key in KEYS], lambda: None)  # type: ignore[arg-type]
    assert set(result.results.values()) == {Submitted(ticket="7", ask_after=60.0)}
    assert "ask_after must be seconds" in caplog.text


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", 7])
def test_a_name_of_the_target_that_cannot_be_kept_is_left_out(
    name: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = sent([(key, Accepted(target_name=name)) for key in KEYS], lambda: None)
    assert set(result.results.values()) == {Accepted()}
    assert "target_name must be a text of 1 to 100 printable characters or None" in caplog.text


@pytest.mark.parametrize("in_the_thread_of_the_caller", [True, False])
def test_a_call_can_ask_for_a_delay_before_the_next_one(in_the_thread_of_the_caller: bool) -> None:
    def end() -> None:
        delay_next_call(40)
        delay_next_call(2)

    with ExitStack() as stack:
        if in_the_thread_of_the_caller:
            stack.enter_context(here())
        noted = stack.enter_context(delays())
        sent([(key, Accepted()) for key in KEYS], end)
    assert noted == [40.0, 2.0]
    delay_next_call(5)  # outside of a call: nobody listens
    assert noted == [40.0, 2.0]
