"""One batch on its way out, with plugins and adapters that do what they should not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sharecore import (
    Accepted,
    Adapter,
    AuthenticationFailed,
    Batch,
    ConfigurationError,
    ConvertRequest,
    Deferred,
    DeliveredReport,
    Destination,
    DestinationError,
    Destinations,
    DestinationType,
    Duplicate,
    InvalidRecord,
    Photometry,
    PluginError,
    Preview,
    Record,
    Registry,
    Rejected,
    Unconfirmed,
    Unsupported,
    Withheld,
    WithholdRequest,
    hookimpl,
)
from sharecore.dispatch import DispatchResult, dispatch

MakeBatch = Callable[..., Batch]
Answer = Callable[[Batch], Any]


class LampAdapter(Adapter):
    """Answers what the test says, and remembers what it was given."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.batches: list[Batch] = []

    def deliver(self, batch: Batch) -> Any:
        self.batches.append(batch)
        return self.answer(batch)

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body="")

    @property
    def sent(self) -> list[str]:
        return [record.key.id for batch in self.batches for record in batch.records]


def accept(batch: Batch) -> Mapping[Any, Any]:
    return {record.key: Accepted(remote_id=f"r{record.key.id}") for record in batch.records}


def stop(error: BaseException) -> Answer:
    def answer(batch: Batch) -> Any:
        raise error

    return answer


class SitePlugin:
    """Withholds, converts and listens as the test says, by the id of the record."""

    def __init__(self) -> None:
        self.withhold: dict[str, Any] = {}
        self.convert: dict[str, Any] = {}
        self.reports: list[DeliveredReport] = []

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        return [
            DestinationType(
                kind="lamp", summary="", config=lambda s: None, open=lambda c: LampAdapter(accept)
            )
        ]

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> Any:
        assert request.shared_by == "eve"
        return self.act(self.withhold, request.record)

    @hookimpl
    def sharecore_convert(self, request: ConvertRequest) -> Any:
        return self.act(self.convert, request.record)

    @hookimpl
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        self.reports.append(report)
        raise OSError

    def act(self, actions: dict[str, Any], record: Record) -> Any:
        action = actions.get(record.key.id)
        if isinstance(action, BaseException):
            raise action
        return action(record) if callable(action) else action


class Site:
    """A site with one plugin and one destination `x`."""

    def __init__(self, make_batch: MakeBatch) -> None:
        self.plugin = SitePlugin()
        self.registry = Registry()
        self.registry.register(self.plugin, name="site", distribution="dist", version="1")
        self.destination: Destination = Destinations.parse({"x": {"ADAPTER": "lamp"}}, self.registry)["x"]
        self.make_batch = make_batch

    def send(self, *ids: str, answer: Answer = accept, **fields: Any) -> tuple[DispatchResult, LampAdapter]:
        adapter = LampAdapter(answer)
        batch = self.make_batch(*ids, shared_by="eve", **fields)
        result = dispatch(self.registry, self.destination, adapter, batch)
        keys = {record.key for record in batch.records}
        assert set(result.results) | set(result.unsent) == keys, "a record without result"
        assert not set(result.results) & set(result.unsent)
        return result, adapter


@pytest.fixture
def site(make_batch: MakeBatch) -> Site:
    return Site(make_batch)


def by_id(result: DispatchResult) -> dict[str, Any]:
    return {key.id: value for key, value in result.results.items()}


class TestThatGoesWell:
    def test_each_record_gets_the_adapters_outcome(self, site: Site) -> None:
        def answer(batch: Batch) -> Any:
            first, second, third = (record.key for record in batch.records)
            return {third: Rejected(reason="no"), first: Accepted(), second: Duplicate(remote_id="7")}

        result, _ = site.send("1", "2", "3", answer=answer)
        assert by_id(result) == {"1": Accepted(), "2": Duplicate(remote_id="7"), "3": Rejected(reason="no")}
        assert (result.unsent, result.stopped) == ((), None)

    def test_the_adapter_may_note_something_for_the_next_call(self, site: Site) -> None:
        memory: dict[str, Any] = {}

        def answer(batch: Batch) -> Any:
            batch.state["target"] = 7
            return accept(batch)

        site.send("1", answer=answer, state=memory)
        assert memory == {"target": 7}

    def test_observers_are_told_of_every_record_and_cannot_change_it(self, site: Site) -> None:
        site.plugin.withhold["2"] = "no"
        result, _ = site.send("1", "2")
        (report,) = site.plugin.reports
        assert [record.key.id for record in report.records] == ["1", "2"]
        assert report.results == result.results
        with pytest.raises(TypeError):
            report.results[report.records[0].key] = Accepted()  # type: ignore[index]


class TestEmptyBatches:
    def test_no_records_ask_for_the_target(self, site: Site) -> None:
        result, adapter = site.send()
        assert len(adapter.batches) == 1
        assert result == DispatchResult(results={})
        assert site.plugin.reports == []

    def test_nothing_left_asks_for_nothing(self, site: Site) -> None:
        site.plugin.withhold["1"] = "no"
        result, adapter = site.send("1")
        assert adapter.batches == []
        assert by_id(result) == {"1": Withheld(reason="no")}

    def test_an_adapter_that_fails_for_the_target_alone_is_reported(self, site: Site) -> None:
        result, _ = site.send(answer=stop(KeyError("hunter2")))
        assert isinstance(result.stopped, PluginError)


class TestWithhold:
    def test_a_reason_keeps_only_that_record(self, site: Site) -> None:
        site.plugin.withhold["1"] = "proprietary"
        result, adapter = site.send("1", "2")
        assert adapter.sent == ["2"]
        assert by_id(result) == {"1": Withheld(reason="proprietary"), "2": Accepted(remote_id="r2")}

    @pytest.mark.parametrize("action", [ValueError("hunter2"), True, 0, InvalidRecord(field="a", reason="b")])
    def test_a_plugin_that_cannot_answer_defers_it(self, site: Site, action: object) -> None:
        site.plugin.withhold["1"] = action
        result, adapter = site.send("1", "2")
        assert adapter.sent == ["2"]
        outcome = by_id(result)["1"]
        assert isinstance(outcome, Deferred)
        assert "plugin 'site' (dist 1)" in outcome.reason
        assert "hunter2" not in outcome.reason


class TestConvert:
    def test_the_changed_record_is_sent_and_the_own_one_reported(self, site: Site) -> None:
        site.plugin.convert["1"] = lambda record: dataclasses.replace(record, bandpass="g")
        _, adapter = site.send("1")
        (sent,) = adapter.batches[0].records
        assert isinstance(sent, Photometry)
        assert sent.bandpass == "g"
        (told,) = site.plugin.reports[0].records
        assert isinstance(told, Photometry)
        assert told.bandpass == "r"

    @pytest.mark.parametrize(
        "action",
        [
            ValueError("hunter2"),
            "text",
            lambda record: dataclasses.replace(record, key=dataclasses.replace(record.key, id="9")),
        ],
    )
    def test_a_bad_conversion_defers_it(self, site: Site, action: object) -> None:
        site.plugin.convert["1"] = action
        result, adapter = site.send("1", "2")
        assert adapter.sent == ["2"]
        outcome = by_id(result)["1"]
        assert isinstance(outcome, Deferred)
        assert "plugin 'site' (dist 1)" in outcome.reason
        assert "hunter2" not in outcome.reason

    def test_what_cannot_be_expressed_is_unsupported(self, site: Site) -> None:
        site.plugin.convert["1"] = InvalidRecord(field="bandpass", reason="has no name there")
        result, _ = site.send("1", "2")
        outcome = by_id(result)["1"]
        assert isinstance(outcome, Unsupported)
        assert outcome.reason.startswith("bandpass: has no name there")
        assert by_id(result)["2"] == Accepted(remote_id="r2")


class TestStops:
    @pytest.mark.parametrize("kind", [AuthenticationFailed, DestinationError, PluginError])
    def test_what_was_decided_counts_and_the_rest_is_unsent(self, site: Site, kind: Any) -> None:
        def answer(batch: Batch) -> Any:
            raise kind("down", decided={batch.records[0].key: Accepted(remote_id="a")})

        site.plugin.withhold["3"] = "no"
        result, _ = site.send("1", "2", "3", answer=answer)
        assert by_id(result) == {"1": Accepted(remote_id="a"), "3": Withheld(reason="no")}
        assert [key.id for key in result.unsent] == ["2"]
        assert type(result.stopped) is kind
        assert [record.key.id for record in site.plugin.reports[0].records] == ["1", "3"]

    def test_nothing_decided_is_nothing_to_observe(self, site: Site) -> None:
        result, _ = site.send("1", answer=stop(DestinationError("down", retry_after=30.0)))
        assert isinstance(result.stopped, DestinationError)
        assert result.stopped.retry_after == 30.0
        assert site.plugin.reports == []

    def test_a_decided_record_without_valid_outcome_may_have_been_sent(self, site: Site) -> None:
        def answer(batch: Batch) -> Any:
            first = batch.records[0].key
            wrong: Any = {first: "ok", dataclasses.replace(first, id="alien"): Accepted()}
            raise DestinationError("down", decided=wrong)

        result, _ = site.send("1", "2", answer=answer)
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert [key.id for key in result.unsent] == ["2"]

    def test_wrong_settings_pass(self, site: Site) -> None:
        with pytest.raises(ConfigurationError):
            site.send("1", answer=stop(ConfigurationError([])))


class TestAdaptersWithBugs:
    def test_after_a_crash_every_record_may_have_been_sent(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = "hunter2"

        def crash(batch: Batch) -> Any:
            int(secret)

        site.plugin.withhold["2"] = "no"
        result, _ = site.send("1", "2", answer=crash)
        outcome = by_id(result)["1"]
        assert outcome == Unconfirmed(reason="adapter 'lamp' of plugin 'site' (dist 1) failed: ValueError")
        assert by_id(result)["2"] == Withheld(reason="no")
        assert isinstance(result.stopped, PluginError)
        assert "int(secret)" in caplog.text
        assert "hunter2" not in f"{caplog.text}{result}"

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit(), BaseException()])
    def test_what_is_meant_to_end_the_process_is_one_more_crash(
        self, site: Site, error: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        result, _ = site.send("1", answer=stop(error))
        assert "failed: " + type(error).__name__ in by_id(result)["1"].reason  # type: ignore[union-attr]
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert isinstance(result.stopped, PluginError)
        assert "test_dispatch.py" in caplog.text

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            (Accepted(remote_id=5), Accepted(remote_id="5")),  # type: ignore[arg-type]
            (Duplicate(remote_id=[5]), Duplicate()),  # type: ignore[arg-type]
            (Rejected(reason=ValueError("no"), field=1), Rejected(reason="no")),  # type: ignore[arg-type]
            (Unsupported(reason="no", feature=None), Unsupported(reason="no", feature="")),  # type: ignore[arg-type]
            (Deferred(reason="x", retry_after="60"), Deferred(reason="x")),  # type: ignore[arg-type]
            (Deferred(reason="x", retry_after=float("nan")), Deferred(reason="x")),
            (Deferred(reason="x", retry_after=float("inf")), Deferred(reason="x")),
        ],
    )
    def test_an_outcome_out_of_contract_counts_without_the_field(
        self, site: Site, given: Any, kept: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        result, _ = site.send("1", answer=lambda batch: {record.key: given for record in batch.records})
        assert by_id(result)["1"] == kept
        assert result.stopped is None
        assert "plugin 'site' (dist 1) answered out of contract" in caplog.text

    @pytest.mark.parametrize("answer", [None, [], "ok", 200])
    def test_no_mapping(self, site: Site, answer: object) -> None:
        result, _ = site.send("1", "2", answer=lambda batch: answer)
        assert all(isinstance(outcome, Unconfirmed) for outcome in result.results.values())
        assert isinstance(result.stopped, PluginError)

    @pytest.mark.parametrize("wrong", ["ok", None, Accepted, Withheld(reason="no")])
    def test_a_wrong_outcome_counts_for_that_record_only(self, site: Site, wrong: Any) -> None:
        result, _ = site.send("1", "2", answer=lambda b: {**accept(b), b.records[0].key: wrong})
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert by_id(result)["2"] == Accepted(remote_id="r2")
        assert isinstance(result.stopped, PluginError)

    def test_a_missing_outcome(self, site: Site) -> None:
        result, _ = site.send("1", "2", answer=lambda b: {b.records[0].key: Accepted()})
        assert by_id(result)["1"] == Accepted()
        assert isinstance(by_id(result)["2"], Unconfirmed)
        assert isinstance(result.stopped, PluginError)

    def test_an_outcome_too_many_is_logged_and_harmless(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        def answer(batch: Batch) -> Any:
            return {**accept(batch), dataclasses.replace(batch.records[0].key, id="alien"): Accepted()}

        result, _ = site.send("1", answer=answer)
        assert by_id(result) == {"1": Accepted(remote_id="r1")}
        assert result.stopped is None
        assert "1 records that it was not given" in caplog.text
