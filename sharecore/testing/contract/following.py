"""Rules for a destination that answers later: tickets, and the questions under them."""

from __future__ import annotations

from sharecore.exceptions import DeliveryError
from sharecore.outcomes import Accepted, Deferred, Duplicate, Submitted
from sharecore.records import Record, RecordKey
from sharecore.testing.contract.bench import MOST_QUESTIONS, Bench


class Following:
    """The answers of `follow`; an adapter that never answers `Submitted` keeps these rules by itself."""

    def test_what_was_submitted_gets_a_final_answer(self, bench: Bench) -> None:
        """Tell what became of a submitted record, also through a new adapter, and store it once."""
        arrivals = bench.arrivals()
        tickets = _submitted(bench, bench.record)
        if not tickets:
            return
        outcomes = bench.followed(bench.open(), bench.batch(), tickets)
        outcome = outcomes.get(bench.record.key)
        assert isinstance(outcome, Accepted | Duplicate), (
            f"answers {outcome} after {MOST_QUESTIONS} questions; does Subject.process end the processing?"
        )
        assert arrivals.entries in (None, 1), f"one record was submitted, and {arrivals.entries} are there"

    def test_records_of_several_calls_are_asked_about_together(self, bench: Bench) -> None:
        """Answer for records of several calls in one question."""
        first, second = bench.record, bench.another()
        tickets = _submitted(bench, first)
        tickets |= _submitted(bench, second)
        if first.key not in tickets:
            return
        outcomes = bench.followed(bench.open(), bench.batch(), tickets)
        missing = sorted(str(key) for key in tickets if isinstance(outcomes.get(key), Submitted | None))
        assert not missing, f"follow gives no final answer for these records of two calls: {missing}"

    def test_a_question_sends_nothing(self, bench: Bench) -> None:
        """Send no record in `follow`, however often it asks."""
        tickets = _submitted(bench, bench.record)
        arrivals, adapter = bench.arrivals(), bench.open()
        for _ in range(3):
            bench.ask(adapter, bench.batch(), tickets)
        assert not (arrivals.requests if bench.subject.server else arrivals.entries), "follow sent a record"

    def test_an_unknown_ticket_settles_nothing(self, bench: Bench) -> None:
        """Answer nothing about a ticket that the destination did not give, or that it does not know it."""
        try:
            said = bench.ask(bench.open(), bench.batch(), {bench.record.key: "no-such-ticket"})
        except DeliveryError:
            return
        outcome = said.get(bench.record.key)
        assert not isinstance(outcome, Accepted | Duplicate | Deferred), (
            f"answers {outcome} to a ticket that nobody gave: the record would be sent twice, or get lost"
        )


def _submitted(bench: Bench, record: Record) -> dict[RecordKey, str]:
    """Deliver a record; return its ticket by key, and nothing where the destination answers at once."""
    outcomes = bench.deliver(bench.open(), bench.batch(record)).outcomes
    return {key: each.ticket for key, each in outcomes.items() if isinstance(each, Submitted)}
