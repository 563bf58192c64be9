"""Rules of withdrawing: the answers of `withdraw` for what was delivered, and for what was not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from sharecore.adapter import Adapter
from sharecore.exceptions import DeliveryError
from sharecore.outcomes import Accepted, Unsupported, Withdrawal, Withdrawn
from sharecore.records import Record, RecordKey
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.calls import understood
from sharecore.testing.contract.marks import marked_records


class Withdrawing:
    """The withdrawal of delivered records."""

    def test_what_is_withdrawn_is_gone(self, bench: Bench) -> None:
        """Remove a withdrawn record, with `can_withdraw`; withdrawing it once more does no harm."""
        adapter = bench.open()
        outcome = bench.call(adapter, bench.batch(bench.record)).of(bench.record)
        if not isinstance(outcome, Accepted):
            return
        before = None if bench.subject.stored is None else len(bench.subject.stored())
        name = {bench.record.key: outcome.remote_id}
        answer = _withdraw(bench, adapter, name)[bench.record.key]
        if not adapter.can_withdraw:
            assert isinstance(answer, Unsupported), f"says that it cannot withdraw, and answers {answer}"
            return
        assert isinstance(answer, Withdrawn), f"says can_withdraw, and answers {answer}"
        if before is not None and bench.subject.stored is not None:
            assert len(bench.subject.stored()) < before, "says Withdrawn, and the record is still there"
        again = _withdraw(bench, bench.open(), name)[bench.record.key]
        assert isinstance(again, Withdrawn), f"the second time it answers {again}: a lost answer is asked for"

    def test_only_what_is_named_is_withdrawn(self, bench: Bench) -> None:
        """Answer for each record, by its name there; leave the others where they are."""
        adapter, other = bench.open(), marked_records()["a detection"]
        if not adapter.can_withdraw:
            return
        outcomes = {each.key: _deliver(bench, adapter, each) for each in (bench.record, other)}
        kept, named = outcomes[bench.record.key], outcomes[other.key]
        if not isinstance(kept, Accepted) or not isinstance(named, Accepted):
            return
        before = None if bench.subject.stored is None else len(bench.subject.stored())
        _withdraw(bench, adapter, {other.key: named.remote_id})
        if before is not None and bench.subject.stored is not None:
            assert len(bench.subject.stored()) == before - 1, "another record was withdrawn, too"

    def test_taking_back_what_was_never_there_breaks_nothing(self, bench: Bench) -> None:
        """Answer for a record without a name there, and for one whose name nobody knows."""
        record = marked_records()["a detection"]
        for name in (None, "never-given", "00000000-0000-4000-8000-000000000000"):
            with suppress(DeliveryError):
                _withdraw(bench, bench.open(), {record.key: name})


def _deliver(bench: Bench, adapter: Adapter, record: Record) -> object:
    return bench.call(adapter, bench.batch(record)).of(record)


def _withdraw(
    bench: Bench, adapter: Adapter, names: Mapping[RecordKey, str | None]
) -> Mapping[RecordKey, Withdrawal]:
    """Withdraw records, and check the form of the answers."""
    said = adapter.withdraw(bench.batch(previous=names), "a test of the contract")
    answers = understood(said, set(names), whole=True)
    wrong = [type(each).__name__ for each in answers.values() if not isinstance(each, Withdrawal)]
    assert not wrong, f"these are not answers of withdraw (Withdrawn, Rejected, ...): {wrong}"
    return answers
