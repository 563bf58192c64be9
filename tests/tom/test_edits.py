"""Unchanged content is never sent twice; changed content is a revision, where the destination takes it."""

from __future__ import annotations

from typing import Any

import pytest
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.sharing import continuous_share_data

from sharecore import Deferred, Filter, Names, Rejected, Unconfirmed
from tom.conftest import Tom, edit
from tom_integration import site
from tom_integration.models import Delivery, Outbox, write_filter
from tom_integration.outbox import changes, open_outboxes
from tom_integration.services import shares
from tom_integration.services.one_time import EVERYTHING, share_once
from tom_integration.worker import scan


def test_saving_without_a_change_sends_nothing(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.deliver()
    row.save()
    continuous_share_data(shared, [row])
    assert tom.deliver() == 0
    assert tom.deliver(after=100000) == 0
    assert len(tom.x.received) == 1


def test_an_edit_is_sent_where_the_destination_can_change_what_it_has(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness_error=0.5)
    assert tom.deliver() == 1
    first, second = tom.x.received
    assert first.key == second.key
    assert tom.x.calls[1].previous == {first.key: "memory-1"}
    assert tom.x.calls[0].previous == {}
    assert tom.row(row).revision == 1


def test_an_edit_of_a_datum_that_was_shared_by_hand_is_the_business_of_the_continuous_share(
    tom: Tom,
) -> None:
    tom.x.can_update = True
    target = tom.target()
    only_g = write_filter(Filter(bandpasses=Names(only=("g",))))
    share = shares.make(target.pk, "x", user=None, limits={"filter": only_g})
    row, refused = tom.datum(target), tom.datum(target)
    tom.x.will(Rejected(reason="no"), times=1, where=lambda each: each.brightness == refused.brightness)
    share_once("x", target.pk, EVERYTHING, user_id=None)
    assert tom.deliver() == 1
    edit(refused, brightness_error=0.5)
    assert tom.deliver() == 1, "what did not arrive is still what the person asked for"
    edit(row, brightness_error=0.5)
    assert tom.deliver() == 0
    assert "in the bandpass g" in tom.row(row).reason
    share_once("x", target.pk, EVERYTHING, user_id=None)
    assert tom.deliver() == 1
    open_outboxes.limit(tom.outbox(target), filter="")
    shares.pause(share, by=tom.user())
    edit(row, brightness_error=0.6)
    assert tom.deliver() == 0, "the share is paused"
    shares.resume(share)
    assert tom.deliver() == 1


def test_an_edit_is_noted_where_it_cannot(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness_error=0.5)
    assert tom.deliver() == 0
    assert tom.state(row) == "delivered"
    assert "edited since" in tom.row(row).reason
    assert tom.row(row).revision == 0
    assert tom.deliver(after=100000) == 0


@pytest.mark.parametrize("how", ["save", "name"])
def test_a_datum_from_before_is_shared_when_it_is_saved_or_named(tom: Tom, how: str) -> None:
    target = tom.target()
    row, other = tom.datum(target), tom.datum(target)
    tom.share(target)
    tom.deliver()
    if how == "save":
        row.save()
    else:
        continuous_share_data(target, [row])
    assert tom.deliver() == 1
    assert tom.state(other) == "baseline"


def test_an_update_without_signals_is_seen_by_the_rescan(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    PhotometryReducedDatum.objects.filter(pk=row.pk).update(brightness_error=0.5)
    assert tom.deliver(after=3600) == 0
    assert tom.deliver(after=90000) == 1


def test_a_rescan_that_took_long_does_not_set_back_those_who_went_on(
    tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tom.x.can_update = True
    rows = [tom.datum(shared) for _ in range(3)]
    tom.deliver()
    monkeypatch.setattr(scan, "RESCAN_ROWS", 1)
    real, others = changes.rescan, iter([4])

    def slow(*args: Any, **options: Any) -> int:
        after = real(*args, **options)
        for _ in range(next(others, 0)):
            scan.Scan().rescan()
        Outbox.objects.update(look_now=False)
        return after

    monkeypatch.setattr(changes, "rescan", slow)
    tom.clock.forward(hours=25)
    scan.Scan().rescan()
    assert tom.outbox(shared).look_now, "for what it found itself"
    PhotometryReducedDatum.objects.filter(pk=rows[0].pk).update(brightness_error=0.5)
    tom.clock.forward(hours=25)
    for _ in range(4):
        scan.Scan().rescan()
    assert tom.deliver() == 1


def test_the_scrub_takes_nothing_out_of_a_senders_hand(
    tom: Tom, shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent while the rescan reads would go out a second time, and the answer to the first be lost."""
    row = tom.datum(shared)
    tom.deliver()
    PhotometryReducedDatum.objects.filter(pk=row.pk).update(brightness_error=0.5)
    read = changes.load

    def meanwhile(rows: Any) -> Any:
        Delivery.objects.update(state="sending", lease="a sender")
        return read(rows)

    monkeypatch.setattr(changes, "load", meanwhile)
    changes.rescan(tom.outbox(shared), origin=site.origin(), now=tom.clock())
    assert tom.state(row) == "sending"


def test_an_edit_while_it_is_on_its_way(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)

    def meanwhile(record: Any) -> Any:
        edit(PhotometryReducedDatum.objects.get(pk=row.pk), brightness_error=0.5)
        tom.commit()
        return tom.x.store(record)

    tom.x.will(meanwhile, times=1)
    assert tom.deliver() == 2
    assert tom.x.records[0].brightness_error == 0.5  # type: ignore[union-attr]
    assert tom.deliver() == 0


def test_an_edit_that_could_not_be_sent_is_not_forgotten(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness_error=0.5)
    tom.x.will(Deferred(reason="busy"), times=1)
    assert tom.deliver() == 0
    assert tom.deliver(after=3600) == 1
    assert tom.x.records[0].brightness_error == 0.5  # type: ignore[union-attr]


def test_an_edit_with_an_unknown_fate_is_looked_up_and_sent_if_it_is_not_there(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness_error=0.5)
    tom.x.will(Unconfirmed(reason="no answer"), times=1)
    tom.deliver()
    tom.x.delete(tom.x.received[0])
    tom.deliver_until_quiet()
    assert tom.x.records[0].brightness_error == 0.5  # type: ignore[union-attr]


def test_a_refused_edit_undone_needs_no_sending(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.deliver()
    edit(row, brightness_error=-1.0)
    tom.x.will(Rejected(reason="negative"), times=1)
    tom.deliver()
    assert tom.state(row) == "failed"
    edit(row, brightness_error=None)
    assert tom.deliver() == 0
    assert tom.state(row) == "delivered"


def test_a_refused_datum_is_tried_again_when_it_is_mended(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared, unit="foo")
    tom.x.will(Rejected(reason="no such unit", field="unit"), times=1)
    tom.deliver()
    row.save()
    assert tom.deliver() == 0
    edit(row, unit="AB")
    assert tom.deliver() == 1


def test_a_datum_that_could_not_be_a_record_is_sent_when_it_is_mended(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared, brightness=None)
    assert tom.deliver() == 0
    assert tom.state(row) == "unsupported"
    edit(row, brightness=18.0)
    assert tom.deliver() == 1


def test_a_datum_that_can_no_longer_be_a_record_stops_nothing(tom: Tom, shared: Any) -> None:
    row = tom.datum(shared)
    tom.x.will(Unconfirmed(reason="no answer"), times=1)
    tom.deliver()
    edit(row, brightness=None)
    tom.datum(shared)
    assert tom.deliver_until_quiet() == 1
    assert tom.state(row) in ("needs_review", "unsupported")


def test_an_edit_while_its_fate_is_unknown(tom: Tom, shared: Any) -> None:
    tom.x.can_update = True
    row = tom.datum(shared)
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    tom.deliver()
    edit(row, brightness_error=0.5)
    tom.deliver_until_quiet()
    assert len(tom.x.received) == 2
    assert tom.x.records[0].brightness_error == 0.5  # type: ignore[union-attr]


def test_naming_data_with_a_wrong_target_does_no_harm(tom: Tom, shared: Any) -> None:
    other = tom.target()
    row = tom.datum(shared)
    tom.x.will(Deferred(reason="busy"), times=1)
    tom.deliver()
    continuous_share_data(other, [row])
    tom.deliver_until_quiet()
    assert len(tom.x.received) == 1
    assert tom.x.calls[-1].target.name == shared.name
