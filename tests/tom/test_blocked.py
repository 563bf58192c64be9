"""While a destination is down, what is saved for it costs next to nothing, and nothing of it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sharecore.exceptions import DestinationError
from tom_integration import conf
from tom_integration.models import Outbox
from tom_integration.outbox import open_outboxes
from tom_integration.worker.blocked import put_off
from tom_integration.worker.scan import Scan

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.fixture
def down(tom: Tom) -> Outbox:
    """An outbox whose destination has just failed for some minutes; one record of it waits."""
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.x.will(DestinationError("out of order", retry_after=200.0), times=1)
    tom.deliver()
    return tom.outbox(target)


def test_new_data_cost_a_handful_of_statements(tom: Tom, down: Outbox) -> None:
    tom.clock.forward(seconds=1)
    open_outboxes.look_at(down.target_id)
    with CaptureQueriesContext(connection) as queries:
        assert put_off(down.pk)
    assert len(queries) <= 5
    assert down.pk not in Scan.waiting(), "nobody looks again and again"


def test_what_waits_is_counted_with_the_next_scan(tom: Tom, down: Outbox) -> None:
    tom.clock.forward(seconds=1)
    assert put_off(down.pk)
    tom.clock.forward(seconds=conf.settings().scan_seconds)
    assert down.pk in Scan.waiting()
    assert not put_off(down.pk)


def test_it_goes_on_when_the_destination_may_be_tried_again(tom: Tom, down: Outbox) -> None:
    open_outboxes.look_at(down.target_id)
    tom.deliver(after=195)
    tom.clock.forward(seconds=2)
    assert put_off(down.pk)
    tom.clock.forward(seconds=4)
    assert down.pk in Scan.waiting()
    assert not put_off(down.pk)
    assert tom.deliver() == 1


def test_nobody_rests_while_the_destination_is_well_or_somebody_works(tom: Tom, down: Outbox) -> None:
    Outbox.objects.filter(pk=down.pk).update(lease="somebody")
    assert not put_off(down.pk)
    Outbox.objects.filter(pk=down.pk).update(lease="")
    other = tom.target()
    tom.share(other, "y")
    tom.datum(other)
    tom.deliver()
    assert not put_off(tom.outbox(other, "y").pk)
