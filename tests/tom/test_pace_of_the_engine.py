"""What keeps a long ledger as fast as a short one: how many statements, and which data are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare

from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import site_status
from tom_integration.models import Outbox
from tom_integration.outbox import backlog, due_deliveries, open_outboxes
from tom_integration.outbox.backlog import behind
from tom_integration.worker import run, scan

if TYPE_CHECKING:
    from tom.conftest import Tom


def test_a_batch_takes_as_many_statements_with_few_records_as_with_many(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver()  # what is noted at the first delivery only is not counted
    pk = tom.outbox(target).pk
    counts = []
    for number in (2, 50):
        tom.data(target, number)
        with CaptureQueriesContext(connection) as queries:
            assert run.reconcile(pk) == number
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_backlog_is_taken_up_in_portions_and_sent_in_order_of_time(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody can save while one statement writes."""
    monkeypatch.setattr(backlog, "PORTION", 3)
    monkeypatch.setattr(due_deliveries, "AHEAD", 5)
    tom.x.max_batch = 2
    target = tom.target()
    tom.share(target)
    rows = [tom.unsaved(target) for _ in range(11)]
    type(rows[0]).objects.bulk_create(reversed(rows))
    with CaptureQueriesContext(connection) as queries:
        assert tom.deliver() == 11
    inserts = [each["sql"] for each in queries if 'INSERT INTO "sharecore_delivery"' in each["sql"]]
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
        return tom.x.store(record)  # type: ignore[arg-type]

    tom.x.will(edits, times=1, where=lambda record: record.timestamp != first.timestamp)  # type: ignore[arg-type]
    tom.deliver()
    assert len(tom.x.received) == 4
    assert tom.state(first) == State.DELIVERED


def _spans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Which primary keys of photometry are compared with the ledger from now on."""
    compared: list[tuple[int, int]] = []

    def noted(spans: Mapping[str, tuple[int, int]]) -> list[int]:
        compared.extend(spans[name] for name in spans if name == "photometryreduceddatum")
        return behind(spans)

    monkeypatch.setattr(scan, "behind", noted)
    return compared


def test_a_worker_that_lives_for_one_scan_reads_what_is_new_and_a_portion_of_all(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no worker between two runs of cron, each began with a comparison of all data."""
    monkeypatch.setattr(scan, "ROTATION", 10)
    monkeypatch.setattr(scan, "OVERLAP", 2)
    target, other = tom.target(), tom.target()
    tom.share(target)
    last = tom.data(other, 50)[-1].pk
    scan.Scan().outboxes()
    new = tom.data(target, 1)[0].pk
    compared = _spans(monkeypatch)
    assert scan.Scan().outboxes() == [tom.outbox(target).pk]
    assert compared == [(last - 40, last - 30), (last - 2, new)]


def test_what_was_committed_far_behind_is_found_in_rotation(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "ROTATION", 4)
    monkeypatch.setattr(scan, "OVERLAP", 0)
    targets = [tom.target() for _ in range(3)]
    for target in targets:
        tom.share(target)
    late = tom.data(targets[2], 1)[0]
    pk = late.pk
    late.delete()
    tom.data(targets[0], 9)
    tom.deliver()
    while scan.Scan().outboxes():
        tom.deliver()
    late.pk = pk
    type(late).objects.bulk_create([late])
    found = [scan.Scan().outboxes() for _ in range(3)]
    assert [tom.outbox(targets[2]).pk] in found


def test_what_a_scan_found_is_not_forgotten_with_it(tom: Tom) -> None:
    """It notes how far it has read; the outboxes that it found get a mark before."""
    target = tom.target()
    tom.share(target)
    tom.deliver()
    tom.data(target, 1)
    scan.Scan().outboxes()
    assert scan.Scan.waiting() == [tom.outbox(target).pk]


def test_whether_anybody_delivers_is_found_without_a_comparison_of_all_data(
    tom: Tom, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tom.target()
    tom.share(target)
    tom.data(target, 5)
    tom.deliver()
    compared = _spans(monkeypatch)
    monkeypatch.setattr(backlog, "behind", scan.behind)
    assert site_status.nobody_delivers() == ""
    assert compared == []
    monkeypatch.setattr(backlog, "PORTION", 2)
    new = tom.data(target, 4)
    assert "deliver" in site_status.nobody_delivers()
    assert compared == [(new[-1].pk - 2, new[-1].pk)]


class TestSharesMadeInBulk:
    @pytest.fixture
    def many(self, tom: Tom) -> list[Any]:
        targets = [tom.target() for _ in range(12)]
        for target in targets:
            tom.data(target, 2)
        PersistentShare.objects.bulk_create(
            [PersistentShare(target=target, destination=address) for target in targets for address in "xy"]
        )
        return targets

    def test_they_act_as_those_made_one_by_one(self, tom: Tom, many: list[Any]) -> None:
        assert open_outboxes.match_shares()
        assert tom.states() == ["baseline"] * 24
        shares = PersistentShare.objects.values_list("pk", "destination", "target_id", "user_id")
        acting = Outbox.objects.values_list("share_id", "destination", "target_id", "creator_id")
        assert set(shares) == set(acting)
        new = tom.data(many[7], 1)[0]
        assert tom.deliver() == 2
        assert tom.state(new) == tom.state(new, "y") == State.DELIVERED

    def test_a_portion_takes_as_many_statements_with_few_shares_as_with_many(
        self, tom: Tom, many: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = []
        for portion in (4, 20):
            monkeypatch.setattr(open_outboxes, "PORTION", portion)
            with CaptureQueriesContext(connection) as queries:
                open_outboxes.match_shares(seconds=0)
            counts.append(len(queries))
        assert counts[0] == counts[1]
        assert Outbox.objects.count() == 24

    def test_other_work_goes_on_between_the_portions(
        self, tom: Tom, many: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(open_outboxes, "PORTION", 5)
        monkeypatch.setattr(scan, "MATCHING_SECONDS", 0)
        waits = tom.target()
        tom.share(waits)
        tom.data(waits, 1)
        worker = scan.Scan()
        assert tom.outbox(waits).pk in worker.outboxes()
        assert worker.more_shares
        assert Outbox.objects.count() == 1 + 5
        while worker.more_shares:
            worker.match()
        assert Outbox.objects.count() == 1 + 24


def test_the_ledger_is_asked_for_each_datum_by_itself(tom: Tom) -> None:
    """As a join, PostgreSQL compared each row of a young ledger with each datum: minutes for a backlog."""
    target = tom.target()
    tom.share(target)
    tom.data(target, 20)
    missing = backlog.missing(PhotometryReducedDatum, Address("x"), target.pk)
    plan = missing.explain()
    assert ("CORRELATED SCALAR SUBQUERY" if connection.vendor == "sqlite" else "SubPlan") in plan
