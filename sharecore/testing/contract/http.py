"""Rules for adapters of a web API: all that a server can do to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sharecore.adapter import Adapter
from sharecore.exceptions import DeliveryError, DestinationError
from sharecore.outcomes import Absent, Deferred, Outcome, Present, Submitted, Unconfirmed
from sharecore.records import RecordKey
from sharecore.testing.answers import Answer, Fault
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.delivering import STORED, TAKEN
from sharecore.testing.contract.guest_http import OverHttp
from sharecore.testing.contract.rules import AdapterContract
from sharecore.testing.contract.subject import Subject
from sharecore.testing.contract.trouble import (
    BROKEN,
    MALFORMED,
    STATUSES,
    ask_everything,
    misread,
    with_status,
)
from sharecore.testing.server import HUGE_LIMIT, FakeServer
from sharecore.testing.sockets import watched_sockets

SHORT = 0.1
"""Seconds that a server that hangs costs a test, whatever the time-outs of the adapter are."""


class HttpAdapterContract(AdapterContract, OverHttp):
    """The rules for every adapter of a web API.

    Subclass it and override `subject`::

        class TestLamp(HttpAdapterContract):
            @pytest.fixture
            def subject(self, server):
                server.on("POST", "/api/blinks/", answer(201, {"id": "1"}))
                settings = {"BASE_URL": server.url, "API_KEY": "a-secret", "READ_TIMEOUT": 2}
                return Subject(type=LAMP, settings=settings, secrets=["a-secret"], server=server)
    """

    @pytest.fixture
    def server(self) -> Iterator[FakeServer]:
        """Yield a scripted server for `subject`; an exception in its script fails the test."""
        with FakeServer() as server:
            yield server
        assert server.bugs == [], "the script of the fake server has a bug"

    @pytest.fixture
    def bench(self, subject: Subject) -> Iterator[Bench]:
        """Yield the tools of `AdapterContract.bench`, where a server that hangs costs little time."""
        with watched_sockets(longest=SHORT):
            bench = Bench(subject)
            yield bench
            bench.close()

    @pytest.mark.parametrize("hundred", [200, 300, 400, 500, 900])
    def test_every_status_is_understood(self, bench: Bench, hundred: int) -> None:
        """Understand each status in answer to a delivery as RFC 9110 defines it, also one of no registry."""
        wrong: dict[int, str] = {}
        for status in (each for each in STATUSES if hundred <= each < hundred + 100):
            bench.server.recover()
            bench.server.will(with_status(bench, status), where=bench.subject.delivers)
            arrivals = bench.arrivals()
            call = bench.call(bench.open(), bench.batch(bench.record, state={}))
            complaint = misread(status, call, call.of(bench.record))
            if status in (502, 504) and len(arrivals.requests) > 1:
                complaint = "a gateway does not know what became of it, and it was sent again"
            if complaint:
                wrong[status] = f"{complaint}: {call.of(bench.record)!r}, {call.stopped!r}"
        assert not wrong, "\n".join(["", *(f"{status}: {what}" for status, what in wrong.items())])
        followed = [request.path for request in bench.server.requests if "elsewhere" in request.path]
        assert followed == [], "a redirect of a delivery was followed"

    @pytest.mark.parametrize("form", ["seconds", "date"])
    @pytest.mark.parametrize("status", [429, 503])
    def test_the_wait_that_is_asked_for_is_passed_on(self, bench: Bench, status: int, form: str) -> None:
        """Pass on `Retry-After` in both forms of RFC 9110, seconds and a date, in seconds."""
        until = datetime.now(UTC) + timedelta(seconds=120)
        asked = "120" if form == "seconds" else format_datetime(until, usegmt=True)
        bench.server.will(Answer(status=status, headers={"Retry-After": asked}), where=bench.subject.delivers)
        call = bench.call(bench.open(), bench.batch(bench.record))
        told = call.retry_after
        assert told is not None, f"Retry-After: {asked} is lost: {call}"
        assert abs(told - 120) < 10

    def test_a_wait_that_makes_no_sense_is_ignored(self, bench: Bench) -> None:
        """Ignore a `Retry-After` that cannot be read; no wait is negative or longer than a year."""
        for asked in ("", "soon", "-5", "1e9", "9" * 400, "Tue, 99 Foo 2026 99:99:99 GMT", "\xff"):
            bench.server.recover()
            bench.server.will(
                Answer(status=429, headers={"Retry-After": asked}), where=bench.subject.delivers
            )
            told = bench.call(bench.open(), bench.batch(bench.record, state={})).retry_after
            assert told is None or 0 <= told <= 86400 * 366, f"Retry-After: {asked[:20]!r} was read as {told}"

    @pytest.mark.parametrize("fault", BROKEN)
    def test_a_delivery_without_an_answer_is_unconfirmed(self, bench: Bench, fault: Fault) -> None:
        """Answer `Unconfirmed` after one request: it was out, and only a look-up can find its effect."""
        adapter, arrivals = bench.open(), bench.arrivals()
        bench.server.will(fault, where=bench.subject.delivers)
        call = bench.call(adapter, bench.batch(bench.record))
        assert isinstance(call.of(bench.record), Unconfirmed), f"the server {fault}: {call}"
        tries = len(arrivals.requests)
        assert tries == 1, f"the server {fault}, and it was sent {tries} times: it may be there already"

    def test_a_server_that_is_away_got_nothing(self, bench: Bench) -> None:
        """Keep the record due without a connection: `Unconfirmed` would cost a look-up, or a person."""
        adapter = bench.open()
        bench.server.close()
        call = bench.call(adapter, bench.batch(bench.record))
        outcome = call.of(bench.record)
        assert outcome is None or isinstance(outcome, Deferred), "nothing was sent, so nothing is uncertain"
        assert isinstance(call.stopped, DestinationError) or outcome is not None

    @pytest.mark.parametrize("body", MALFORMED, ids=[repr(each[:12]) for each in MALFORMED])
    def test_an_answer_that_makes_no_sense_breaks_nothing(self, bench: Bench, body: bytes) -> None:
        """Survive an answer 200 whose body is broken, empty or something else: the record may be there."""
        page = "text/html" if b"<" in body else "application/json"
        nonsense = Answer(status=200, body=body, headers={"Content-Type": page})
        adapter = bench.open()
        bench.server.will(nonsense, where=bench.subject.delivers)
        outcome = bench.call(adapter, bench.batch(bench.record)).of(bench.record)
        assert isinstance(outcome, (*TAKEN, Unconfirmed)), f"status 200 means that it may be there: {outcome}"

    def test_an_endless_answer_is_left(self, bench: Bench) -> None:
        """Stop reading an endless answer: it must not fill the memory of a TOM."""
        adapter = bench.open()
        bench.server.will(Fault.HUGE, where=bench.subject.delivers)
        bench.call(adapter, bench.batch(bench.record))
        assert bench.server.taken < HUGE_LIMIT, "it reads as much as a server cares to send"

    def test_a_slow_answer_is_left(self, bench: Bench) -> None:
        """Limit the whole answer: a byte now and then satisfies every time-out between two bytes."""
        adapter = bench.open()
        bench.server.will(Fault.DRIP, where=bench.subject.delivers)
        bench.call(adapter, bench.batch(bench.record))

    def test_every_wait_has_an_end(self, bench: Bench) -> None:
        """Set a time-out on every socket, while it connects and while it reads."""
        with watched_sockets() as watch:
            adapter, batch = bench.open(), bench.batch(bench.record)
            bench.call(adapter, batch)
            ask_everything(adapter, batch, bench.subject.report)
        assert watch.uses, "no connection was seen"
        assert watch.endless == [], "a time-out is missing"

    @pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET], ids=["stored", "not-stored"])
    def test_what_is_sent_again_after_no_answer_is_there_once(self, bench: Bench, fault: Fault) -> None:
        """Leave one copy after `Unconfirmed`, as the framework proceeds: `find`, then `deliver` of absent
        records.
        """
        adapter, batch = bench.open(), bench.batch(bench.record)
        bench.server.will(fault, where=bench.subject.delivers)
        bench.call(adapter, batch)
        bench.server.recover()
        answers = bench.find(adapter, bench.record)
        if answers is None:
            return  # nobody can tell; a person decides
        found = answers[bench.record.key]
        if fault is Fault.RESET:
            assert not isinstance(found, Present), "it found what never arrived"
        if isinstance(found, Absent):
            assert isinstance(bench.call(adapter, batch).of(bench.record), STORED)
        if bench.subject.stored is not None:
            assert len(bench.subject.stored()) == 1

    @pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET], ids=["stored", "not-stored"])
    def test_a_report_without_an_answer_is_unconfirmed(self, bench: Bench, fault: Fault) -> None:
        """Answer `Unconfirmed` after one request; say `Absent` only of a report that surely is not there."""
        adapter, arrivals = bench.open(), bench.arrivals()
        if not adapter.takes_reports:
            return
        bench.server.will(fault, where=bench.subject.delivers)
        outcome: object
        try:
            outcome = bench.call_with(bench.report, adapter)
        except DeliveryError as stop:
            outcome = stop
        assert isinstance(outcome, Unconfirmed), f"the server {fault}: {outcome!r}"
        tries = len(arrivals.requests)
        assert tries == 1, f"the server {fault}, and it was sent {tries} times: it may be there already"
        bench.server.recover()
        found = adapter.find_report(bench.report, bench.batch())
        if fault is Fault.LOST:
            assert not isinstance(found, Absent), (
                "find_report says that a report is not there which arrived: it would be sent twice"
            )
        else:
            assert not isinstance(found, Present), "find_report found what never arrived"

    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.GARBAGE, Fault.TRUNCATED, 401, 500, 503])
    def test_a_question_without_an_answer_settles_nothing(self, bench: Bench, fault: Fault | int) -> None:
        """Say nothing of a submitted record while the server is in trouble: it is asked about again."""
        outcomes = bench.deliver(bench.open(), bench.batch(bench.record)).outcomes
        submitted = outcomes.get(bench.record.key)
        if not isinstance(submitted, Submitted):
            return
        bench.server.will(fault if isinstance(fault, Fault) else Answer(status=fault))
        said: Mapping[RecordKey, Outcome] = {}
        with suppress(DeliveryError):
            said = bench.ask(bench.open(), bench.batch(), {bench.record.key: submitted.ticket})
        outcome = said.get(bench.record.key)
        assert outcome is None or isinstance(outcome, Submitted | Unconfirmed), (
            f"answers {outcome} to a question, while the server is in trouble ({fault})"
        )

    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.GARBAGE, Fault.TRUNCATED, 401, 404, 500, 503])
    def test_questions_survive_a_server_in_trouble(self, bench: Bench, fault: Fault | int) -> None:
        """Raise nothing but `DeliveryError` from a question."""
        adapter, batch = bench.open(), bench.batch(bench.record)
        bench.server.will(fault if isinstance(fault, Fault) else Answer(status=fault))
        ask_everything(adapter, batch, bench.subject.report)
        with suppress(DeliveryError):
            adapter.ensure_target(batch)
        with suppress(DeliveryError):
            adapter.send_test(batch)

    def test_a_check_finds_what_is_wrong(self, bench: Bench) -> None:
        """Report in `check` whether the destination works; where that cannot be told, give a warning."""
        for trouble, adapter in _of_no_use(bench):
            try:
                problems = adapter.check()
            except DeliveryError:
                continue
            assert problems, f"check finds all well while the server {trouble}"

    def test_a_test_fails_where_a_delivery_would(self, bench: Bench) -> None:
        """Report in `send_test` what came back: no answer, and a refusal, are no success."""
        for trouble, adapter in _of_no_use(bench):
            try:
                answer = adapter.send_test(bench.batch(bench.record))
            except DeliveryError:
                continue
            assert answer is None or any(each.fatal for each in answer.problems), (
                f"send_test says that all is well while the server {trouble}"
            )

    def test_a_server_that_is_away_does_not_answer_a_probe(self, bench: Bench) -> None:
        """Return True from `probe` only after an answer, since everything that waits is sent then."""
        adapter = bench.open()
        bench.server.close()
        try:
            answers = adapter.probe(1.0)
        except DeliveryError:
            return
        assert answers is False, "probe says that a server answers which is not there"


def _of_no_use(bench: Bench) -> Iterator[tuple[str, Adapter]]:
    """Yield what is wrong with the server, in words, and an open adapter that meets it."""
    adapter = bench.open()
    bench.server.will(Answer(status=401))
    yield "refuses everything (HTTP 401)", adapter
    adapter = bench.open()
    bench.server.close()
    yield "is away", adapter
