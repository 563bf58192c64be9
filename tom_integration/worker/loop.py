"""The worker: one thread that takes hints and scans, and a lane for each destination."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from django.db import connections

from sharecore import shutdown
from tom_integration import conf
from tom_integration.models import Outbox
from tom_integration.outbox import ledger
from tom_integration.outbox.opening import look_at
from tom_integration.outbox.retention import Upkeep
from tom_integration.worker import heartbeat, resume, topics
from tom_integration.worker.blocked import rests
from tom_integration.worker.lane import Lane, guarded
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan

GATHER = 0.05
"""Seconds that a hint waits for others: data often come in bursts."""
QUICK_SCAN_SECONDS = 1.0
"""Seconds between two looks at what has become due."""

FINISH = 1.5
"""Seconds that a process which ends gives to the requests that are under way."""
GIVE_BACK = 1.0
"""Seconds for writing down what became of those that were broken off then."""

Hint = tuple[int, dict[str, list[int]]]


class Worker:
    """Delivers, in threads of its own, what this TOM has promised."""

    def __init__(self, runner: str) -> None:
        self._runner = runner
        self._hints: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self._lanes: dict[str, Lane] = {}
        self._scan = Scan()
        self._upkeep = Upkeep()
        self._swept = 0.0
        self._batch_window = True
        self._stopping = threading.Event()

    def wake(self, target_id: int, named: dict[str, list[int]]) -> None:
        """A hint: memory only."""
        self._hints.put((target_id, named))

    def run(self) -> None:
        """Work until `stop`."""
        guarded(resume.after_a_start, "what was put off before the start")
        while not self._stopping.is_set():
            guarded(self._turn, "a turn of the worker")
            self._collect()
        self._close()

    def run_once(self, report: Callable[[int], None] = lambda left: None) -> None:
        """Scan, deliver what is due now, and return. report: told how many outboxes are still in work.

        New data wait for no company: who runs this looks again in minutes.
        """
        self._batch_window = False
        guarded(self._turn, "the scan")
        while self._scan.more_shares:
            guarded(self._turn, "attaching shares")
        while any(lane.busy for lane in self._lanes.values()):
            time.sleep(GATHER)
            report(sum(lane.busy for lane in self._lanes.values()))
        self._close()

    def stop(self) -> None:
        """Finish what is in hand, soon."""
        self._stopping.set()
        self._hints.put(None)

    def _collect(self) -> None:
        """Wait for hints, take those that come together, and put their outboxes to work."""
        try:
            hints = [self._hints.get(timeout=QUICK_SCAN_SECONDS)]
        except queue.Empty:
            return
        time.sleep(GATHER)
        while not self._hints.empty():
            hints.append(self._hints.get())
        told = [each for each in hints if each is not None]
        if told:
            guarded(lambda: self._take(told), "hints")

    def _take(self, hints: Iterable[Hint]) -> None:
        targets: set[int] = set()
        for target_id, named in hints:
            targets.add(target_id)
            for model, pks in named.items():
                ledger.name(target_id, model, pks)
        for target_id in targets:
            look_at(target_id)
        self._put(
            Outbox.objects.filter(target_id__in=targets).values_list("pk", flat=True),
            self._look_unless_blocked,
        )

    def _turn(self) -> None:
        now = time.monotonic()
        if self._scan.more_shares:
            guarded(self._scan.match, "attaching shares")
        if self._swept and now - self._swept < conf.settings().scan_seconds:
            self._put(self._scan.waiting(), self._look_unless_blocked)
            return
        self._swept = now
        heartbeat.beat(self._runner)
        # Each by itself: one that fails time after time must not keep the others from running.
        guarded(lambda: self._put(self._scan.outboxes(), self._look), "the scan")
        guarded(self._scan.rescan, "the rescan")
        guarded(self._upkeep.step, "the upkeep")
        guarded(self._ask_for_topics, "asking for topics")

    def _ask_for_topics(self) -> None:
        for destination in topics.stale():
            self._lane(destination.name).put("topics", partial(topics.ask, destination))

    def _put(self, outbox_ids: Iterable[int], work: Callable[[int, Lane], None]) -> None:
        pks = list(outbox_ids)
        for pk, destination in Outbox.objects.filter(pk__in=pks).values_list("pk", "destination"):
            lane = self._lane(destination)
            lane.put(f"outbox {pk}", partial(work, pk, lane))

    def _look(self, outbox_id: int, lane: Lane) -> None:
        reconcile(outbox_id, stop=lane.stopping.is_set, batch_window=self._batch_window)

    def _look_unless_blocked(self, outbox_id: int, lane: Lane) -> None:
        if not rests(outbox_id):
            self._look(outbox_id, lane)

    def _ended(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        return all(lane.join(until - time.monotonic()) for lane in self._lanes.values())

    def _lane(self, destination: str) -> Lane:
        if destination not in self._lanes:
            self._lanes[destination] = Lane(destination, self._stopping)
        return self._lanes[destination]

    def _close(self) -> None:
        with shutdown.ending():
            for lane in self._lanes.values():
                lane.stop()
            if not self._ended(FINISH):
                shutdown.cut()
                self._ended(GIVE_BACK)
        heartbeat.end()
        connections.close_all()
