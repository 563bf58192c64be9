"""Rules of look-ups: the answers of `find` after an unknown outcome."""

from __future__ import annotations

from sharecore.outcomes import Absent, Accepted, Found, Present
from sharecore.records import Record
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.marks import edited


class LookUps:
    """The answers of `find` for records that were sent, and for others."""

    def test_what_was_delivered_is_not_lost_by_a_look_up(self, bench: Bench) -> None:
        """Answer `Present` with the content of a delivered record, or `Absent` where sending again is
        harmless.
        """
        for name, record in {"Subject.record": bench.record, **bench.marked()}.items():
            adapter = bench.open()
            if not isinstance(bench.call(adapter, bench.batch(record)).of(record), Accepted):
                continue
            other = bench.marked()[name] if record is not bench.record else bench.marked()["a detection"]
            answers = bench.find(adapter, record, other)
            if answers is None:
                continue
            found = answers[record.key]
            assert isinstance(found, Absent) or found == _there(record, found), (
                f"answers {found} to a record that is there ({name})"
            )
            assert not isinstance(answers[other.key], Present), "it found a record that was never sent"

    def test_an_edit_that_was_not_sent_is_not_found(self, bench: Bench) -> None:
        """Look up the content too: by key alone the stored record would be taken for the edit."""
        for name, record in {"Subject.record": bench.record, **bench.marked()}.items():
            adapter, edit = bench.open(), edited(record)
            bench.call(adapter, bench.batch(record))
            answers = bench.find(adapter, edit)
            found = answers and answers[edit.key]
            assert not found or found != _there(edit, found), (
                f"it found an edit that was never sent ({name}); compare the content"
            )


def _there(record: Record, found: Found) -> Present:
    """Return the answer that the record is there with its content, under the name in `found`."""
    return Present(content=record, remote_id=found.remote_id if isinstance(found, Present) else None)
