"""Settings, scans and requests: what a site does with sharing, and what happens to it from outside."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings
from tom_dataproducts.models import DataProduct, PhotometryReducedDatum, ReducedDatum
from tom_targets.models import PersistentShare, TargetList

from sharecore import DestinationError, PluginError
from sharecore.filters import Filter
from sharecore.records import Kind
from tom_integration import site
from tom_integration.management import status
from tom_integration.models import Attempt, Delivery, Origin, Outbox, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.services import retry, shares
from tom_integration.tomtoolkit import functions
from tom_integration.worker.scan import Scan

if TYPE_CHECKING:
    from tom.conftest import Tom


class TestSettings:
    def test_a_destination_that_is_removed_and_comes_back(self, tom: Tom, shared: Any) -> None:
        sent = tom.datum(shared)
        tom.deliver()
        with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
            meanwhile = tom.datum(shared)
            assert tom.deliver() == 0
            assert "'x'" in tom.outbox(shared).problem
            assert tom.state(sent) == "delivered"
            assert tom.state(meanwhile) == "pending"  # counted as waiting
        assert tom.deliver(after=400) == 1
        assert tom.state(meanwhile) == "delivered"
        assert tom.outbox(shared).problem == ""
        assert not tom.x.repeated

    def test_a_destination_with_wrong_settings_says_so_and_the_others_go_on(
        self, tom: Tom, shared: Any
    ) -> None:
        tom.share(shared, "y")
        broken = {"x": {"ADAPTER": "no such"}, "y": {"ADAPTER": "memory"}}
        with override_settings(DATA_SHARING=broken):
            tom.datum(shared)
            assert tom.deliver() == 1
            assert "no such" in tom.outbox(shared).problem
        assert tom.deliver(after=400) == 1

    def test_all_sharing_paused(self, tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        tom.datum(shared)
        for stopped in (True, "yes"):  # whoever writes anything there wants nothing to leave
            with override_settings(SHARECORE_PAUSED=stopped):
                assert tom.deliver() == 0
        monkeypatch.setenv("SHARECORE_PAUSED", "1")
        assert tom.deliver() == 0
        assert not tom.x.opened
        monkeypatch.setenv("SHARECORE_PAUSED", "0")
        assert tom.deliver() == 1

    def test_a_schedule_of_the_sites_own(self, tom: Tom, shared: Any) -> None:
        from sharecore import Deferred

        row = tom.datum(shared)
        tom.x.will(Deferred(reason="busy"))
        with override_settings(SHARECORE_RETRY_SCHEDULE=[100]):
            tom.deliver()
            tom.deliver(after=90)
            assert len(tom.x.calls) == 1
            tom.deliver(after=30)
        assert tom.state(row) == "failed"

    def test_an_adapter_is_opened_once_and_anew_when_its_settings_change(self, tom: Tom, shared: Any) -> None:
        for _ in range(3):
            tom.datum(shared)
            tom.deliver()
        assert (tom.x.opened, tom.x.closed) == (1, 0)
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "PASSWORD": "new"}}):
            tom.datum(shared)
            tom.deliver()
            assert (tom.x.opened, tom.x.closed) == (2, 1)


class TestLimits:
    def test_a_share_of_some_kinds_keeps_the_others_at_home(self, tom: Tom, shared: Any) -> None:
        open_outboxes.limit(tom.outbox(shared), filter=write_filter(Filter(kinds=(Kind.PHOTOMETRY,))))
        limit = tom.datum(shared, brightness=None, limit=20.0)
        tom.datum(shared)
        assert tom.deliver() == 1
        assert tom.states() == ["delivered"]  # What the filter keeps has no row in the ledger.
        open_outboxes.limit(tom.outbox(shared), filter="")
        assert tom.deliver() == 1
        assert tom.state(limit) == "delivered"

    def test_a_limit_holds_for_what_is_left_of_a_backlog(self, tom: Tom, shared: Any) -> None:
        tom.x.max_batch = 1
        tom.datum(shared)
        limit = tom.datum(shared, brightness=None, limit=20.0)

        def limited(record: object) -> object:
            open_outboxes.limit(tom.outbox(shared), filter=write_filter(Filter(kinds=(Kind.PHOTOMETRY,))))
            return tom.x.store(record)  # type: ignore[arg-type]

        tom.x.will(limited, times=1)  # type: ignore[arg-type]
        assert tom.deliver() == 1
        assert tom.state(limit) == "withheld"

    def test_a_share_that_is_over_takes_up_no_more(self, tom: Tom, shared: Any) -> None:
        open_outboxes.limit(tom.outbox(shared), until=tom.clock.now + timedelta(hours=1))
        tom.datum(shared)
        assert tom.deliver() == 1
        tom.clock.forward(hours=2)
        tom.datum(shared)
        assert tom.deliver() == 0


class TestByHand:
    def test_all_data_of_a_target_once(self, tom: Tom) -> None:
        target = tom.target()
        tom.data(target, 3)
        message = functions.share_target_and_all_data("x", target, tom.user(target, name="rita"))
        assert message.startswith("3 ")
        assert tom.deliver() == 3
        assert {call.shared_by for call in tom.x.calls} == {"rita"}
        tom.datum(target)
        assert tom.deliver() == 0, "what was asked for once is not followed"
        assert functions.share_target_and_all_data("x", target, None).startswith("1 ")
        assert tom.deliver() == 1
        assert not tom.x.repeated

    def test_chosen_data_and_a_data_product(self, tom: Tom) -> None:
        target = tom.target()
        rows = tom.data(target, 3)
        answer = functions.share_data_with_tom("x", {}, selected_data=[rows[1].pk])
        assert answer["message"].startswith("1 ")
        assert tom.deliver() == 1
        product = DataProduct.objects.create(target=target, product_id="p1")
        PhotometryReducedDatum.objects.filter(pk=rows[2].pk).update(data_product=product)
        assert functions.share_data_with_tom("x", {}, product_id=product.pk)["message"].startswith("1 ")
        assert tom.deliver() == 1
        answer = functions.share_data_with_tom("x", {}, product_id=product.pk)
        assert answer == {"message": "Nothing new was queued for x."}, "nobody is told what x has"
        assert [tom.states().count(state) for state in ("delivered", "pending")] == [2, 0]

    def test_then_a_continuous_share_sends_none_of_it_again(self, tom: Tom) -> None:
        target = tom.target()
        tom.data(target, 2)
        functions.share_target_and_all_data("x", target, None)
        tom.deliver()
        tom.share(target)
        assert tom.share_existing(target) == 0
        tom.datum(target)
        assert tom.deliver() == 1

    def test_an_edit_of_what_was_shared_once_is_not_sent(self, tom: Tom) -> None:
        tom.x.can_update = True
        target = tom.target()
        row = tom.datum(target)
        functions.share_target_and_all_data("x", target, None)
        tom.deliver()
        row.brightness = 12.0
        row.save()
        assert tom.deliver() == 0
        assert tom.deliver(after=100000) == 0

    def test_deleting_the_share_leaves_what_was_asked_for_by_hand(self, tom: Tom) -> None:
        target = tom.target()
        share = tom.share(target)
        row, new = tom.datum(target), tom.datum(target)
        functions.share_data_with_tom("x", {}, selected_data=[row.pk])
        share.delete()
        assert tom.deliver() == 1
        assert (tom.state(row), Delivery.objects.filter(datum_pk=new.pk).count()) == ("delivered", 0)

    def test_without_rights_it_stays_at_home(self, tom: Tom) -> None:
        target = tom.target()
        row = tom.datum(target)
        functions.share_target_and_all_data("x", target, tom.user(name="eve"))
        assert tom.deliver() == 0
        assert "eve" in tom.row(row).reason

    def test_a_target_without_data_is_made_known(self, tom: Tom) -> None:
        target = tom.target()
        group = TargetList.objects.create(name="Campaign")
        functions.share_target_with_tom("x", {"target": target}, [group])
        tom.deliver()
        (told,) = tom.x.introduced
        assert (told.name, told.lists) == (target.name, ("Campaign",))
        tom.deliver(after=1000)
        assert len(tom.x.introduced) == 1

    def test_making_it_known_waits_for_a_destination_that_is_down(self, tom: Tom) -> None:
        target = tom.target()
        functions.share_target_with_tom("x", {"target": target})
        tom.x.will(DestinationError("down"), times=1)
        tom.deliver()
        assert not tom.x.introduced
        tom.deliver(after=10)
        assert len(tom.x.introduced) == 1

    def test_a_plugin_that_breaks_on_it_is_not_asked_for_ever(self, tom: Tom) -> None:
        target = tom.target()
        functions.share_target_with_tom("x", {"target": target})
        tom.x.will(PluginError("no targets"), times=1)
        for _ in range(5):
            tom.deliver(after=1000)
        assert not tom.x.introduced


class TestScan:
    def test_new_data_are_found_without_a_hint(self, tom: Tom, shared: Any) -> None:
        scan = Scan()
        assert scan.outboxes() == [tom.outbox(shared).pk]
        tom.deliver()
        assert scan.outboxes() == []
        tom.data(shared, 2)
        assert scan.outboxes() == [tom.outbox(shared).pk]

    def test_a_late_row_with_a_low_key_is_found_in_rotation(self, tom: Tom, shared: Any) -> None:
        high = tom.datum(shared, id=500_000)
        tom.deliver()
        scan = Scan()
        scan.outboxes()
        tom.datum(shared, id=high.pk - 400_000)
        assert scan.outboxes() == [tom.outbox(shared).pk]

    def test_what_waits_for_its_time_is_left_alone(self, tom: Tom, shared: Any) -> None:
        from sharecore import Deferred

        tom.datum(shared)
        tom.x.will(Deferred(reason="busy", retry_after=1000), times=1)
        tom.deliver()
        scan = Scan()
        assert scan.outboxes() == []
        tom.clock.forward(seconds=1001)
        assert scan.waiting() == [tom.outbox(shared).pk]

    def test_what_a_dead_sender_left_is_found_when_its_lease_is_over(self, tom: Tom, shared: Any) -> None:
        from tom_integration.worker import leases

        tom.deliver()
        assert leases.acquire(tom.outbox(shared).pk) is not None
        assert Scan.waiting() == []
        tom.clock.forward(seconds=61)
        assert Scan.waiting() == [tom.outbox(shared).pk]

    def test_the_scrub_reads_everything_once_a_day_in_portions(
        self, tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tom_integration.worker import scan as module

        tom.x.can_update = True
        rows = tom.data(shared, 7)
        tom.deliver()
        monkeypatch.setattr(module, "RESCAN_ROWS", 2)
        PhotometryReducedDatum.objects.update(brightness_error=0.5)
        tom.clock.forward(days=1.5)
        for _ in range(5):
            Scan().rescan()  # each time a worker of its own, as from cron
        assert tom.deliver() == len(rows)

    def test_nothing_is_left_open_when_all_is_done(self, tom: Tom, shared: Any) -> None:
        tom.data(shared, 3)
        tom.deliver()
        outbox = tom.outbox(shared)
        assert (outbox.look_now, outbox.next_at, outbox.lease, outbox.problem) == (False, None, "", "")
        assert outbox.delivered_at is not None
        assert Scan.waiting() == []


def test_status_tells_how_it_stands(tom: Tom, shared: Any) -> None:
    from sharecore import Rejected

    tom.data(shared, 3)
    tom.x.will(Rejected(reason="no"), times=1)
    tom.deliver()
    gone = tom.target()
    tom.share(gone)
    gone.delete()
    tom.deliver()
    now = status.read()
    (outbox,) = [each for each in now.outboxes if each.share_id]
    assert outbox.target == shared.name
    assert dict(outbox.counts) == {"delivered": 2, "failed": 1}
    assert now.oldest is None
    assert now.advice == ""
    tom.datum(shared)
    tom.share(tom.target())
    assert "sharing deliver" in status.read().advice


def test_retry_of_one_share_and_of_one_that_is_none(tom: Tom, shared: Any) -> None:
    from sharecore import Rejected

    other = tom.target()
    share = tom.share(other)
    for target in (shared, other):
        tom.datum(target)
    tom.x.will(Rejected(reason="no"), times=2)
    tom.deliver()
    assert retry.retry(share.pk) == 1
    assert tom.deliver() == 1
    with pytest.raises(shares.NotPossible, match="There is no share"):
        retry.retry(10**6)


def test_every_try_is_kept(tom: Tom, shared: Any) -> None:
    from sharecore import Deferred

    row = tom.datum(shared)
    tom.x.will(Deferred(reason="busy"), times=2)
    for _ in range(4):
        tom.deliver(after=600)
    attempts = Attempt.objects.filter(delivery_id=tom.row(row).pk).order_by("pk")
    assert [attempt.outcome for attempt in attempts] == ["deferred", "deferred", "accepted"]
    assert all(attempt.started <= attempt.finished for attempt in attempts)


@pytest.mark.django_db(transaction=True)
def test_a_tom_that_shares_already_installs_the_app() -> None:
    """Shares from before act from now on; the data from before are not sent."""
    from django.utils import timezone
    from tom_targets.models import Target

    target = Target.objects.create(name="old", type="SIDEREAL", ra=1.0, dec=2.0)
    other = Target.objects.create(name="not shared", type="SIDEREAL", ra=1.0, dec=2.0)
    executor = MigrationExecutor(connection)
    try:
        executor.migrate([("sharecore", None)])
        share = PersistentShare(target=target, destination="x")
        PersistentShare.objects.bulk_create([share])
        for each in (target, other):
            PhotometryReducedDatum.objects.bulk_create(
                [
                    PhotometryReducedDatum(target=each, timestamp=timezone.now(), brightness=n, bandpass="r")
                    for n in range(3)
                ]
            )
        ReducedDatum.objects.bulk_create([ReducedDatum(target=target, data_type="spin", value={"a": 1})])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    outbox = Outbox.objects.get()
    assert (outbox.destination, outbox.target_id, outbox.look_now) == ("x", target.pk, True)
    assert outbox.share_id == PersistentShare.objects.get().pk
    rows = Delivery.objects.all()
    assert {(row.state, row.destination, row.outbox) for row in rows} == {("baseline", "x", outbox)}
    assert sorted(row.model for row in rows) == ["photometryreduceddatum"] * 3 + ["reduceddatum"]
    assert Origin.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_once_agree_on_the_origin() -> None:
    """A second one would be sent under other keys: what a look-up asks for would never be there."""
    both_have_looked = threading.Barrier(2)

    def ask(_: int) -> str:
        looks = itertools.count()

        def wait_after_first(execute: Any, *statement: Any) -> Any:
            answer = execute(*statement)
            if next(looks) == 0:
                both_have_looked.wait(timeout=60)
            return answer

        try:
            with connection.execute_wrapper(wait_after_first):
                return site.origin()
        finally:
            connection.close()

    Origin.objects.all().delete()
    site.forget()
    with ThreadPoolExecutor(2) as pool:
        answers = set(pool.map(ask, range(2)))
    assert answers == {str(each.uuid) for each in Origin.objects.all()}
    assert len(answers) == 1


def test_a_large_backlog_takes_few_statements(
    tom: Tom, shared: Any, django_assert_max_num_queries: Any
) -> None:
    """Not one for each record: thousands come out of one file."""
    tom.data(shared, 400)
    with django_assert_max_num_queries(250):
        assert tom.deliver() == 400
