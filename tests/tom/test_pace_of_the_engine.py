"""What keeps a long ledger as fast as a short one: how many statements, and which data are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore.delivery import State
from tom_integration.models import Channel
from tom_integration.promises import difference, ledger
from tom_integration.promises.difference import behind
from tom_integration.sending import reconciler, sweep

if TYPE_CHECKING:
    from tom.conftest import Tom


def test_a_batch_takes_as_many_statements_with_few_records_as_with_many(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver()  # what is noted at the first delivery only is not counted
    pk = tom.channel(target).pk
    counts = []
    for number in (2, 50):
        tom.data(target, number)
        with CaptureQueriesContext(connection) as queries:
            assert reconciler.reconcile(pk) == number
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_backlog_is_taken_up_in_portions_and_sent_in_order_of_time(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody can save while one statement writes."""
    monkeypatch.setattr(difference, "PORTION", 3)
    monkeypatch.setattr(ledger, "AHEAD", 5)
    tom.x.max_batch = 2
    target = tom.target()
    tom.share(target)
    rows = [tom.unsaved(target) for _ in range(11)]
    type(rows[0]).objects.bulk_create(reversed(rows))
    with CaptureQueriesContext(connection) as queries:
        assert tom.deliver() == 11
    inserts = [each["sql"] for each in queries if 'INSERT INTO "tom_integration_delivery"' in each["sql"]]
    assert len(inserts) == 4
    times = [record.timestamp for record in tom.x.received]
    assert times == sorted(times)


def test_what_becomes_due_while_a_backlog_is_sent_goes_with_it(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit of what has just been sent, while the rest is put in order already."""
    tom.x.can_update = True
    tom.x.max_batch = 1
    target = tom.target()
    tom.share(target)
    first, *_ = [tom.datum(target) for _ in range(3)]

    def edits(record: object) -> object:
        first.brightness_error = 0.5
        first.save()
        tom.commit()
        return tom.x._store(record)  # type: ignore[arg-type]

    tom.x.will(edits, times=1, where=lambda record: record.timestamp != first.timestamp)  # type: ignore[arg-type]
    tom.deliver()
    assert len(tom.x.received) == 4
    assert tom.state(first) == State.DELIVERED


def test_an_idle_sweep_reads_what_is_new_and_a_few_shares_in_full(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROTATION", 1)
    monkeypatch.setattr(sweep, "ROTATION_SECONDS", 0)
    monkeypatch.setattr(sweep, "OVERLAP", 2)
    targets = [tom.target() for _ in range(4)]
    for target in targets:
        tom.share(target)
    tom.deliver()
    turns = sweep.Sweep()
    assert turns.channels() == []
    compared: list[list[int]] = []

    def noted(pks: list[int] | None = None, **above: object) -> list[int]:
        if pks is not None:
            compared.append(pks)
        return behind(pks, **above)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep, "behind", noted)
    tom.data(targets[3], 2)
    assert turns.channels() == [tom.channel(targets[3]).pk], "new data are found whosever turn it is"
    assert [len(each) for each in compared] == [1]


def test_what_was_committed_far_behind_is_found_in_rotation(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROTATION", 1)
    monkeypatch.setattr(sweep, "ROTATION_SECONDS", 0)
    monkeypatch.setattr(sweep, "OVERLAP", 0)
    targets = [tom.target() for _ in range(3)]
    for target in targets:
        tom.share(target)
    late = tom.data(targets[2], 1)[0]
    pk = late.pk
    late.delete()
    tom.data(targets[0], 5)
    tom.deliver()
    turns = sweep.Sweep()
    assert turns.channels() == []
    late.pk = pk
    type(late).objects.bulk_create([late])
    found = [turns.channels() for _ in range(Channel.objects.count())]
    assert [tom.channel(targets[2]).pk] in found


def test_the_ledger_is_asked_for_each_datum_by_itself(tom: Tom) -> None:
    """As a join, PostgreSQL compared each row of a young ledger with each datum: minutes for a backlog."""
    target = tom.target()
    tom.share(target)
    tom.data(target, 20)
    missing = difference.missing(PhotometryReducedDatum, destination="x", target_id=target.pk)
    plan = missing.explain()
    assert ("CORRELATED SCALAR SUBQUERY" if connection.vendor == "sqlite" else "SubPlan") in plan
