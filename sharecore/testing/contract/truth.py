"""Rules of truth: outcomes and previews agree with the data that arrive at the destination."""

from __future__ import annotations

from sharecore.adapter import Adapter
from sharecore.outcomes import Accepted, Deferred, Duplicate, Unsupported
from sharecore.records import Record
from sharecore.testing.contract.arrivals import Arrivals
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.marks import edited, names, values


class Truth:
    """The answers about a record of any kind, compared with the data at the destination."""

    def test_what_is_accepted_has_arrived(self, bench: Bench) -> None:
        """Store a single record of each kind when it is `Accepted`, and not when it is `Unsupported`."""
        shown: dict[str, set[str]] = {}
        for name, record in bench.marked().items():
            arrivals = bench.arrivals()
            outcome = bench.call(bench.open(), bench.batch(record)).of(record)
            if isinstance(outcome, Accepted):
                assert arrivals.any, f"says Accepted to {name}, and nothing of it arrived"
                assert arrivals.entries in (None, 1), (
                    f"says Accepted to {name}, and Subject.stored has {arrivals.entries} more"
                )
                shown[name] = _marks(record, arrivals)
            assert not isinstance(outcome, Duplicate), f"says Duplicate to {name}, which was never sent"
            if isinstance(outcome, Unsupported):
                assert not arrivals.entries, f"says Unsupported to {name}, and stored it"
        hidden = [name for name, marks in shown.items() if not marks]
        assert not hidden or len(hidden) == len(shown), (
            f"says Accepted, and what arrived holds no value, key or telescope of: {', '.join(hidden)}"
        )

    def test_what_is_accepted_in_a_batch_has_arrived(self, bench: Bench) -> None:
        """Store as much of a record in a batch with all kinds as of the record alone."""
        alone: dict[str, bool] = {}
        for name, record in bench.marked().items():
            arrivals = bench.arrivals()
            outcome = bench.call(bench.open(), bench.batch(record)).of(record)
            alone[name] = isinstance(outcome, Accepted) and bool(_marks(record, arrivals))
        records, adapter = bench.marked(), bench.open()
        arrivals, accepted = bench.arrivals(), []
        for some in _portions(list(records.values()), max(1, adapter.max_batch)):
            outcomes = bench.call(adapter, bench.batch(*some)).outcomes
            accepted += [key for key, outcome in outcomes.items() if isinstance(outcome, Accepted)]
        lost = [
            name
            for name, record in records.items()
            if record.key in accepted and alone[name] and not _marks(record, arrivals)
        ]
        assert not lost, f"says Accepted in a batch to what never arrived: {', '.join(lost)}"
        entries = arrivals.entries
        assert entries is None or len(accepted) <= entries <= len(records), (
            f"says Accepted to {len(accepted)} of {len(records)} records of a batch, and "
            f"Subject.stored has {entries} more"
        )

    def test_an_edit_arrives_where_edits_are_taken(self, bench: Bench) -> None:
        """Replace or follow the stored content by corrected content, with `can_update`; and so back again."""
        adapter = bench.open()
        adapter.ready()
        if not adapter.can_update:
            return  # the framework hands it no edits
        for name, record in {"Subject.record": bench.record, **bench.marked()}.items():
            arrivals = bench.arrivals()
            first = bench.call(adapter, bench.batch(record)).of(record)
            showed = record is not bench.record and bool(values(record, arrivals.text))
            if isinstance(first, Accepted):  # else it is no record to edit; other rules are about that
                for each in (edited(record), record):
                    _takes_edit(bench, adapter, each, first.remote_id, showed, f"an edit of {name}")

    def test_a_preview_shows_what_arrives(self, bench: Bench) -> None:
        """Send nothing of a record that its preview does not show, and show nothing that is not sent."""
        for name, record in bench.marked().items():
            adapter, arrivals = bench.open(), bench.arrivals()
            adapter.ready()  # what is sent may depend on what the destination can take
            preview = adapter.preview(bench.batch(record))
            shown = f"{preview.body}\n{preview.note}"
            outcome = bench.call(adapter, bench.batch(record)).of(record)
            if not isinstance(outcome, Accepted):
                continue
            sent, text = _marks(record, arrivals), arrivals.text
            hidden = sorted(sent - names(record, shown) - values(record, shown))
            assert not hidden, f"{name}: the preview does not show what is sent: {hidden}"
            invented = names(record, preview.body) - sent
            if values(record, text):  # numbers may be converted, or be packed
                invented |= values(record, preview.body) - sent
            if bench.subject.server is not None or bench.subject.stored is not None:
                assert not invented, f"{name}: the preview shows what is not sent: {sorted(invented)}"


def _takes_edit(
    bench: Bench, adapter: Adapter, edit: Record, there: str | None, showed: bool, what: str
) -> None:
    """Deliver an edit, and check that it arrives.

    Args:
        bench: tools of the rules.
        adapter: adapter under test.
        edit: record with corrected values.
        there: name of the record at the destination.
        showed: whether values of the record were seen when it was new.
        what: name of the edit, for messages.
    """
    arrivals = bench.arrivals()
    outcome = bench.call(adapter, bench.batch(edit, previous={edit.key: there})).of(edit)
    if isinstance(outcome, Deferred):
        return  # it found out that this destination takes none
    assert isinstance(outcome, Accepted), f"says can_update, and answers {outcome} to {what}"
    assert arrivals.any, f"says Accepted to {what}, and nothing arrived"
    assert not showed or values(edit, arrivals.text), (
        f"says Accepted to {what}, and what arrived has other values"
    )
    found = bench.find(adapter, edit)
    content = getattr(found[edit.key], "content", None) if found else None
    assert content != "", f"says Accepted to {what}, and does not find its content"


def _marks(record: Record, arrivals: Arrivals) -> set[str]:
    text = arrivals.text
    return names(record, text) | values(record, text)


def _portions(records: list[Record], size: int) -> list[list[Record]]:
    return [records[start : start + size] for start in range(0, len(records), size)]
