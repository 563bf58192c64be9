"""What another site gave to this TOM is shared on under the key that its observer gave it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tom_dataproducts.models import PhotometryReducedDatum

from sharecore.testing.examples import SITE, example_record
from tom.conftest import Tom
from tom.incoming import Sender, outcomes
from tom_integration import site
from tom_integration.models import InboxRecord
from tom_integration.outbox import observer_keys, retention


def test_key_and_bringer_travel_on(tom: Tom, sender: Sender, target: Any) -> None:
    tom.share(target)
    between = {"origin": "a-site-in-between", "name": "Between"}
    record, brought = example_record(), example_record()
    sender.send(target.name, record)
    sender.send(target.name, brought, site=between)
    own = tom.datum(target)
    tom.deliver_until_quiet()
    by_key = {each.key: each for each in tom.x.records}
    assert by_key[record.key] == record
    assert by_key[brought.key] == brought
    (ours,) = (each for each in tom.x.records if each.key.origin == site.origin())
    assert ours.brightness == own.brightness
    told = {key: origin for call in tom.x.calls for key, origin in call.relayed_by.items()}
    assert told == {record.key: SITE.origin, brought.key: "a-site-in-between"}


def test_a_revision_travels_on(tom: Tom, sender: Sender, target: Any) -> None:
    tom.x.can_update = True
    tom.share(target)
    record = example_record()
    sender.send(target.name, record)
    tom.deliver_until_quiet()
    assert outcomes(sender.send(target.name, replace(record, brightness=19.0))) == ["revised"]
    tom.deliver_until_quiet()
    assert [(each.key, each.brightness) for each in tom.x.received] == [
        (record.key, 18.5),
        (record.key, 19.0),
    ]


def test_moved_meanwhile(tom: Tom, sender: Sender, target: Any) -> None:
    record = example_record()
    sender.send(target.name, record)
    row = PhotometryReducedDatum.objects.get()
    row.delete()
    row.pk = None
    row.save()
    tom.share(target)
    tom.share_existing(target)
    tom.deliver_until_quiet()
    assert [each.key for each in tom.x.records] == [record.key]


def test_a_key_of_the_ledger_stays(tom: Tom, sender: Sender, target: Any) -> None:
    """We had it and had shared it, under our key, before the other site gave it to us too."""
    tom.x.can_update = True
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver_until_quiet()
    (first,) = tom.x.records
    other = replace(first, key=replace(first.key, origin=SITE.origin, id="theirs"))
    assert outcomes(sender.send(target.name, other)) == ["duplicate"]
    datum.brightness = 3.0
    datum.save()
    tom.deliver_until_quiet()
    assert [(each.key, each.brightness) for each in tom.x.received] == [
        (first.key, first.brightness),
        (first.key, 3.0),
    ]


class TestUpkeep:
    def test_keys_go_long_after_their_data(self, tom: Tom, sender: Sender, target: Any) -> None:
        kept, gone = example_record(), example_record()
        sender.send(target.name, kept, gone)
        PhotometryReducedDatum.objects.filter(timestamp=gone.timestamp).delete()
        assert retention.everything()["received"] == 0
        tom.clock.forward(days=100)
        assert retention.everything()["received"] == 1
        assert InboxRecord.objects.get().record_id == kept.key.id

    def test_a_primary_key_that_is_given_again(self, tom: Tom, sender: Sender, target: Any) -> None:
        """As after a restored backup: it leads to another datum."""
        record = example_record()
        sender.send(target.name, record)
        row = PhotometryReducedDatum.objects.get()
        pk = row.pk
        row.delete()
        retention.everything()
        other = tom.datum(target, pk=pk)
        assert outcomes(sender.send(target.name, record)) == ["accepted"]
        other.refresh_from_db()
        assert other.timestamp != record.timestamp

    def test_in_chunks(self, tom: Tom, sender: Sender, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(observer_keys, "CHUNK", 2)
        sender.send(target.name, *(example_record() for _ in range(5)))
        PhotometryReducedDatum.objects.all().delete()
        assert observer_keys.forget_gone(tom.clock() + timedelta(days=1)) == 5
        assert not InboxRecord.objects.exists()
