"""The page about reports is true: its adapter passes the rules of reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from documentation.samples import DOCS, samples_of
from sharecore import DestinationType
from sharecore.testing import Bench, FakeServer, Fault, HttpAdapterContract, Subject, answer
from sharecore_http import Client, HttpSettings

RULES = ["forms_of_reports_can_be_filled_in", "what_is_said_of_a_report_belongs_to_a_field",
         "questions_about_a_report_send_none", "a_report_is_delivered_and_found"]  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def bench(server: FakeServer) -> Iterator[Bench]:
    written: dict[str, Any] = {"__name__": "star_reports"}
    page = DOCS / "how-to" / "take-reports.md"
    for sample in samples_of(page):
        if sample.language == "python":
            exec(compile(sample.text, str(page), "exec"), written)  # noqa: S102 - it is ours

    class StarLog(written["ReportsToStarLog"]):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            self._client = Client(*config)

        def deliver(self, batch: Any) -> Any:
            return iter(())

        def preview(self, batch: Any) -> Any:
            raise NotImplementedError

    kind = DestinationType(
        kind="star-log",
        summary="",
        config=lambda section: (section.url(), HttpSettings.read(section)),
        open=StarLog,
    )
    log: list[Any] = []

    def store(request: Any) -> Any:
        log.append(request.json)
        return answer(201, {"name": f"report-{len(log)}"})

    server.on("POST", "/reports/", store)
    server.on("GET", "/near/", answer(200, {"found": [{"name": "AT 2026abc", "distance": 0.4}]}))
    settings = {"BASE_URL": server.url}
    bench = Bench(
        Subject(type=kind, settings=settings, stored=lambda: log, server=server, report=written["REPORT"])
    )
    yield bench
    bench.close()


@pytest.mark.parametrize("rule", RULES)
def test_its_adapter_keeps_the_rules(bench: Bench, rule: str) -> None:
    getattr(HttpAdapterContract(), f"test_{rule}")(bench)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.RESET])
def test_its_adapter_knows_when_it_does_not_know(bench: Bench, fault: Fault) -> None:
    HttpAdapterContract().test_a_report_without_an_answer_is_unconfirmed(bench, fault)
