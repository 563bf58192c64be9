"""Many workers on one ledger: each outbox has one sender at a time, all take part, and one may die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import psycopg
import pytest

from live.scenes import make_share, make_target, query, save, states, until
from realtoms import Tom, compare
from realtoms.postgres import server

MakeTom = Callable[..., Tom]

TARGETS, EACH = 8, 24
MANY = 200
"""What takes longer than it takes to see that some have arrived."""
MADE = """
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target

for number in range({targets}):
    target = Target.objects.create(name=f"{name} {{number}}", type="SIDEREAL", ra=10.5 + number, dec=-3.25)
    PersistentShare.objects.create(target=target, destination="b")
    PhotometryReducedDatum.objects.bulk_create(
        PhotometryReducedDatum(
            target=target, timestamp=f"2026-02-01T{{number:02}}:{{minute:02}}:00Z", unit="AB",
            brightness=17 + minute / 1000, bandpass="r",
        )
        for minute in range({each})
    )
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as address:
        yield address


def _calls(database: str) -> list[tuple[int, str, datetime, datetime]]:
    """Which worker was at work on which target, from when until when."""
    with closing(psycopg.connect(database)) as connection:
        return connection.execute(
            "SELECT DISTINCT d.outbox_id, a.worker, a.started, a.finished FROM sharecore_attempt a"
            " JOIN sharecore_delivery d ON d.id = a.delivery_id ORDER BY 1, 3"
        ).fetchall()


def _told(database: str) -> list[Any]:
    with closing(psycopg.connect(database)) as connection:
        return connection.execute(
            "SELECT state, reason, count(*) FROM sharecore_delivery GROUP BY 1, 2"
        ).fetchall()


def test_four_workers_share_one_ledger_on_postgresql_and_one_of_them_is_killed(
    sender: MakeTom, receiver_31: Tom, postgres: str, target_name: str
) -> None:
    tom = sender(
        postgres=postgres,
        # At this rate one worker has each target in hand for seconds, so that the others take the next.
        DATA_SHARING={
            "b": receiver_31.sharing_entry("sharer", CONCURRENCY=1, SETTLE_SECONDS=2, RATE_LIMIT=8)
        },
        SHARECORE_RUNNER="command",
        # A target is made once the calls of other workers are over, which is waited for as long as a lease: a
        # stock TOM on SQLite that is busy with both keeps the target half made.
        SHARECORE_LEASE_SECONDS=15.0,
        SHARECORE_SCAN_SECONDS=1.0,
    )
    tom.execute(MADE.format(name=target_name, targets=TARGETS, each=EACH))
    names = [f"{target_name} {number}" for number in range(TARGETS)]
    workers = [tom.start("sharing", "deliver") for _ in range(4)]

    def arrived() -> int:
        return compare(tom.database, receiver_31.database, names).arrived

    until(lambda: arrived() > TARGETS, seconds=90, what=lambda: _told(tom.database))
    workers[0].kill()
    assert arrived() < TARGETS * EACH, "it was killed too late to test anything"
    until(lambda: arrived() == TARGETS * EACH, seconds=120, what=lambda: _told(tom.database))
    found = compare(tom.database, receiver_31.database, names)
    assert (found.lost, found.duplicates, found.foreign) == (0, 0, 0)

    calls = _calls(tom.database)
    assert len({worker for _, worker, _, _ in calls}) >= 3, "the work was not shared"
    for _, of_target in groupby(calls, key=itemgetter(0)):
        for (_, one, _, finished), (_, other, started, _) in pairwise(of_target):
            assert one == other or started >= finished, "two workers had one outbox in hand"


def test_a_server_process_that_is_killed_while_its_thread_delivers(
    sender: MakeTom, receiver_31: Tom, target_name: str
) -> None:
    tom = sender(
        DATA_SHARING={"b": receiver_31.sharing_entry("sharer", CONCURRENCY=1, SETTLE_SECONDS=2)},
        SHARECORE_LEASE_SECONDS=3.0,
        SHARECORE_SCAN_SECONDS=1.0,
    )
    tom.serve(workers=1)
    target = make_target(tom, target_name)
    make_share(tom, target, "b")

    def arrived() -> int:
        return compare(tom.database, receiver_31.database, [target_name]).arrived

    save(tom, target, 0)
    until(lambda: arrived() == 1, what=lambda: states(tom))
    tom.execute(
        "from tom_dataproducts.models import PhotometryReducedDatum as P\n"
        f"P.objects.bulk_create(P(target_id={target}, unit='AB',"
        f" timestamp=f'2026-02-02T00:{{n // 60:02}}:{{n % 60:02}}Z',"
        f" brightness=17, bandpass='r') for n in range({MANY}))"
    )
    until(lambda: arrived() > 3, what=lambda: states(tom))
    ((name,),) = query(tom, "SELECT name FROM sharecore_worker")
    os.kill(int(name.rpartition(":")[2]), signal.SIGKILL)
    assert arrived() < 1 + MANY, "it was killed too late to test anything"
    save(tom, target, 1)  # gunicorn has another process by now, in which the next request starts the thread
    until(lambda: arrived() == 2 + MANY, seconds=60, what=lambda: states(tom))
    found = compare(tom.database, receiver_31.database, [target_name])
    assert (found.lost, found.duplicates, found.foreign) == (0, 0, 0)
