"""The adapter of the page on destinations that answer later keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from documentation.samples import DOCS, samples_of
from sharecore import Accepted, DestinationType, Rejected, Submitted
from sharecore.call_delay import delays
from sharecore.testing import AdapterContract, Bench, FakeServer, Request, Subject, answer
from sharecore_http import HttpSettings

(SAMPLE,) = [each for each in samples_of(DOCS / "how-to" / "answer-later.md") if each.language == "python"]
CODE: dict[str, Any] = {}
exec(compile(SAMPLE.text, "answers_later.py", "exec"), CODE)  # noqa: S102 - the sample itself is tested


class Desk:
    """Takes reports, and has an answer once it has processed them."""

    def __init__(self, server: FakeServer) -> None:
        self.reports: list[list[str]] = []
        self.stored: list[str] = []
        self.done = 0
        server.on("POST", "/reports/", self.take)
        server.on("GET", "/reports/.*", self.tell)

    def take(self, request: Request) -> Any:
        self.reports.append(request.json["records"])
        return answer(202, {"report": len(self.reports)})

    def tell(self, request: Request) -> Any:
        number = request.path.strip("/").rpartition("/")[2]
        if not number.isdigit() or int(number) > self.done:
            return answer(404, {})
        told = {name: {"stored_as": name, "object": "AT 2026abc"} for name in self.reports[int(number) - 1]}
        return answer(200, {"records": told}, **{"x-rate-limit-remaining": "0", "x-rate-limit-reset": "40"})

    def process(self) -> None:
        for names in self.reports[self.done :]:
            self.stored += [name for name in names if name not in self.stored]
        self.done = len(self.reports)


def subject_of(server: FakeServer) -> Subject:
    desk = Desk(server)

    def read(section: Any) -> Any:
        read = section.url(), HttpSettings.read(section)
        section.finish()
        return read

    kind = DestinationType(
        kind="desk", summary="", config=read, open=lambda config: CODE["ReportDesk"](*config)
    )
    return Subject(
        type=kind,
        settings={"BASE_URL": server.url},
        server=server,
        stored=lambda: desk.stored,
        delivers=lambda request: request.method == "POST",
        process=desk.process,
    )


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


class TestReportDesk(AdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        return subject_of(server)


def test_it_says_later_what_became_of_a_record_and_keeps_to_the_rate_limit(server: FakeServer) -> None:
    bench = Bench(subject_of(server))
    adapter, batch = bench.open(), bench.batch(bench.record)
    first = bench.deliver(adapter, batch).of(bench.record)
    assert isinstance(first, Submitted)
    tickets = {bench.record.key: first.ticket}
    assert bench.ask(adapter, batch, tickets) == {bench.record.key: Submitted(ticket="1", ask_after=120)}
    bench.subject.process()
    with delays() as asked:
        there = bench.ask(adapter, batch, tickets)[bench.record.key]
    name = str(bench.record.key)
    assert there == Accepted(remote_id=name, target_name="AT 2026abc")
    assert asked == [40.0]
    server.will(answer(200, {"records": {name: {"refused": "no place"}}}))
    assert bench.ask(adapter, batch, tickets)[bench.record.key] == Rejected(reason="no place")
    bench.close()
