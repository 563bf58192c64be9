"""Processes that end while they deliver finish or give back what is in hand, and nothing goes twice."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from live.scenes import query, save, states, until
from realtoms import Tom, compare

MakeTom = Callable[..., Tom]

BACKLOG = """
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target
from django.utils.dateparse import parse_datetime

target = Target.objects.create(name={name!r}, type="SIDEREAL", ra=10.5, dec=-3.25)
PersistentShare.objects.create(target=target, destination={destination!r})
PhotometryReducedDatum.objects.bulk_create(
    PhotometryReducedDatum(
        target=target, timestamp=parse_datetime(f"2026-02-01T{{n // 60:02}}:{{n % 60:02}}:00Z"), unit="AB",
        brightness=17 + n / 1000, bandpass="r",
    )
    for n in range({number})
)
"""


class Sink:
    """A receiver of webhooks that counts the events by their ids. pause: seconds for each answer."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.pause = 0.02
        self.hangs = threading.Event()
        self.goes_on = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if sink.hangs.is_set():
                    sink.goes_on.wait(60)
                    return
                sink.seen[self.headers["webhook-id"]] += 1
                sink.goes_on.wait(sink.pause)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def entry(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        return {"ADAPTER": "webhook", "URL": url, "SECRET": f"whsec_{'A' * 44}", "ALLOW_PRIVATE": True}

    def close(self) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


def counts(tom: Tom) -> dict[str, int]:
    return dict(query(tom, "SELECT state, count(*) FROM sharecore_delivery GROUP BY 1"))


def in_doubt(tom: Tom) -> int:
    """How many records were ever in doubt."""
    asked = "SELECT count(*) FROM sharecore_attempt WHERE outcome = 'unconfirmed'"
    open_ones = "SELECT count(*) FROM sharecore_delivery WHERE state IN ('unconfirmed', 'sending')"
    return int(query(tom, asked)[0][0]) + int(query(tom, open_ones)[0][0])


def test_server_processes_that_are_replaced_all_the_time(
    sender: MakeTom, sink: Sink, target_name: str
) -> None:
    """Each in the middle of a call that would last longer than anybody waits for a process that ends."""
    sink.pause = 0.15
    tom = sender(DATA_SHARING={"hook": sink.entry})
    tom.execute(BACKLOG.format(name=target_name, destination="hook", number=120))
    ((target,),) = query(tom, "SELECT id FROM tom_targets_basetarget")
    tom.serve(workers=2, options=["--max-requests", "5"])
    until(lambda: len(sink.seen) > 5, what=lambda: states(tom))
    for number in range(4000, 4030):
        save(tom, target, number)
    until(lambda: counts(tom) == {"delivered": 150}, seconds=90, what=lambda: states(tom))
    assert set(sink.seen.values()) == {1}
    assert len(sink.seen) == 150
    assert in_doubt(tom) == 0


@pytest.mark.parametrize("runner", ["thread", "command"])
def test_a_stop_while_a_destination_hangs(sender: MakeTom, sink: Sink, target_name: str, runner: str) -> None:
    """One request is under way, and in doubt; what stands behind it was not sent."""
    tom = sender(DATA_SHARING={"hook": sink.entry}, SHARECORE_RUNNER=runner)
    tom.execute(BACKLOG.format(name=target_name, destination="hook", number=120))
    service = tom.serve(workers=1).server if runner == "thread" else tom.start("sharing", "deliver")
    until(lambda: len(sink.seen) > 5, what=lambda: states(tom))
    sink.hangs.set()
    until(lambda: "sending" in counts(tom), what=lambda: states(tom))
    service.send(signal.SIGTERM)
    until(lambda: not service.running, seconds=15)
    found = counts(tom)
    assert found.get("unconfirmed", 0) <= 1, found
    assert found["pending"] >= 60
    assert "sending" not in found
    assert query(tom, "SELECT * FROM sharecore_outbox WHERE lease != ''") == []
    assert query(tom, "SELECT * FROM sharecore_worker") == []
    failures = "SELECT failures FROM sharecore_destinationhealth WHERE destination = 'hook' AND topic IS NULL"
    assert query(tom, failures) in ([], [(0,)]), "it was us who stopped"


def test_a_stop_in_the_middle_of_a_backlog(sender: MakeTom, receiver_31: Tom, target_name: str) -> None:
    tom = sender(DATA_SHARING={"new": receiver_31.sharing_entry("sharer", CONCURRENCY=2)})
    tom.execute(BACKLOG.format(name=target_name, destination="new", number=300))
    tom.serve(workers=1)

    def arrived() -> int:
        return compare(tom.database, receiver_31.database, [target_name]).arrived

    until(lambda: arrived() > 10, what=lambda: states(tom))
    tom.stop()
    assert set(counts(tom)) == {"delivered", "pending"}, counts(tom)
    assert in_doubt(tom) == 0
    tom.serve(workers=1)
    until(lambda: counts(tom) == {"delivered": 300}, seconds=60, what=lambda: states(tom))
    tries = "SELECT delivery_id FROM sharecore_attempt GROUP BY 1 HAVING count(*) > 1"
    assert query(tom, tries) == []
