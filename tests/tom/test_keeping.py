"""A lease kept alive while a call lasts, and a destination that is tried by one, survive what goes wrong."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from sharecore.addresses import Address
from tom_integration.models import DestinationHealth
from tom_integration.worker import breaker, leases, run, scan

if TYPE_CHECKING:
    from tom.conftest import Tom


@pytest.mark.parametrize("trouble", [OperationalError("database is locked"), OperationalError("server gone")])
def test_one_renewal_that_fails_does_not_end_a_lease(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Another sender would take the outbox in the middle of the call, and send the same again."""
    target = tom.target()
    tom.share(target)
    lease = leases.acquire(tom.outbox(target).pk)
    assert lease is not None
    renewed = threading.Event()
    answers = iter([trouble])

    def renew(self: leases.Lease) -> bool:
        error = next(answers, None)
        if error is not None:
            raise error
        return True

    monkeypatch.setattr(leases.Lease, "renew", renew)
    with override_settings(SHARECORE_LEASE_SECONDS=0.03), leases.keep_alive(lease, renewed.set):
        assert renewed.wait(60)


def test_whoever_tries_a_destination_and_dies_holds_it_up_no_longer_than_its_lease(tom: Tom) -> None:
    address = Address(name="x")
    DestinationHealth.objects.create(destination="x", failures=2)
    with override_settings(SHARECORE_LEASE_SECONDS=5):
        assert breaker.probe(address, now=tom.clock.now) == (None, "")
        assert breaker.obstacle(address, credentials="", now=tom.clock.now) is not None
        tom.clock.forward(seconds=6)
        assert breaker.obstacle(address, credentials="", now=tom.clock.now) is None
        assert breaker.probe(address, now=tom.clock.now) == (None, "")


def writes(queries: CaptureQueriesContext) -> list[str]:
    verbs = ("INSERT", "UPDATE", "DELETE")
    statements = [re.sub(r"^\d+ times: ", "", each["sql"]) for each in queries.captured_queries]
    return [each[:80] for each in statements if each.startswith(verbs)]


def test_a_look_at_a_outbox_writes_little(tom: Tom) -> None:
    """On SQLite each write of ours makes transactions fail that have read and are about to write."""
    target = tom.target()
    tom.share(target)
    tom.datum(target)
    tom.deliver()
    pk = tom.outbox(target).pk
    with CaptureQueriesContext(connection) as idle:
        run.reconcile(pk)
    assert len(writes(idle)) == 2, "its lease, taken and given back"
    tom.data(target, 3)
    with CaptureQueriesContext(connection) as busy:
        assert run.reconcile(pk) == 3
    versions = [sql for sql in writes(busy) if "sharecore_ledgerversion" in sql]
    assert len(writes(busy)) - len(versions) == 6, "also: registered, in hand, settled, and attempts"
    assert len(versions) == 4, "one in the transaction of each"


def test_a_lease_that_ends_soon_is_renewed_and_one_that_is_lost_is_not(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    lease = leases.acquire(tom.outbox(target).pk)
    assert lease is not None
    until = tom.outbox(target).lease_until
    assert lease.hold()
    assert tom.outbox(target).lease_until == until
    tom.clock.forward(seconds=30)
    assert lease.hold()
    assert tom.outbox(target).lease_until > until
    tom.clock.forward(seconds=100)
    assert leases.acquire(tom.outbox(target).pk) is not None
    assert not lease.hold()


def test_a_scan_that_finds_nothing_writes_nothing(tom: Tom) -> None:
    for _ in range(3):
        tom.datum(tom.share(tom.target()).target)
    tom.deliver()
    scanning = scan.Scan()
    scanning.outboxes()  # the first one of a process also looks at what settings changed
    with CaptureQueriesContext(connection) as few:
        assert scanning.outboxes() == []
    assert writes(few) == []
