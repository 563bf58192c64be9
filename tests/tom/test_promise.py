"""A share is a promise: every datum of the target but those that were there before it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from tom_dataproducts.models import (
    AstrometryReducedDatum,
    PhotometryReducedDatum,
    ReducedDatum,
    SpectroscopyReducedDatum,
)
from tom_targets.models import PersistentShare
from tom_targets.sharing import continuous_share_data

from sharecore.delivery import State
from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Spectrum
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import named_data, open_outboxes

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


def test_new_data_of_every_model_are_sent_and_data_from_before_are_not(tom: Tom) -> None:
    target = tom.target()
    before = tom.datum(target)
    tom.share(target)
    when = before.timestamp
    tom.datum(target, exposure_time=30.0)
    tom.datum(target, brightness=None, limit=21.5)
    SpectroscopyReducedDatum.objects.create(
        target=target, timestamp=when, flux=[1.0, 2.0], wavelength=[4.0, 5.0]
    )
    AstrometryReducedDatum.objects.create(target=target, timestamp=when, ra=1.0, dec=2.0)
    ReducedDatum.objects.create(target=target, timestamp=when, data_type="spin", value={"period": 3.5})
    assert tom.deliver() == 5
    assert {type(record) for record in tom.x.records} == {
        Photometry, PhotometryLimit, Spectrum, Astrometry, OtherDatum,
    }  # fmt: skip
    assert before.brightness not in [getattr(record, "brightness", None) for record in tom.x.records]
    assert tom.state(before) == "baseline"
    assert not tom.y.received


def test_other_targets_stay_at_home(tom: Tom) -> None:
    shared, other = tom.target(), tom.target()
    tom.share(shared)
    tom.datum(other)
    assert tom.deliver() == 0


def test_a_record_says_whose_it_is(tom: Tom) -> None:
    target = tom.target("SN 2026abc")
    target.aliases.create(name="ZTF26abc")
    tom.share(target, user=tom.user(target, name="eve"))
    tom.datum(target)
    tom.deliver()
    (batch,) = tom.x.calls
    assert (batch.target.name, batch.target.aliases, batch.shared_by) == ("SN 2026abc", ("ZTF26abc",), "eve")
    assert batch.records[0].key.origin == batch.site.origin != ""


def test_data_loaded_in_bulk_without_signals_or_keys(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    rows = [tom.unsaved(target) for _ in range(5)]
    PhotometryReducedDatum.objects.bulk_create([*rows, rows[0]], ignore_conflicts=True)
    for row in rows:
        row.pk = None
    continuous_share_data(target, rows)
    assert tom.deliver() == 5
    assert tom.deliver(after=3600) == 0


@pytest.mark.parametrize("form", ["one", "queryset", "generator", "empty", "none"])
def test_continuous_share_data_takes_what_processors_give_it(tom: Tom, form: str) -> None:
    target = tom.target()
    row = tom.datum(target)
    tom.share(target)
    given = {
        "one": row,
        "queryset": PhotometryReducedDatum.objects.filter(pk=row.pk),
        "generator": (each for each in [row]),
        "empty": [],
        "none": None,
    }[form]
    continuous_share_data(target, given)
    # The row is older than the share: naming it asks for it.
    assert tom.deliver() == (1 if form in ("one", "queryset", "generator") else 0)


def test_a_row_that_commits_late_with_a_lower_primary_key_is_sent(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    first = tom.datum(target)
    late_pk = first.pk + 1
    tom.datum(target, id=late_pk + 1)
    assert tom.deliver() == 2
    tom.datum(target, id=late_pk)
    assert tom.deliver() == 1


def test_a_share_made_while_data_commit_late_takes_them_as_new(tom: Tom) -> None:
    target = tom.target()
    first = tom.datum(target)
    tom.datum(target, id=first.pk + 2)
    tom.share(target)
    tom.datum(target, id=first.pk + 1)
    assert tom.deliver() == 1


def test_rolled_back_data_are_never_sent(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    with transaction.atomic():
        tom.datum(target)
        transaction.set_rollback(True)
    assert tom.deliver() == 0


def test_share_existing_data_then_and_later(tom: Tom) -> None:
    target = tom.target()
    tom.data(target, 3)
    tom.share(target)
    assert tom.deliver() == 0
    assert tom.share_existing(target) == 3
    assert tom.deliver() == 3
    assert tom.share_existing(target) == 0
    assert tom.deliver() == 0


def test_a_share_deleted_and_made_again_sends_nothing_twice(tom: Tom) -> None:
    target = tom.target()
    share = tom.share(target)
    sent = tom.datum(target)
    tom.deliver()
    share.delete()
    meanwhile = tom.datum(target)
    tom.share(target)
    after = tom.datum(target)
    assert tom.deliver() == 1
    assert [tom.state(row) for row in (sent, meanwhile, after)] == ["delivered", "baseline", "delivered"]
    assert tom.share_existing(target) == 1
    assert tom.deliver() == 1
    assert len(tom.x.received) == 3
    assert not tom.x.repeated


def test_what_waited_when_a_share_was_deleted_is_not_sent_and_can_be_asked_for(tom: Tom) -> None:
    target = tom.target()
    share = tom.share(target)
    waiting = tom.datum(target)
    from sharecore import Deferred

    tom.x.will(Deferred(reason="busy"), times=1)
    tom.deliver()
    share.delete()
    assert tom.state(waiting) == "cancelled"
    assert tom.deliver(after=3600) == 0
    tom.share(target)
    assert tom.deliver(after=3600) == 0
    assert tom.state(waiting) == "baseline"
    tom.share_existing(target)
    assert tom.deliver() == 1


def test_a_share_given_another_destination_leaves_the_old_one(tom: Tom) -> None:
    target = tom.target()
    share = tom.share(target)
    tom.datum(target)
    tom.deliver()
    share.destination = "y"
    share.save()
    new = tom.datum(target)
    tom.deliver()
    assert len(tom.x.received) == 1
    assert [record.brightness for record in tom.y.received] == [new.brightness]


@pytest.mark.parametrize("how", ["bulk", "loaddata"])
def test_shares_made_without_a_signal_act_from_the_next_scan(tom: Tom, how: str, tmp_path: object) -> None:
    target = tom.target()
    before = tom.datum(target)
    if how == "bulk":
        PersistentShare.objects.bulk_create([PersistentShare(target=target, destination="x")])
    else:
        from pathlib import Path

        share = tom.share(target)
        file = Path(str(tmp_path)) / "shares.json"
        call_command("dumpdata", "tom_targets.persistentshare", output=str(file))
        share.delete()
        Outbox.objects.all().delete()
        Delivery.objects.all().delete()
        call_command("loaddata", str(file), verbosity=0)
    tom.deliver()
    tom.datum(target)
    assert tom.deliver() == 1
    assert tom.state(before) == "baseline"


def test_a_share_deleted_without_a_signal_stops(tom: Tom) -> None:
    target = tom.target()
    share = tom.share(target)
    PersistentShare.objects.filter(pk=share.pk)._raw_delete("default")
    tom.datum(target)
    assert tom.deliver() == 0
    assert tom.outbox(target).share_id is None


def test_a_deleted_datum_is_cancelled_before_and_forgiven_after(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.plugin["x"].batch_window_seconds = 10
    gone, kept = tom.datum(target), tom.datum(target)
    tom.deliver()
    gone_row = tom.row(gone)
    gone.delete()
    assert tom.deliver(after=11) == 1
    gone_row.refresh_from_db()
    assert gone_row.state == "cancelled"
    kept_row = tom.row(kept)
    kept.delete()
    tom.deliver(after=100000)
    kept_row.refresh_from_db()
    assert kept_row.state == "delivered"


def test_a_deleted_target_cancels_what_is_open_and_leaves_what_is_done(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    done = tom.datum(target)
    tom.deliver()
    done_row = tom.row(done)
    tom.x.batch_window_seconds = 10
    from tom_integration import site

    site.adapters.close()
    open_row_of = tom.datum(target)
    tom.deliver()
    open_row = tom.row(open_row_of)
    target.delete()
    for _ in range(3):
        tom.deliver(after=1000)
    open_row.refresh_from_db()
    assert open_row.state == "cancelled"
    fields = ("state", "delivered_at", "revision")
    was = [getattr(done_row, name) for name in fields]
    done_row.refresh_from_db()
    assert [getattr(done_row, name) for name in fields] == was


def test_a_large_backlog_goes_in_batches_in_order_of_time(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.x.max_batch = 7
    rows = [tom.unsaved(target) for _ in range(40)]
    PhotometryReducedDatum.objects.bulk_create(reversed(rows))
    assert tom.deliver() == 40
    times = [record.timestamp for record in tom.x.received]
    assert times == sorted(times)
    assert {len(batch.records) for batch in tom.x.calls} == {7, 5}


def test_new_records_wait_for_company_where_the_destination_wants_that(tom: Tom) -> None:
    target = tom.target()
    tom.x.batch_window_seconds = 10
    tom.share(target)
    tom.datum(target)
    assert tom.deliver() == 0
    tom.clock.forward(seconds=8)
    tom.datum(target)
    assert tom.deliver() == 0
    assert tom.deliver(after=3) == 2
    assert len(tom.x.calls) == 1


def test_shares_to_two_destinations_do_not_touch_each_other(tom: Tom) -> None:
    target = tom.target()
    tom.share(target, "x")
    tom.share(target, "y:one")
    tom.datum(target)
    from sharecore import DestinationError

    tom.x.will(DestinationError("down"))
    assert tom.deliver() == 1
    assert str(tom.y.calls[0].address) == "y:one"
    assert len({tom.x.calls[0].records[0].key, tom.y.received[0].key}) == 1


def test_rows_with_one_identity_and_other_content_have_keys_of_their_own(tom: Tom) -> None:
    """A key names one datum: at a receiver a second one would pass for an edit of the first."""
    target = tom.target()
    tom.share(target)
    first = tom.datum(target)
    tom.deliver()
    old = first.brightness
    first.brightness = 12.0
    first.save()
    tom.deliver()
    tom.datum(target, timestamp=first.timestamp, brightness=old)
    tom.deliver()
    keys = [record.key for record in tom.x.received if record.brightness == old]
    assert len(keys) == len(set(keys)) == 2


def test_two_equal_rows_are_one_observation(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    fields = {"target": target, "timestamp": tom.clock.now, "data_type": "spin", "value": {"period": 1.0}}
    ReducedDatum.objects.bulk_create([ReducedDatum(**fields), ReducedDatum(**fields)])
    assert tom.deliver() == 1
    assert tom.deliver(after=86400) == 0
    assert sorted(tom.states()) == ["delivered", "withheld"]


def test_the_adapter_state_is_kept_between_calls(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)

    class Noting(type(tom.x)):  # type: ignore[misc]
        def take(self, batch):  # type: ignore[no-untyped-def]
            batch.state["seen"] = [*batch.state.get("seen", []), len(batch.records)]
            return super().take(batch)

    tom.x.__class__ = Noting
    for _ in range(2):
        tom.data(target, 2)
        tom.deliver()
    assert tom.outbox(target).adapter_state == {"seen": [2, 2]}
    assert dataclasses.is_dataclass(tom.x.calls[0])


def test_an_adapter_state_that_cannot_be_kept_stops_nothing(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)

    class Careless(type(tom.x)):  # type: ignore[misc]
        def take(self, batch):  # type: ignore[no-untyped-def]
            batch.state["lock"] = object()
            return super().take(batch)

    tom.x.__class__ = Careless
    tom.datum(target)
    assert tom.deliver() == 1
    tom.datum(target)
    assert tom.deliver(after=1000) == 1
    assert "adapter noted" in tom.outbox(target).problem


def test_saving_a_shared_datum_never_raises(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tom.target()
    tom.share(target)
    row = tom.datum(target)
    tom.commit()

    def broken(*args: object) -> None:
        raise IntegrityError("no ledger")

    monkeypatch.setattr(named_data, "mark", broken)
    with transaction.atomic():
        row.save()
    assert [robust for _, _, robust in connection.run_on_commit] == [True]
    with pytest.raises(IntegrityError):
        tom.commit()
    assert timedelta(0) < tom.clock.now - row.timestamp


@pytest.mark.parametrize("in_bulk", [True, False])
def test_a_datum_is_new_when_a_scan_finds_its_share_while_that_is_being_made(tom: Tom, in_bulk: bool) -> None:
    """Both attach the share; what was saved after the first of them is not from before the share."""
    target = tom.target()
    share = PersistentShare(target=target, destination="x")
    PersistentShare.objects.bulk_create([share])
    opened: list[str] = []
    saved: list[Any] = []

    def slow(execute: Any, sql: str, *rest: Any) -> Any:
        if opened and not saved:
            # While the scan gets ready, the one who makes the share goes on, and saves a datum.
            saved.append(tom.unsaved(target))
            open_outboxes.attach(share)
            saved[0].save()
        if f'INTO "{Outbox._meta.db_table}"' in sql:
            opened.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(slow):
        if in_bulk:
            open_outboxes.match_shares()
        else:
            open_outboxes.attach(share)
    assert tom.deliver() == 1
    assert tom.state(saved[0]) == State.DELIVERED
