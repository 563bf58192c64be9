"""One batch on its way out, with plugins and adapters that do what they should not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sharecore import (
    Accepted,
    Adapter,
    AuthenticationFailed,
    Batch,
    ConfigurationError,
    ConvertRequest,
    DataFile,
    Deferred,
    DeliveredReport,
    DeliveryError,
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
    RecordKey,
    Registry,
    Rejected,
    TargetRefused,
    Unconfirmed,
    Unsupported,
    Withheld,
    WithholdRequest,
    hookimpl,
)
from sharecore.dispatch import DispatchResult, dispatch, ensure_target
from sharecore.testing import example_file

MakeBatch = Callable[..., Batch]
Answer = Callable[[Batch], Any]


class LampAdapter(Adapter):
    """Answers what the test says, and remembers what it was given."""

    def __init__(self, answer: Answer, error: BaseException | None = None) -> None:
        self.answer = answer
        self.error = error
        self.batches: list[Batch] = []
        self.targets: list[Batch] = []

    def ensure_target(self, batch: Batch) -> None:
        self.targets.append(batch)
        if self.error is not None:
            raise self.error

    def deliver(self, batch: Batch) -> Any:
        self.batches.append(batch)
        return self.answer(batch)

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body="")

    @property
    def sent(self) -> list[str]:
        return [record.key.id for batch in self.batches for record in batch.records]


def accept(batch: Batch) -> Iterator[tuple[RecordKey, Any]]:
    for record in batch.records:
        yield record.key, Accepted(remote_id=f"r{record.key.id}")


def stop(error: BaseException) -> Answer:
    return then(lambda batch: [], error)


def then(says: Answer, error: BaseException) -> Answer:
    """Says something, and then raises."""

    def answer(batch: Batch) -> Any:
        yield from says(batch)
        raise error

    return answer


def alien(batch: Batch) -> RecordKey:
    return dataclasses.replace(batch.records[0].key, id="alien")


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

    def send(
        self, *ids: str, answer: Answer = accept, refused: DeliveryError | None = None, **fields: Any
    ) -> tuple[DispatchResult, LampAdapter]:
        adapter = LampAdapter(answer)
        batch = self.make_batch(*ids, shared_by="eve", **fields)
        result = dispatch(self.registry, self.destination, adapter, batch, refused=refused)
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
            yield third, Rejected(reason="no")
            yield first, Accepted()
            yield second, Duplicate(remote_id="7")

        result, _ = site.send("1", "2", "3", answer=answer)
        assert by_id(result) == {"1": Accepted(), "2": Duplicate(remote_id="7"), "3": Rejected(reason="no")}
        assert (result.unsent, result.stopped) == ((), None)

    def test_the_adapter_may_note_something_for_the_next_call(self, site: Site) -> None:
        state: dict[str, Any] = {}

        def answer(batch: Batch) -> Any:
            batch.state["target"] = 7
            return accept(batch)

        site.send("1", answer=answer, state=state)
        assert state == {"target": 7}

    def test_the_end_of_a_reason_to_withhold_is_passed_on(self, site: Site) -> None:
        free = Withheld(reason="proprietary", until=datetime(2027, 1, 1, tzinfo=UTC))
        site.plugin.withhold["1"] = free
        result, _ = site.send("1", "2")
        assert by_id(result) == {"1": free, "2": Accepted(remote_id="r2")}

    def test_names_are_mapped_after_the_hooks_and_the_site_is_told_of_its_own(self, site: Site) -> None:
        settings = {"ADAPTER": "lamp", "BANDPASS_MAP": {"rp": "Sloan r"}}
        site.destination = Destinations.parse({"x": settings}, site.registry)["x"]
        site.plugin.convert["1"] = lambda record: dataclasses.replace(record, bandpass="rp")
        _, adapter = site.send("1", "2")
        assert [each.bandpass for each in adapter.batches[0].records] == ["Sloan r", "r"]  # type: ignore[union-attr]
        (report,) = site.plugin.reports
        assert [each.bandpass for each in report.records] == ["r", "r"]  # type: ignore[union-attr]

    def test_observers_are_told_of_every_record_and_cannot_change_it(self, site: Site) -> None:
        site.plugin.withhold["2"] = "no"
        result, _ = site.send("1", "2")
        (report,) = site.plugin.reports
        assert [record.key.id for record in report.records] == ["1", "2"]
        assert report.results == result.results
        with pytest.raises(TypeError):
            report.results[report.records[0].key] = Accepted()  # type: ignore[index]


class TestMakingTheTargetKnown:
    def known(
        self, site: Site, *ids: str, file: DataFile | None = None, error: BaseException | None = None
    ) -> LampAdapter:
        adapter = LampAdapter(accept, error)
        batch = site.make_batch(*ids, shared_by="eve")
        ensure_target(site.registry, site.destination, adapter, batch, file)
        return adapter

    def test_the_records_that_follow_are_given_as_they_will_leave(self, site: Site) -> None:
        site.plugin.withhold["1"] = "no"
        site.plugin.convert["2"] = lambda record: dataclasses.replace(record, bandpass="g")
        (batch,) = self.known(site, "1", "2").targets
        assert [record.key.id for record in batch.records] == ["2"]
        assert isinstance(batch.records[0], Photometry)
        assert batch.records[0].bandpass == "g"

    def test_nothing_is_told_of_a_target_whose_data_are_kept_here(self, site: Site) -> None:
        site.plugin.withhold["1"] = "no"
        assert not self.known(site, "1").targets
        file = example_file()
        site.plugin.withhold[file.key.id] = "no"
        assert not self.known(site, file=file).targets
        assert not self.known(site, file=example_file()).targets, "it takes no files"

    def test_a_person_shares_a_target_alone(self, site: Site) -> None:
        assert len(self.known(site).targets) == 1

    def test_nothing_is_sent_where_it_failed(self, site: Site) -> None:
        site.plugin.withhold["3"] = "no"
        refused = TargetRefused("no")
        result, adapter = site.send("1", "2", "3", refused=refused)
        assert not adapter.batches
        assert by_id(result) == {"3": Withheld(reason="no")}
        assert [key.id for key in result.unsent] == ["1", "2"]
        assert result.stopped is refused

    @pytest.mark.parametrize("error", [KeyError("hunter2"), SystemExit(1)])
    def test_a_bug_in_it_is_one_of_the_plugin(self, site: Site, error: BaseException) -> None:
        with pytest.raises(PluginError, match="failed: "):
            self.known(site, "1", error=error)


class TestNothingToSend:
    def test_nothing_left_asks_for_nothing(self, site: Site) -> None:
        site.plugin.withhold["1"] = "no"
        result, adapter = site.send("1")
        assert adapter.batches == []
        assert by_id(result) == {"1": Withheld(reason="no")}


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
    def test_what_was_said_counts_and_the_rest_is_unsent(self, site: Site, kind: Any) -> None:
        site.plugin.withhold["3"] = "no"
        says = lambda batch: [(batch.records[0].key, Accepted(remote_id="a"))]  # noqa: E731
        result, _ = site.send("1", "2", "3", answer=then(says, kind("down")))
        assert by_id(result) == {"1": Accepted(remote_id="a"), "3": Withheld(reason="no")}
        assert [key.id for key in result.unsent] == ["2"]
        assert type(result.stopped) is kind
        assert [record.key.id for record in site.plugin.reports[0].records] == ["1", "3"]

    def test_nothing_said_is_nothing_to_observe(self, site: Site) -> None:
        result, _ = site.send("1", answer=stop(DestinationError("down", retry_after=30.0)))
        assert isinstance(result.stopped, DestinationError)
        assert result.stopped.retry_after == 30.0
        assert site.plugin.reports == []

    def test_a_record_without_valid_outcome_may_have_been_sent(self, site: Site) -> None:
        says = lambda batch: [(batch.records[0].key, "ok")]  # noqa: E731
        result, _ = site.send("1", "2", answer=then(says, DestinationError("down")))
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert [key.id for key in result.unsent] == ["2"]

    @pytest.mark.parametrize("strange", [lambda batch: (alien(batch), Accepted()), lambda batch: Accepted()])
    def test_what_nobody_understands_may_be_about_any_record(self, site: Site, strange: Any) -> None:
        says = lambda batch: [(batch.records[0].key, Accepted()), strange(batch)]  # noqa: E731
        result, _ = site.send("1", "2", answer=then(says, DestinationError("down")))
        assert by_id(result)["1"] == Accepted()
        assert isinstance(by_id(result)["2"], Unconfirmed)
        assert isinstance(result.stopped, DestinationError), "so that its breaker opens"

    def test_after_wrong_settings_the_rest_may_have_been_sent(self, site: Site) -> None:
        says = lambda batch: [(batch.records[0].key, Accepted())]  # noqa: E731
        result, _ = site.send("1", "2", answer=then(says, ConfigurationError([])))
        assert by_id(result)["1"] == Accepted()
        assert isinstance(by_id(result)["2"], Unconfirmed)
        assert isinstance(result.stopped, ConfigurationError)


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
        result, _ = site.send("1", answer=lambda batch: [(record.key, given) for record in batch.records])
        assert by_id(result)["1"] == kept
        assert result.stopped is None
        assert "plugin 'site' (dist 1) answered out of contract" in caplog.text

    @pytest.mark.parametrize("answer", [None, [], "ok", 200, {}, [None], iter(()), [(1, 2, 3)]])
    def test_nothing_that_tells_of_a_record(self, site: Site, answer: object) -> None:
        result, _ = site.send("1", "2", answer=lambda batch: answer)
        assert all(isinstance(outcome, Unconfirmed) for outcome in result.results.values())
        assert isinstance(result.stopped, PluginError)

    def test_a_mapping_is_not_what_is_asked_for(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        result, _ = site.send("1", answer=lambda batch: dict(accept(batch)))
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert "yielded a RecordKey, not (key, outcome)" in caplog.text

    @pytest.mark.parametrize("wrong", ["ok", None, Accepted, Withheld(reason="no")])
    def test_a_wrong_outcome_counts_for_that_record_only(self, site: Site, wrong: Any) -> None:
        result, _ = site.send("1", "2", answer=lambda b: {**dict(accept(b)), b.records[0].key: wrong}.items())
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert by_id(result)["2"] == Accepted(remote_id="r2")
        assert isinstance(result.stopped, PluginError)

    def test_a_missing_outcome(self, site: Site) -> None:
        result, _ = site.send("1", "2", answer=lambda b: [(b.records[0].key, Accepted())])
        assert by_id(result)["1"] == Accepted()
        assert isinstance(by_id(result)["2"], Unconfirmed)
        assert isinstance(result.stopped, PluginError)

    def test_an_outcome_too_many_is_logged_and_harmless(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        result, _ = site.send("1", answer=lambda b: [*accept(b), (alien(b), Accepted()), *accept(b)])
        assert by_id(result) == {"1": Accepted(remote_id="r1")}
        assert result.stopped is None
        assert "a record that it was not given (1 times)" in caplog.text

    @pytest.mark.parametrize("other", [Duplicate(), Accepted(remote_id="r2"), "ok"])
    def test_two_outcomes_that_differ_are_none(self, site: Site, other: Any) -> None:
        result, _ = site.send("1", "2", answer=lambda b: [*accept(b), (b.records[0].key, other), *accept(b)])
        assert isinstance(by_id(result)["1"], Unconfirmed)
        assert by_id(result)["2"] == Accepted(remote_id="r2")
        assert isinstance(result.stopped, PluginError)

    @pytest.mark.parametrize("again", [lambda b: (b.records[0].key, Accepted()), alien, lambda b: None])
    def test_whoever_never_ends_is_not_heard_for_ever(self, site: Site, again: Any) -> None:
        def answer(batch: Batch) -> Any:
            while True:
                yield again(batch)

        result, _ = site.send("1", "2", answer=answer)
        assert isinstance(by_id(result)["2"], Unconfirmed)
        assert isinstance(result.stopped, PluginError)
