"""Rules of delivery: an outcome for each record, of any kind and at any repetition."""

from __future__ import annotations

import copy
from dataclasses import replace
from io import BytesIO
from typing import BinaryIO

import pytest

from sharecore.exceptions import DeliveryError
from sharecore.identity import fingerprint
from sharecore.outcomes import Accepted, Deferred, Duplicate, Outcome, Rejected, Submitted, Unsupported
from sharecore.records import RecordKey
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.marks import names, values
from sharecore.testing.examples import TARGETS, example_file, example_record, example_records

STORED = (Accepted, Duplicate)
"""Answers to what the destination has."""
TAKEN = (*STORED, Submitted)
"""Answers to what the destination has, or has taken for processing."""


class Delivering:
    """The delivery of records, targets and files."""

    def test_every_example_gets_one_outcome(self, bench: Bench) -> None:
        """Give one outcome for each example record; one that is not stored gets a reason.

        Without `takes_records` each is `Unsupported`.
        """
        adapter = bench.open()
        for name, record in bench.examples.items():
            call = bench.call(adapter, bench.batch(record))
            assert call.stopped is None, f"{name}: {call.stopped!r} stopped the call, not the record"
            outcome = call.of(record)
            reason = getattr(outcome, "reason", "stored")
            assert reason.strip(), f"{name}: {outcome!r} gives no reason"
            if isinstance(outcome, Unsupported):
                assert outcome.feature.strip(), f"{name}: {outcome!r} names no feature"
            assert adapter.takes_records or isinstance(outcome, Unsupported), (
                f"{name}: takes_records is False, so that no share reaches it, and the answer is {outcome!r}"
            )

    def test_all_examples_in_one_batch(self, bench: Bench) -> None:
        """Deliver the other records of a batch when one of them cannot go."""
        adapter, records = bench.open(), list(bench.examples.values())
        together: dict[RecordKey, Outcome] = {}
        size = max(1, adapter.max_batch)
        for start in range(0, len(records), size):
            call = bench.call(adapter, bench.batch(*records[start : start + size]))
            assert call.stopped is None
            together.update(call.outcomes)
        alone = bench.call(bench.open(), bench.batch(bench.record)).of(bench.record)
        assert isinstance(alone, STORED), "Subject.record is not taken by a destination that is well"
        taken = any(isinstance(each, STORED) for each in together.values())
        assert taken == (bench.subject.record is not None), "takes none of the examples, or one all the same"
        assert taken == adapter.takes_records, "takes no record; say so with takes_records = False"

    def test_every_target_is_taken_or_refused(self, bench: Bench) -> None:
        """Stop a call for an odd target, with or without records, by `TargetRefused` only."""
        for name, target in TARGETS.items():
            for records in ((), (bench.fit(example_record()),)):
                batch = bench.batch(*records, target=target, state={})
                call = bench.call(bench.open(), batch)
                stopped = call.stopped
                assert stopped is None or type(stopped).__name__ == "TargetRefused", f"{name}: {stopped!r}"

    def test_a_target_alone_is_taken(self, bench: Bench) -> None:
        """Take a target without records, which a person may share: make it known, or do nothing."""
        call = bench.call(bench.open(), bench.batch())
        assert call.stopped is None, f"{call.stopped!r} stopped a call that brings a target alone"

    def test_making_a_target_known_sends_no_record(self, bench: Bench) -> None:
        """Let `ensure_target` be called again, send nothing but the target, and note that it is known."""
        record, arrivals = bench.marked()["a detection"], bench.arrivals()
        batch = bench.batch(record)
        for adapter in (bench.open(), bench.open()):
            adapter.ensure_target(batch)
            assert adapter.knows_target(batch), (
                "knows_target says no after ensure_target; note in Batch.state what tells that it is known"
            )
        text = arrivals.text
        assert not arrivals.entries, "ensure_target stored a record"
        assert not names(record, text) | values(record, text), "ensure_target sent a record"

    def test_the_same_again_is_stored_once(self, bench: Bench) -> None:
        """Answer the same batch again, also through a new adapter, by `Accepted` or `Duplicate`, and store it
        once.
        """
        adapter, new, batch = bench.open(), bench.open(), bench.batch(bench.record)
        for number, each in enumerate((adapter, adapter, new)):
            outcome = bench.call(each, batch).of(bench.record)
            assert isinstance(outcome, STORED), "what was stored before is delivered again"
            if number == 1:
                adapter.close()  # which costs the new one nothing
        if bench.subject.stored is not None:
            assert len(bench.subject.stored()) == 1

    @pytest.mark.parametrize("keeps", [True, False], ids=["alias-kept", "alias-dropped"])
    def test_a_renamed_target_is_the_same_target(self, bench: Bench, keeps: bool) -> None:
        """Store a record once when its target is renamed between two deliveries."""
        target = bench.subject.target
        aliases = (target.name, *target.aliases) if keeps else ()
        arrivals = bench.arrivals()
        for each in (target, replace(target, name="SN 2026zzz", aliases=aliases)):
            call = bench.call(bench.open(), bench.batch(bench.record, target=each))
            assert call.stopped is None, f"{call.stopped!r} stopped a call for {each.name}"
            outcome = call.of(bench.record)
            assert isinstance(outcome, STORED), f"answers {outcome} to a record of {each.name}"
        assert arrivals.entries in (None, 1), (
            "the record is there under both names; know a target by what you noted in Batch.state, or by "
            "Batch.target_keys"
        )

    def test_a_file_sent_twice_is_there_once(self, bench: Bench) -> None:
        """Store a file once that is handed over again after an unknown outcome; refuse files where none are
        taken.
        """
        opened: list[BinaryIO] = []

        def read() -> BinaryIO:
            opened.append(BytesIO(b"time,magnitude\n61041.5,18.5\n"))
            return opened[-1]

        file, arrivals = replace(example_file(), open=read), bench.arrivals()
        outcomes = [bench.call_with(file, each) for each in (bench.open(), bench.open())]
        if bench.open().takes_files:
            assert isinstance(outcomes[0], Accepted), f"takes files, and answers {outcomes[0]} to one"
            assert isinstance(outcomes[1], STORED), f"answers {outcomes[1]} to a file that is there"
            assert opened, "says Accepted to a file that it never opened"
            assert all(each.closed for each in opened), "close the file; each stays open otherwise"
            if bench.subject.server is not None:
                assert arrivals.writing, "says Accepted to a file of which nothing arrived"
        else:
            assert all(isinstance(each, Unsupported) for each in outcomes), "takes no files, and takes one"

    def test_a_file_that_cannot_be_read_is_no_failure_of_the_destination(self, bench: Bench) -> None:
        """Let an OSError of the file pass, or answer for this file only."""

        def gone() -> BinaryIO:
            raise FileNotFoundError(2, "No such file or directory")

        try:
            outcome = bench.call_with(example_file(open=gone), bench.open())
        except OSError:
            return  # the framework says which file it is
        except DeliveryError as error:
            pytest.fail(f"blames the destination for a file that cannot be read: {error}")
        assert isinstance(outcome, Deferred | Rejected | Unsupported)

    def test_records_stay_as_they_are(self, bench: Bench) -> None:
        """Change no record: the ledger compares by content, and would send a changed one again and again."""
        records = tuple(map(bench.fit, example_records().values()))
        target = TARGETS["of every script"]
        kept, before = copy.deepcopy(target.extras), [fingerprint(record) for record in records]
        batch = bench.batch(*records, target=target, previous={records[0].key: "old-name"}, state={})
        adapter = bench.open()
        adapter.preview(batch)
        bench.call(adapter, batch)
        changed = [r.key for r, was in zip(records, before, strict=True) if fingerprint(r) != was]
        assert not changed, "deliver or preview changed a value inside these records"
        assert batch.previous == {records[0].key: "old-name"}
        assert dict(target.extras) == dict(kept)
