"""What a rule of the contract asks beside the one thing for which test_contract_kit.py has a bad adapter.

Each row is a lamp that differs in one thing, the rule that finds it, and what that rule says.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from core.lamp import (
    SECRET,
    TIME_OUT,
    Lamp,
    LampConfig,
    as_reply,
    caught,
    lamp,
    saying,
    stage,
    with_method,
    with_read,
)
from sharecore import (
    Absent,
    Accepted,
    AuthenticationFailed,
    ConfigurationError,
    DestinationError,
    Duplicate,
    Present,
    Preview,
    Rejected,
    Topic,
    Unsupported,
)
from sharecore.outcomes import Deferred
from sharecore.testing import FakeServer, Fault, HttpAdapterContract, watched_sockets
from sharecore.testing.contract.http import SHORT
from sharecore_http import NoAnswer, NotSent


def with_attributes(**attributes: Any) -> Any:
    return lamp(type("Bad", (Lamp,), attributes))


def answering(outcome: Any) -> Any:
    return with_method("deliver", saying(outcome))


def connecting_nowhere() -> Any:
    """Says that all is well, and connects to nothing."""
    nothing = {"find": lambda self, batch: None, "check": lambda self: ()}
    return lamp(type("Bad", (Lamp,), {"deliver": saying(Accepted()), **nothing}))


def before_delivering(do: Callable[[Any], Any]) -> Any:
    def deliver(self: Any, batch: Any) -> Any:
        do(batch)
        return Lamp.deliver(self, batch)

    return with_method("deliver", deliver)


def stops(batch: Any) -> None:
    raise DestinationError("no")


def complaining(section: Any) -> Any:
    section.problem("API_KEY", "is old", "Get a new one.")
    return LampConfig(section.url(), section.secret("API_KEY"), Lamp)  # type: ignore[arg-type]


def silent(section: Any) -> Any:
    if not str(section.raw("API_KEY", "")).startswith(SECRET):
        raise ConfigurationError([])
    return LampConfig.read(section)


def taking(*outcomes: Any) -> Any:
    """Takes files, and answers so to the first, the second ..."""
    left = list(outcomes)
    return with_attributes(takes_files=True, deliver_file=lambda self, file, batch: left.pop(0))


def finding(answer: Callable[[Any], Any]) -> Any:
    return with_method("find", lambda self, batch: answer(batch))


def alone(self: Any, batch: Any) -> Any:
    """Takes no record that has company."""
    if len(batch.records) == 1:
        return Lamp.deliver(self, batch)
    return ((record.key, Rejected(reason="too many")) for record in batch.records)


def after_no_answer(error: type[Exception]) -> Any:
    """Takes no answer for not sent, or for refused credentials."""

    def post(self: Any, record: Any) -> Any:
        try:
            return Lamp.post(self, record)
        except (NoAnswer, NotSent):
            raise error("no") from None

    return with_method("post", post)


def logging_it(error: Exception) -> Deferred:
    logging.getLogger("lamp").warning("No luck: %s", error)
    return Deferred(reason="no luck")


def swallowing(outcome: Callable[[Exception], Any]) -> Any:
    """Makes one thing of whatever `requests` raises."""

    def deliver(self: Any, batch: Any) -> Any:
        for record in batch.records:
            try:
                reply = requests.post(
                    f"{self.config.url}blinks/", json={"name": str(record.key)}, timeout=TIME_OUT
                )
                said = Lamp.read(self, record, as_reply(reply))
            except requests.RequestException as error:
                said = outcome(error)
            yield record.key, said

    return with_method("deliver", deliver)


def anonymous(self: Any, record: Any) -> Any:
    with requests.Session() as session:
        session.headers["User-Agent"] = ""
        url = f"{self.config.url}blinks/"
        return as_reply(session.post(url, json={"name": str(record.key)}, timeout=TIME_OUT))


def impatient(record: Any, reply: Any) -> Any:
    return reply.status in (429, 503) and Deferred(reason="busy", retry_after=2)


def backwards(record: Any, reply: Any) -> Any:
    return reply.status == 429 and Deferred(reason="busy", retry_after=-5)


def picky(record: Any, reply: Any) -> Any:
    fits = isinstance(reply.json, dict) and "id" in reply.json
    return reply.status < 300 and not fits and Rejected(reason="strange")


BAD: list[tuple[str, Any, dict[str, Any], str]] = [
    ("settings_that_work_are_read_without_complaint", lamp(read=complaining), {}, "is old"),
    ("bad_settings_are_told_as_problems", lamp(read=silent), {}, "without saying why"),
    ("limits_make_sense", with_attributes(settle_time=0.0), {}, "settle_time must be above 0"),
    ("limits_make_sense", with_attributes(batch_window_seconds=-1.0), {}, "batch_window_seconds"),
    ("every_example_gets_one_outcome", before_delivering(stops), {}, "stopped the call, not the record"),
    ("every_example_gets_one_outcome", answering(Rejected(reason=" ")), {}, "gives no reason"),
    ("every_example_gets_one_outcome", answering(Unsupported(reason="x", feature="")), {}, "no feature"),
    ("every_example_gets_one_outcome", answering("stored"), {}, "these are not outcomes: .'str'"),
    ("all_examples_in_one_batch", answering(Rejected(reason="no")), {}, "is not taken by a destination"),
    ("all_examples_in_one_batch", with_method("deliver", alone), {}, "takes none of the examples"),
    ("the_same_again_is_stored_once", lamp(), {"doubles": True}, "3 == 1"),
    (
        "a_file_sent_twice_is_there_once",
        taking(Accepted(), Rejected(reason="again")),
        {},
        "file that is there",
    ),
    (
        "a_file_sent_twice_is_there_once",
        with_method("deliver_file", lambda self, file, batch: Accepted()),
        {},
        "takes no files, and takes one",
    ),
    (
        "a_file_that_cannot_be_read_is_no_failure_of_the_destination",
        taking(Accepted()),
        {},
        "isinstance",
    ),
    ("what_was_delivered_is_not_lost_by_a_look_up", finding(lambda b: []), {}, "not a mapping"),
    ("what_was_delivered_is_not_lost_by_a_look_up", finding(lambda b: {"x": Absent()}), {}, "each record"),
    (
        "what_was_delivered_is_not_lost_by_a_look_up",
        finding(lambda b: {each.key: Rejected(reason="no") for each in b.records}),
        {},
        "to a record that is there",
    ),
    (
        "what_was_delivered_is_not_lost_by_a_look_up",
        finding(lambda b: {each.key: Duplicate() for each in b.records}),
        {},
        "not answers of find",
    ),
    (
        "an_edit_that_was_not_sent_is_not_found",
        finding(lambda b: {b.records[0].key: Present(content=b.records[0])}),
        {},
        "compare the content",
    ),
    ("records_stay_as_they_are", before_delivering(lambda b: b.previous.clear()), {}, "old-name"),
    ("records_stay_as_they_are", before_delivering(lambda b: b.target.extras.update(z="9")), {}, "0.1"),
    ("state_is_json", before_delivering(lambda b: b.state.update(seen=("a",))), {}, "comes back"),
    ("a_preview_is_text_of_a_type", with_method("preview", lambda self, batch: "{}"), {}, "isinstance"),
    (
        "a_preview_is_text_of_a_type",
        with_method("preview", lambda self, batch: Preview(content_type="json", body="{}")),
        {},
        "in 'json'",
    ),
    (
        "questions_are_answered_in_form",
        with_method("topics", lambda self: {Topic(name="a")}),
        {},
        "isinstance",
    ),
    ("questions_are_answered_in_form", with_method("topics", lambda self: ["a"]), {}, "all\\("),
    (
        "the_wait_that_is_asked_for_is_passed_on",
        with_read(impatient),
        {"status": 503, "form": "date"},
        "< 10",
    ),
    (
        "a_wait_that_makes_no_sense_is_ignored",
        with_read(backwards),
        {},
        "retry_after must be seconds",
    ),
    (
        "a_delivery_without_an_answer_is_unconfirmed",
        after_no_answer(DestinationError),
        {"fault": Fault.RESET},
        "the server resets",
    ),
    ("a_server_that_is_away_got_nothing", after_no_answer(AuthenticationFailed), {}, "DestinationError"),
    (
        "every_exception_of_requests_is_caught",
        swallowing(lambda error: Rejected(reason="no")),
        {"name": "ProxyError"},
        "ProxyError: Rejected",
    ),
    (
        "every_exception_of_requests_is_caught",
        swallowing(lambda error: Deferred(reason="no")),
        {"name": "ReadTimeout"},
        "nobody knows whether it arrived",
    ),
    (
        "every_exception_of_requests_is_caught",
        swallowing(logging_it),
        {"name": "ProxyError"},
        "a secret is shown",
    ),
    (
        "every_exception_of_requests_is_caught",
        answering(Deferred(reason="no")),
        {"name": "Timeout"},
        "was seen",
    ),
    (
        "an_answer_that_makes_no_sense_breaks_nothing",
        with_read(picky),
        {"body": b"<html></html>"},
        "it may be there",
    ),
    ("every_wait_has_an_end", connecting_nowhere(), {}, "no connection was seen"),
    ("it_says_who_it_is_and_keeps_no_cookies", caught(anonymous), {}, "User-Agent"),
    ("it_says_who_it_is_and_keeps_no_cookies", answering(Accepted()), {}, "requests"),
]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.mark.parametrize(
    ("rule", "kind", "given", "says"), BAD, ids=[f"{number} {row[0]}" for number, row in enumerate(BAD)]
)
def test_a_rule_finds_the_adapter_that_breaks_it(
    rule: str, kind: Any, given: dict[str, Any], says: str, server: FakeServer
) -> None:
    given = dict(given)
    bench = stage(server, kind, doubles=given.pop("doubles", False))
    longest = None if rule == "every_wait_has_an_end" else SHORT
    with watched_sockets(longest=longest), pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
    assert re.search(says, str(caught.value))
