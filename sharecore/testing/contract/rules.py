"""The rules that hold for every adapter, wherever it delivers to."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

import pytest

from sharecore.adapter import Preview, Topic
from sharecore.exceptions import ConfigurationError, DeliveryError, Problem
from sharecore.identity import fingerprint
from sharecore.outcomes import (
    Absent,
    Accepted,
    Deferred,
    Duplicate,
    Found,
    Outcome,
    Present,
    Rejected,
    Unsupported,
)
from sharecore.records import (
    Astrometry,
    OtherDatum,
    Photometry,
    PhotometryLimit,
    Record,
    RecordKey,
    Spectrum,
)
from sharecore.testing.contract.bench import Bench, Subject
from sharecore.testing.examples import RECORDS, TARGETS, example_file, example_record, example_records
from sharecore.testing.sockets import watched_sockets

STORED = (Accepted, Duplicate)


def _edited(record: Record) -> Record:
    """The same record after somebody corrected what was measured."""
    match record:
        case Photometry(brightness=brightness):
            return replace(record, brightness=brightness + 0.5)
        case PhotometryLimit(limit=limit):
            return replace(record, limit=limit + 0.5)
        case Spectrum(flux=flux):
            return replace(record, flux=tuple(None if each is None else 2.0 * each for each in flux))
        case Astrometry(dec=dec):
            return replace(record, dec=dec / 2.0 + 1.0)
        case OtherDatum(extra=extra):
            return replace(record, extra={**extra, "corrected": True})


def _there(record: Record, found: Found | None) -> Present:
    """This record found with its content, under the name that `found` has."""
    return Present(content=record, remote_id=found.remote_id if isinstance(found, Present) else None)


class AdapterContract:
    """What every adapter keeps.

    Subclass it and override `subject`::

        class TestLamp(AdapterContract):
            @pytest.fixture
            def subject(self, tmp_path):
                return Subject(type=LAMP, settings={"PATH": str(tmp_path)})
    """

    @pytest.fixture
    def subject(self) -> Subject:
        """The adapter under test, with a destination that is well: new for each test."""
        raise NotImplementedError("override the fixture `subject`: it returns a Subject")

    @pytest.fixture
    def bench(self, subject: Subject) -> Iterator[Bench]:
        """What the rules work with; what it opened is closed after the test."""
        bench = Bench(subject)
        yield bench
        bench.close()

    def test_settings_that_work_are_read_without_complaint(self, bench: Bench) -> None:
        """`config` reads every key of `Subject.settings`, and finds nothing wrong."""
        section = bench.section()
        bench.subject.type.config(section)
        fatal = [problem for problem in section.problems if problem.fatal]
        assert not fatal
        assert not section.unread(), "settings that work, but that nobody reads"

    def test_bad_settings_are_told_as_problems(self, bench: Bench) -> None:
        """Only `ConfigurationError` may leave `config`; an `int(...)` of a wrong value is a bug."""
        for key in bench.subject.settings:
            for bad in (object(), [], 1.5, "", "\n\x00", -1):
                try:
                    bench.subject.type.config(bench.section(**{key: bad}))
                except ConfigurationError as refusal:
                    if not refusal.problems:
                        pytest.fail(f"{key}={bad!r} was refused without saying why")
                except Exception as error:
                    pytest.fail(
                        f"{key}={bad!r}: config raised {type(error).__name__}, not a ConfigurationError"
                    )

    def test_limits_make_sense(self, bench: Bench) -> None:
        """`max_batch` is 1 or more, `settle_time` more than 0 s, `gather_seconds` not negative."""
        adapter = bench.open()
        assert adapter.max_batch >= 1
        assert adapter.settle_time > 0, "nothing is over at once"
        assert adapter.gather_seconds >= 0

    def test_every_example_gets_one_outcome(self, bench: Bench) -> None:
        """One outcome for each example record; one that is not stored gets a reason."""
        adapter = bench.open()
        for name, record in RECORDS.items():
            call = bench.call(adapter, bench.batch(record))
            assert call.stopped is None, f"{name}: {call.stopped!r} stopped the call, not the record"
            outcome = call.of(record)
            reason = getattr(outcome, "reason", "stored")
            assert reason.strip(), f"{name}: {outcome!r} gives no reason"
            if isinstance(outcome, Unsupported):
                assert outcome.feature.strip(), f"{name}: {outcome!r} names no feature"

    def test_all_examples_in_one_batch(self, bench: Bench) -> None:
        """One record that cannot go does not take the others with it."""
        adapter, records = bench.open(), list(RECORDS.values())
        together: dict[RecordKey, Outcome] = {}
        for start in range(0, len(records), adapter.max_batch):
            call = bench.call(adapter, bench.batch(*records[start : start + adapter.max_batch]))
            assert call.stopped is None
            together.update(call.outcomes)
        alone = bench.call(bench.open(), bench.batch(bench.record)).of(bench.record)
        assert isinstance(alone, STORED), "Subject.record is not taken by a destination that is well"
        assert any(isinstance(each, STORED) for each in together.values())

    def test_every_target_is_taken_or_refused(self, bench: Bench) -> None:
        """Odd targets, with and without records, stop a call by `TargetRefused` only."""
        for name, target in TARGETS.items():
            for records in ((), (example_record(),)):
                batch = bench.batch(*records, target=target, memory={})
                call = bench.call(bench.open(), batch)
                stopped = call.stopped
                assert stopped is None or type(stopped).__name__ == "TargetRefused", f"{name}: {stopped!r}"

    def test_an_empty_batch_has_no_outcomes(self, bench: Bench) -> None:
        """A batch without records, which asks for the target alone, is answered with an empty mapping."""
        call = bench.call(bench.open(), bench.batch())
        assert call.stopped is None, f"{call.stopped!r} stopped a call that brings a target alone"

    def test_the_same_again_is_stored_once(self, bench: Bench) -> None:
        """The same batch again, also through a new adapter, is `Accepted` or `Duplicate`, and there once."""
        adapter, batch = bench.open(), bench.batch(bench.record)
        for each in (adapter, adapter, bench.open()):
            outcome = bench.call(each, batch).of(bench.record)
            assert isinstance(outcome, STORED), "what was stored before is delivered again"
        if bench.subject.stored is not None:
            assert len(bench.subject.stored()) == 1

    def test_a_file_sent_twice_is_there_once(self, bench: Bench) -> None:
        """An adapter that takes files is handed one again after an unknown outcome; others say so."""
        file = example_file()
        outcomes = [each.deliver_file(file, bench.batch()) for each in (bench.open(), bench.open())]
        if bench.open().takes_files:
            assert isinstance(outcomes[0], Accepted), f"takes files, and answers {outcomes[0]} to one"
            assert isinstance(outcomes[1], STORED), f"answers {outcomes[1]} to a file that is there"
        else:
            assert all(isinstance(each, Unsupported) for each in outcomes), "takes no files, and takes one"

    def test_a_file_that_cannot_be_read_is_no_failure_of_the_destination(self, bench: Bench) -> None:
        """An OSError of the file passes, or concerns this file only."""

        def gone() -> BinaryIO:
            raise FileNotFoundError(2, "No such file or directory")

        try:
            outcome = bench.open().deliver_file(example_file(open=gone), bench.batch())
        except OSError:
            return  # the framework says which file it is
        except DeliveryError as error:
            pytest.fail(f"blames the destination for a file that cannot be read: {error}")
        assert isinstance(outcome, Deferred | Rejected | Unsupported)

    def test_what_was_delivered_is_not_lost_by_a_look_up(self, bench: Bench) -> None:
        """`find` says `Present` with the content, or `Absent` where sending again is harmless."""
        adapter, batch = bench.open(), bench.batch(bench.record)
        bench.call(adapter, batch)
        found = bench.find(adapter, bench.record)
        assert found is None or isinstance(found, Absent) or found == _there(bench.record, found), (
            f"answers {found} to a record that is there"
        )
        found = bench.find(adapter, example_record())
        assert not isinstance(found, Present), "it found a record that was never sent"

    def test_an_edit_that_was_not_sent_is_not_found(self, bench: Bench) -> None:
        """A look-up by key alone would take what was there before for the edit."""
        adapter, edited = bench.open(), _edited(bench.record)
        bench.call(adapter, bench.batch(bench.record))
        found = bench.find(adapter, edited)
        assert found != _there(edited, found), "it found an edit that was never sent; compare the content"

    def test_records_stay_as_they_are(self, bench: Bench) -> None:
        """The ledger compares by content: an adapter that changes a record has it sent again and again."""
        records = tuple(example_records().values())
        target = TARGETS["of every script"]
        kept, before = copy.deepcopy(target.extras), [fingerprint(record) for record in records]
        batch = bench.batch(*records, target=target, previous={records[0].key: "old-name"}, memory={})
        adapter = bench.open()
        adapter.preview(batch)
        bench.call(adapter, batch)
        changed = [r.key for r, was in zip(records, before, strict=True) if fingerprint(r) != was]
        assert not changed, "deliver or preview changed a value inside these records"
        assert batch.previous == {records[0].key: "old-name"}
        assert dict(target.extras) == dict(kept)

    def test_memory_is_json(self, bench: Bench) -> None:
        """What the adapter notes in `Batch.memory` comes back from the ledger as it was."""
        batch = bench.batch(bench.record, memory={})
        bench.call(bench.open(), batch)
        try:
            again = json.loads(json.dumps(dict(batch.memory), allow_nan=False))
        except (TypeError, ValueError) as error:
            pytest.fail(f"the memory is kept as JSON, and this is none: {error}")
        assert again == batch.memory, "the memory comes back from the ledger as JSON does"

    def test_nothing_but_delivering_and_asking_uses_the_network(self, bench: Bench) -> None:
        """A site reads its settings, and people look at previews, while the network is down."""
        with watched_sockets() as watch:
            adapter = bench.open()
            for record in RECORDS.values():
                adapter.preview(bench.batch(record))
            adapter.preview(bench.batch(*RECORDS.values()))
            adapter.link("1")
            adapter.close()
        assert watch.uses == [], "config, open, preview, link and close make no connection"

    def test_a_preview_is_text_of_a_type(self, bench: Bench) -> None:
        """A preview has a media type; one of JSON can be parsed."""
        adapter = bench.open()
        for batch in (bench.batch(), bench.batch(bench.record), bench.batch(*RECORDS.values())):
            preview = adapter.preview(batch)
            assert isinstance(preview, Preview)
            assert "/" in preview.content_type
            if preview.content_type == "application/json":
                try:
                    json.loads(preview.body)
                except ValueError as error:
                    pytest.fail(f"the preview says JSON, and is none: {error}")

    def test_questions_are_answered_in_form(self, bench: Bench) -> None:
        """`check`, `validate`, `topics` and `link` of a destination that is well."""
        adapter = bench.open()
        problems = [*adapter.check(), *adapter.validate(bench.batch(bench.record))]
        strange = [each for each in problems if not isinstance(each, Problem)]
        assert not strange, "check and validate answer with problems"
        assert not [each for each in problems if each.fatal], "a destination that is well has no problems"
        topics = adapter.topics()
        assert isinstance(topics, Sequence)
        assert all(isinstance(each, Topic) for each in topics)
        for remote_id in ("1", "", "../../x", "javascript:alert(1)", "ü/?#&"):
            link = adapter.link(remote_id)
            assert link == "" or link.startswith(("http://", "https://")), "a link leads to a web page"

    def test_closing_twice_is_closing_once(self, bench: Bench) -> None:
        """`close` may be called again, and of an adapter that did nothing."""
        unused, used = bench.open(), bench.open()
        bench.call(used, bench.batch(bench.record))
        for adapter in (unused, unused, used, used):
            try:
                adapter.close()
            except Exception as error:
                pytest.fail(f"close raised {type(error).__name__}; it may be called more than once")

    def test_no_secret_is_shown(self, bench: Bench) -> None:
        """In no log, repr, preview, outcome, memory, link or complaint about settings."""
        batch = bench.batch(bench.record)
        with bench.shown() as texts:
            config, adapter = bench.config(), bench.open()
            call, preview = bench.call(adapter, batch), adapter.preview(batch)
            texts += [repr(config), str(config), repr(adapter), str(adapter), repr(call), repr(preview)]
            texts += [repr(adapter.check()), repr(dict(batch.memory)), adapter.link("1")]
            for key in bench.subject.settings:
                try:
                    bench.subject.type.config(bench.section(**{key: f"\n{bench.subject.settings[key]}\n"}))
                except (ConfigurationError, DeliveryError) as error:
                    texts.append(str(error))
        shown = bench.leaks(texts)
        assert not shown, "a secret is shown"
