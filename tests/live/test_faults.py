"""Each fault between a TOM that shares and a stock TOM: the ledger knows, and all arrives, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from faults.plan import Fault, Plan
from faults.proxy import Proxy, running
from realtoms import Tom, User, compare, make_tom
from realtoms.service import free_port

RECORDS = 4
# One request in flight, so that the first one meets the fault and what comes after it is known.
TIMES = {"CONNECT_TIMEOUT": 1.0, "READ_TIMEOUT": 3.0, "SETTLE_SECONDS": 1.0, "CONCURRENCY": 1}
BRIEF, HOLD = 0.3, 8.0
"""Seconds: less, and more, than the sender waits for an answer."""

SENT = Fault.RESET_AFTER, Fault.TRUNCATED, Fault.HELD, Fault.DRIP
"""The receiver has done these, but its answer is lost."""

ROUND = """
import json
from django.contrib.auth.models import User
from django.core.management import call_command
from tom_integration.models import Attempt, Outbox, Delivery, DestinationHealth
from tom_targets.models import PersistentShare, Target

def deliver():
    call_command("sharing", "deliver", "--once", verbosity=0)

def states(target):
    rows = Delivery.objects.filter(outbox__target_id=target.pk).order_by("timestamp")
    print(json.dumps([[row.state, row.attempts, row.failures, row.reason] for row in rows]))
"""
FIRST = (
    ROUND
    + """
from datetime import timedelta
from django.utils import timezone
from tom_dataproducts.models import PhotometryReducedDatum

DestinationHealth.objects.all().delete()
target = Target.objects.create(name={name!r}, type="SIDEREAL", ra=10.0, dec=-20.0)
user = User.objects.get(username="admin")
PersistentShare.objects.create(target=target, destination="there", user=user)
now = timezone.now()
PhotometryReducedDatum.objects.bulk_create(
    PhotometryReducedDatum(
        target=target, timestamp=now + timedelta(minutes=n), brightness=18 + n / 4, bandpass="r", unit="AB"
    )
    for n in range({records})
)
deliver()
states(target)
"""
)
LATER = (
    ROUND
    + """
import time
target = Target.objects.get(name={name!r})
for _ in range(60):
    if not Delivery.objects.filter(outbox__target_id=target.pk).exclude(state="delivered").exists():
        break
    DestinationHealth.objects.all().update(open_until=None)
    Outbox.objects.filter(target_id=target.pk).update(look_now=True, next_at=None)
    deliver()
    time.sleep(0.25)
states(target)
"""
)


@pytest.fixture(scope="module")
def proxy(receiver_31: Tom) -> Iterator[Proxy]:
    with running(receiver_31.url, port=free_port()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def sharing(receiver_31: Tom, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tom]:
    entry = {"BASE_URL": proxy.url, "API_KEY": receiver_31.tokens["sharer"], **TIMES}
    tom = make_tom(
        tmp_path_factory.mktemp("toms") / "sender",
        name="sender",
        users=[User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)],
        apps=["tom_integration"],
        # longer than one round takes on a busy machine, which would try again in the same round
        settings={"DATA_SHARING": {"there": entry}, "SHARECORE_RETRY_SCHEDULE": (5.0, 5.0, 5.0)},
    )
    yield tom
    tom.remove()


def _last(output: str) -> list[list[Any]]:
    rows: list[list[Any]] = json.loads(output.splitlines()[-1])
    return rows


@pytest.mark.parametrize("fault", Fault)
def test_a_datum_that_meets_a_fault_arrives_once(
    fault: Fault, proxy: Proxy, sharing: Tom, receiver_31: Tom, target_name: str
) -> None:
    proxy.plan = Plan(
        first=(fault,), only="POST /api/reduceddatums/", seconds=BRIEF if fault is Fault.LATENCY else HOLD
    )
    met = proxy.met[fault]
    rows = _last(sharing.execute(FIRST.format(name=target_name, records=RECORDS)))
    assert proxy.met[fault] == met + 1
    first, rest = rows[0], rows[1:]
    here = compare(sharing.database, receiver_31.database, [target_name])
    assert here.duplicates == here.foreign == 0
    match fault:
        case Fault.RESET_BEFORE | Fault.RESET_AFTER | Fault.TRUNCATED:
            # One lost connection says little about the receiver: only the datum's fate is unknown.
            assert first[0] == "unconfirmed"
            assert {state for state, *_ in rest} == {"delivered"}
        case Fault.BLACK_HOLE | Fault.HELD | Fault.DRIP | Fault.HTML | Fault.WRONG_JSON:
            assert first[0] == "unconfirmed"
            assert [row[:3] for row in rest] == [["pending", 1, 0]] * len(rest), "not sent, and at no cost"
        case Fault.REFUSED:
            assert first[0] == "delivered"
            assert [row[:3] for row in rest] == [["pending", 1, 0]] * len(rest), "not sent, and at no cost"
        case Fault.SERVER_ERROR:
            assert (first[0], first[2]) == ("pending", 1)
            assert {state for state, *_ in rest} == {"delivered"}
        case _:
            # Waits that end within one call.
            assert {state for state, *_ in rows} == {"delivered"}
    assert here.lost == sum(state != "delivered" for state, *_ in rows) - (fault in SENT)
    proxy.plan = Plan()
    rows = _last(sharing.execute(LATER.format(name=target_name)))
    assert {state for state, *_ in rows} == {"delivered"}
    assert compare(sharing.database, receiver_31.database, [target_name]).perfect
