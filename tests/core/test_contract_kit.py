"""Every rule of the contract bites: for each there is an adapter that breaks it, and is found out.

The lamp is a good adapter over HTTP; each bad one differs in one thing. Further: test_contract_bites.py.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
import requests

from core.cheats import CHEATS
from core.lamp import (
    LONG,
    PATIENCE,
    TIME_OUT,
    Lamp,
    LampConfig,
    as_reply,
    caught,
    lamp,
    plainly,
    stage,
    with_method,
    with_read,
)
from core.later_cheats import LATER_CHEATS
from core.personal_cheats import PERSONAL_CHEATS
from core.report_cheats import REPORT_CHEATS
from patience import let_pass, time_outs
from sharecore import Accepted, DestinationError, Present, Preview, Problem, Rejected
from sharecore.outcomes import Deferred
from sharecore.testing import (
    FakeClock,
    FakeServer,
    Fault,
    HttpAdapterContract,
    Request,
    Subject,
    answer,
    watched_sockets,
)
from sharecore.testing.contract.arrivals import Arrivals
from sharecore.testing.contract.http import SHORT
from sharecore.testing.contract.trouble import REQUESTS_EXCEPTIONS
from sharecore_http import Client

logger = logging.getLogger(__name__)


class TestTheLamp(HttpAdapterContract):
    """The good one passes every rule."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return stage(server, lamp(), time_outs(request)).subject


def loudly(config: Any) -> Any:
    logger.warning("opened with %s", config.key.reveal())
    return Lamp(config)


def hasty(config: Any) -> Any:
    requests.get(config.url, timeout=TIME_OUT)
    return Lamp(config)


def endless(self: Any, record: Any) -> Any:
    return as_reply(requests.post(self.config.url + "blinks/", json={"name": str(record.key)}))  # noqa: S113


def endlessly(self: Any, record: Any) -> Any:
    """Waits for each byte, however many come; here, where most of its time is over already."""
    let_pass(PATIENCE - 0.5)
    return plainly(self, record)


def forgetful(self: Any, batch: Any) -> Any:
    return ((record.key, Accepted()) for record in batch.records[1:])


def mutating(self: Any, batch: Any) -> Any:
    for record in batch.records:
        if "ok" in record.extra:
            record.extra["a"]["b"].append("mine")
    return Lamp.deliver(self, batch)


def noting(self: Any, batch: Any) -> Any:
    batch.state["seen"] = {record.key for record in batch.records}
    return Lamp.deliver(self, batch)


def fussy(self: Any, batch: Any) -> Any:
    """One record that it does not like spoils the batch."""
    if any(record.timestamp.year == 1970 for record in batch.records) and len(batch.records) > 1:
        raise DestinationError("no")
    return Lamp.deliver(self, batch)


def by_name(self: Any, batch: Any) -> Any:
    if not batch.target.name.isascii():
        raise DestinationError("what a name")
    return Lamp.deliver(self, batch)


def close_once(self: Any) -> None:
    del self.client


def with_session(self: Any, record: Any) -> Any:
    if not hasattr(self, "session"):
        self.session = requests.Session()
    return as_reply(
        self.session.post(self.config.url + "blinks/", json={"name": str(record.key)}, timeout=TIME_OUT)
    )


def no_number(section: Any) -> Any:
    section.raw("BASE_URL").rstrip("/")
    return LampConfig.read(section)


def without_reading(section: Any) -> Any:
    config = LampConfig.read(section)
    section._read.discard("API_KEY")
    return config


class Shouting(LampConfig):
    def __repr__(self) -> str:
        return f"LampConfig({self.key.reveal()})"


def shouting(section: Any) -> Any:
    config = LampConfig.read(section)
    return Shouting(config.url, config.key, config.http)


class Once(Lamp):
    """Refuses what it has sent before."""

    seen: ClassVar[set[Any]] = set()

    def deliver(self, batch: Any) -> Any:
        again = {record.key for record in batch.records} & self.seen
        self.seen.update(record.key for record in batch.records)
        if again:
            return ((record.key, Rejected(reason="again")) for record in batch.records)
        return super().deliver(batch)


class Boasting(Lamp):
    """Says that it takes files, and has no way to send one."""

    takes_files = True


class Blaming(Lamp):
    """Takes a file that cannot be read for a destination that does not answer."""

    takes_files = True

    def deliver_file(self, file: Any, batch: Any) -> Any:
        try:
            file.open()
        except OSError as error:
            raise DestinationError(str(error)) from None
        return Accepted()


class Vacant(Lamp):
    max_batch = 0


class Remembering(Lamp):
    """Says that what was not answered is there."""

    def find(self, batch: Any) -> Any:
        return {record.key: Present(content=record) for record in batch.records}


def deferred(record: Any, reply: Any) -> Any:
    return reply.status == 504 and Deferred(reason="later")


BAD: list[tuple[str, Any, dict[str, Any]]] = [
    ("test_settings_that_work_are_read_without_complaint", lamp(read=without_reading), {}),
    ("test_bad_settings_are_told_as_problems", lamp(read=no_number), {}),
    ("test_limits_make_sense", lamp(Vacant), {}),
    ("test_every_example_gets_one_outcome", with_method("deliver", forgetful), {}),
    ("test_every_example_gets_one_outcome", with_method("deliver", lambda self, batch: None), {}),
    ("test_every_example_gets_one_outcome", with_method("deliver", lambda self, batch: 1 / 0), {}),
    ("test_all_examples_in_one_batch", with_method("deliver", fussy), {}),
    ("test_every_target_is_taken_or_refused", with_method("deliver", by_name), {}),
    ("test_the_same_again_is_stored_once", lamp(Once), {}),
    ("test_a_file_sent_twice_is_there_once", lamp(Boasting), {}),
    ("test_a_file_that_cannot_be_read_is_no_failure_of_the_destination", lamp(Blaming), {}),
    ("test_what_was_delivered_is_not_lost_by_a_look_up", lamp(Remembering), {}),
    ("test_an_edit_that_was_not_sent_is_not_found", lamp(Remembering), {}),
    ("test_records_stay_as_they_are", with_method("deliver", mutating), {}),
    ("test_state_is_json", with_method("deliver", noting), {}),
    ("test_nothing_but_delivering_and_asking_uses_the_network", lamp(hasty), {}),
    (
        "test_a_preview_is_text_of_a_type",
        with_method("preview", lambda self, batch: Preview(content_type="application/json", body="{a: 1}")),
        {},
    ),
    ("test_questions_are_answered_in_form", with_method("check", lambda self: ["all is well"]), {}),
    (
        "test_questions_are_answered_in_form",
        with_method("check", lambda self: [Problem(where="x", what="is down", hint="Wait.")]),
        {},
    ),
    ("test_questions_are_answered_in_form", with_method("link", lambda self, remote_id: remote_id), {}),
    ("test_closing_twice_is_closing_once", with_method("close", close_once), {}),
    ("test_no_secret_is_shown", lamp(loudly), {}),
    ("test_no_secret_is_shown", lamp(read=shouting), {}),
    (
        "test_every_status_is_understood",
        with_read(lambda record, reply: reply.status == 404 and Accepted()),
        {"hundred": 400},
    ),
    (
        "test_every_status_is_understood",
        with_read(lambda record, reply: Rejected(reason="no")),
        {"hundred": 500},
    ),
    ("test_every_status_is_understood", with_read(deferred), {"hundred": 500}),
    (
        "test_every_status_is_understood",
        with_read(lambda record, reply: reply.status != 201 and Rejected(reason="not 201")),
        {"hundred": 200},
    ),
    ("test_every_status_is_understood", caught(plainly), {"hundred": 300}),
    (
        "test_the_wait_that_is_asked_for_is_passed_on",
        with_read(lambda record, reply: Deferred(reason="busy")),
        {"status": 429, "form": "date"},
    ),
    (
        "test_a_wait_that_makes_no_sense_is_ignored",
        with_read(
            lambda record, reply: Deferred(reason="busy", retry_after=float(reply.headers["retry-after"]))
        ),
        {},
    ),
    ("test_a_delivery_without_an_answer_is_unconfirmed", with_method("post", plainly), {"fault": "RESET"}),
    ("test_a_server_that_is_away_got_nothing", caught(plainly), {}),
    ("test_every_exception_of_requests_is_caught", with_method("post", plainly), {"name": "ReadTimeout"}),
    (
        "test_an_answer_that_makes_no_sense_breaks_nothing",
        with_read(lambda record, reply: reply.json["id"] and False),
        {"body": b"[]"},
    ),
    ("test_an_endless_answer_is_left", caught(plainly), {}),
    ("test_a_slow_answer_is_left", caught(endlessly), {}),
    ("test_every_wait_has_an_end", caught(endless), {}),
    ("test_what_is_sent_again_after_no_answer_is_there_once", lamp(Remembering), {"fault": "RESET"}),
    ("test_what_is_sent_again_after_no_answer_is_there_once", lamp(), {"fault": "LOST", "doubles": True}),
    (
        "test_questions_survive_a_server_in_trouble",
        with_method("check", lambda self: requests.get(self.config.url, timeout=TIME_OUT).json()),
        {"fault": 500},
    ),
    ("test_trouble_shows_no_secret", lamp(lambda config: Telling(config)), {}),
    ("test_it_says_who_it_is_and_keeps_no_cookies", caught(with_session), {}),
]


SAYS = {
    "test_settings_that_work_are_read_without_complaint": "nobody reads",
    "test_bad_settings_are_told_as_problems": "config raised AttributeError",
    "test_limits_make_sense": "max_batch",
    "test_every_example_gets_one_outcome": "missing: |deliver gave a NoneType|raised ZeroDivisionError",
    "test_all_examples_in_one_batch": "DestinationError",
    "test_every_target_is_taken_or_refused": "of every script",
    "test_the_same_again_is_stored_once": "delivered again",
    "test_a_file_sent_twice_is_there_once": "takes files, and answers Unsupported",
    "test_a_file_that_cannot_be_read_is_no_failure_of_the_destination": "blames the destination",
    "test_what_was_delivered_is_not_lost_by_a_look_up": "never sent",
    "test_an_edit_that_was_not_sent_is_not_found": "compare the content",
    "test_records_stay_as_they_are": "changed a value inside",
    "test_state_is_json": "kept as JSON",
    "test_nothing_but_delivering_and_asking_uses_the_network": "make no connection",
    "test_a_preview_is_text_of_a_type": "says JSON, and is none",
    "test_questions_are_answered_in_form": "answer with problems|has no problems|leads to a web page",
    "test_closing_twice_is_closing_once": "more than once",
    "test_no_secret_is_shown": "a secret is shown",
    "test_every_status_is_understood": "not there|not to blame|a gateway|2xx says|was followed",
    "test_the_wait_that_is_asked_for_is_passed_on": "is lost",
    "test_a_wait_that_makes_no_sense_is_ignored": "raised ValueError",
    "test_a_delivery_without_an_answer_is_unconfirmed": "raised ConnectionError",
    "test_a_server_that_is_away_got_nothing": "nothing is uncertain",
    "test_every_exception_of_requests_is_caught": "raised ReadTimeout",
    "test_an_answer_that_makes_no_sense_breaks_nothing": "raised TypeError",
    "test_an_endless_answer_is_left": "as much as a server cares to send",
    "test_a_slow_answer_is_left": f"deliver did not come back within {PATIENCE:g} s",
    "test_every_wait_has_an_end": "a time-out is missing",
    "test_what_is_sent_again_after_no_answer_is_there_once": "never arrived|2 == 1",
    "test_questions_survive_a_server_in_trouble": "check raised JSONDecodeError",
    "test_trouble_shows_no_secret": "a secret is shown",
    "test_it_says_who_it_is_and_keeps_no_cookies": "a cookie",
}
"""What a rule says to its bad adapters: that it failed for the right reason."""


class Telling(Lamp):
    """Logs what the server says, to whom it tells its secret."""

    def post(self, record: Any) -> Any:
        sent = {"X-Lamp": self.config.key.reveal()}
        reply = self.client.request("POST", "blinks/", json={"name": str(record.key)}, headers=sent)
        logging.getLogger("lamp").warning("It said: %s", reply.text)
        return reply


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.mark.usefixtures("looked_at_often")
@pytest.mark.parametrize(("rule", "kind", "given"), BAD, ids=[rule for rule, *_ in BAD])
def test_a_rule_finds_the_adapter_that_breaks_it(
    rule: str, kind: Any, given: dict[str, Any], server: FakeServer
) -> None:
    Once.seen = set()
    given = dict(given)
    bench = stage(server, kind, doubles=given.pop("doubles", False))
    if given.get("fault") in Fault.__members__:
        given["fault"] = Fault[given["fault"]]
    longest = None if rule == "test_every_wait_has_an_end" else SHORT
    with watched_sockets(longest=longest), pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(HttpAdapterContract(), rule)(bench, **given)
    assert re.search(SAYS[rule], str(caught.value))


def test_every_exception_that_requests_can_raise_for_a_call_is_played() -> None:
    """All but the one of `Response.json()`, which answers that make no sense provoke."""
    known = vars(requests.exceptions).values()
    errors = {each.__name__ for each in known if isinstance(each, type) and issubclass(each, OSError)}
    assert errors - {"JSONDecodeError"} == set(REQUESTS_EXCEPTIONS)


def test_there_is_a_bad_adapter_for_each_rule() -> None:
    rules = {name for name, _ in inspect.getmembers(HttpAdapterContract) if name.startswith("test_")}
    assert rules == {rule for rule, *_ in BAD} | {
        f"test_{rule}" for rule, *_ in (*CHEATS, *REPORT_CHEATS, *LATER_CHEATS, *PERSONAL_CHEATS)
    } | {"test_importing_it_does_nothing_else"}


def test_a_broken_rule_reads_well(tmp_path: Path) -> None:
    (tmp_path / "test_bad.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from sharecore import Accepted, Adapter, DestinationType, Preview
            from sharecore.testing import AdapterContract, Subject

            class Forgetful(Adapter):
                def deliver(self, batch):
                    return iter(())
                def preview(self, batch):
                    return Preview(content_type="text/plain", body="")

            class TestForgetful(AdapterContract):
                @pytest.fixture
                def subject(self):
                    kind = DestinationType(
                        kind="f", summary="", config=lambda section: None, open=lambda config: Forgetful()
                    )
                    return Subject(type=kind, settings={})

            class TestNothingGiven(AdapterContract):
                pass
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "DJANGO"))
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env=environment)
    assert done.returncode == 1
    assert "deliver must give one outcome per record; missing: ['6f0d3a52" in done.stdout
    assert "override the fixture `subject`" in done.stdout


def test_what_an_adapter_gave_up_is_not_counted_with_the_next_record(server: FakeServer) -> None:
    stored: list[str] = []
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def late(request: Any) -> Any:
        begun.set()
        go.wait(60)
        stored.append("late")
        ended.set()
        return answer(201)

    server.on("POST", "/", late)
    with pytest.raises(requests.Timeout):
        requests.post(server.url, timeout=0.1)
    assert begun.wait(60)
    later = threading.Timer(0.2, go.set)
    later.start()
    arrivals = Arrivals(lambda: stored, server, lambda request: request.writes)
    assert ended.wait(60)
    later.join()
    assert arrivals.entries == 0


def test_a_request_that_a_client_gave_up_half_way_is_none(server: FakeServer) -> None:
    server.on("POST", "/", lambda request: answer(201, request.json))
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as connection:
        connection.sendall(b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"a":')
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b"", "nobody answers what is no request"
    assert (server.requests, server.bugs) == ([], [])


def test_a_slow_answer_has_the_time_that_the_client_allows_and_one_that_never_comes_has_little(
    server: FakeServer,
) -> None:
    def slowly(request: Request) -> Any:
        time.sleep(3 * SHORT)
        return answer(200)

    server.on("GET", "/slow", slowly)
    with watched_sockets(longest=SHORT):
        assert requests.get(f"{server.url}slow", timeout=LONG["READ_TIMEOUT"]).status_code == 200
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{server.url}slow", timeout=SHORT)
        server.will(Fault.HANG)
        began = time.monotonic()
        with pytest.raises(requests.ReadTimeout):
            requests.get(server.url, timeout=LONG["READ_TIMEOUT"])
        assert time.monotonic() - began < LONG["READ_TIMEOUT"]


def test_running_sites_load_neither_pytest_nor_a_server() -> None:
    heavy = "{'pytest', 'http.server', 'requests'}"
    program = f"import sys, sharecore.testing.rounds; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "set()"


def test_the_fake_clock_lets_a_client_wait_without_waiting() -> None:
    clock = FakeClock()
    with FakeServer() as server:
        server.will(answer(429, Retry_After="4"), times=1)
        server.on("POST", "/x", answer(201))
        began = clock.now
        client = Client(server.url, sleep=clock.sleep, clock=clock)
        assert client.post("x", json={}).status == 201
        client.close()
    assert clock.slept == [4.0]
    assert (clock.now - began).total_seconds() == 4.0
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
