"""The look of each second: it finds what the scan would, by one statement."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tom_integration.models import DestinationHealth, Outbox, ShareRule
from tom_integration.outbox import rules
from tom_integration.worker import quick_look
from tom_integration.worker.scan import Scan

if TYPE_CHECKING:
    from tom.conftest import Tom

SOON, LATER, NEVER = timedelta(seconds=20), timedelta(hours=2), timedelta(days=4000)


@pytest.mark.parametrize(
    ("outbox", "there_is"),
    [
        ({}, False),
        ({"look_now": True}, True),
        ({"next_at": -SOON}, True),
        ({"next_at": LATER}, False),
        ({"next_at": NEVER}, True),
        ({"look_now": True, "lease": "another", "lease_until": SOON}, False),
        ({"look_now": True, "lease": "another", "lease_until": -SOON}, True),
        ({"lease": "another", "lease_until": -SOON}, True),
        ({"lease": "another", "lease_until": NEVER}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("down", [None, -SOON, SOON], ids=str)
def test_it_sees_what_the_scan_would(
    tom: Tom, outbox: dict[str, Any], there_is: bool, down: timedelta | None
) -> None:
    target = tom.target()
    tom.share(target)
    tom.deliver()
    assert not quick_look.finds_work()
    now = tom.clock.now
    columns = {name: now + each if isinstance(each, timedelta) else each for name, each in outbox.items()}
    Outbox.objects.update(**columns)
    if down is not None:
        DestinationHealth.objects.create(destination="x", failures=1, open_until=now + down)
    assert bool(Scan.waiting()) is quick_look.finds_work()
    assert quick_look.finds_work() is there_is


def test_it_sees_that_a_destination_which_was_down_may_be_tried(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    tom.deliver()
    now = tom.clock.now
    Outbox.objects.update(next_at=now + SOON)
    DestinationHealth.objects.create(destination="x", failures=1, open_until=now - SOON)
    assert Scan.waiting()
    assert quick_look.finds_work()
    DestinationHealth.objects.update(paused="it refuses us")
    assert not Scan.waiting()
    assert not quick_look.finds_work()


def test_it_sees_a_new_rule(tom: Tom) -> None:
    rule = ShareRule.objects.create(name="all", destination="x", applied_at=tom.clock.now)
    assert not quick_look.finds_work()
    ShareRule.objects.filter(pk=rule.pk).update(applied_at=None)
    assert rules.asked()
    assert quick_look.finds_work()
