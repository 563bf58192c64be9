"""Run the worker: one thread that takes hints and scans, and a thread for each destination."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from django.db import InterfaceError, OperationalError, connections

from sharecore import shutdown
from tom_integration import conf
from tom_integration.models import Outbox
from tom_integration.notices.look import Notices
from tom_integration.outbox import named_data
from tom_integration.outbox.open_outboxes import look_at
from tom_integration.outbox.retention import Upkeep
from tom_integration.portions import portions
from tom_integration.worker import end_waits, heartbeat, offered_topics, quick_look
from tom_integration.worker.blocked import put_off
from tom_integration.worker.destination_thread import DestinationThread, guarded
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan

GATHER = 0.05
"""Seconds that a hint waits for other hints: data often come in bursts."""
QUICK_SCAN_SECONDS = 1.0
"""Seconds between two looks for outboxes that have become due."""
PORTION = 1000
"""Named data that are marked at once: a database takes only so many values in a statement."""
REST = 0.2
"""Seconds between two portions of shares to be made or attached, in which others can write."""

FINISH = 1.5
"""Seconds that a process which ends gives to the calls under way."""
GIVE_BACK = 1.0
"""Seconds for writing the outcomes of the calls that were broken off after that."""

_NOTICES = ":notices"
"""The name of the thread that sends mails; no destination has a colon in its name."""

Hint = tuple[int, dict[str, list[int]]]


class Worker:
    """Deliver the due records of this TOM, in threads of its own."""

    def __init__(self, runner: str) -> None:
        self._runner = runner
        self._hints: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self._told: dict[int, dict[str, set[int]]] = {}
        """The hints to be taken next: the named data by target and model."""
        self._threads: dict[str, DestinationThread] = {}
        self._scan = Scan()
        self._upkeep = Upkeep()
        self._notices = Notices()
        self._scanned = 0.0
        self._batch_window = True
        self._stopping = threading.Event()
        self._delivered = 0
        self._counting = threading.Lock()

    def wake(self, target_id: int, named: dict[str, list[int]]) -> None:
        """Take a hint that a target has new or edited data; it is kept in memory only."""
        self._hints.put((target_id, named))

    def run(self) -> None:
        """Work until `stop`."""
        guarded(end_waits.after_a_start, "what was put off before the start")
        while not self._stopping.is_set():
            if self._scan.more_shares or self._scan_is_due() or quick_look.finds_work():
                guarded(self._look_around, "a look of the worker")
            self._collect()
        self._close()

    def run_once(self, report: Callable[[int], None] = lambda left: None) -> int:
        """Scan, deliver what is due now, and return how many records arrived.

        The batch window is not kept: under cron, the next look at new data would be minutes away.

        Args:
            report: called now and then with the number of destinations still at work.
        """
        self._batch_window = False
        guarded(self._look_around, "the scan")
        while self._scan.more_shares:
            guarded(self._look_around, "attaching shares")
        while any(thread.busy for thread in self._threads.values()):
            time.sleep(GATHER)
            report(sum(thread.busy for name, thread in self._threads.items() if name != _NOTICES))
        self._close()
        return self._delivered

    def stop(self) -> None:
        """Let the worker finish the calls under way and end."""
        self._stopping.set()
        self._hints.put(None)

    def _collect(self) -> None:
        """Wait for hints, take those that come together, and queue their outboxes."""
        try:
            hints = [self._hints.get(timeout=REST if self._scan.more_shares else QUICK_SCAN_SECONDS)]
            time.sleep(GATHER)
        except queue.Empty:
            hints = []
        while not self._hints.empty():
            hints.append(self._hints.get())
        for target_id, named in filter(None, hints):
            together = self._told.setdefault(target_id, {})
            for model, pks in named.items():
                together.setdefault(model, set()).update(pks)
        if self._told:
            guarded(self._take, "hints")

    def _take(self) -> None:
        """Mark the named data and queue the outboxes; keep the hints while the database takes nothing.

        No scan would find an edit, only the full rescan.
        """
        told, self._told = self._told, {}
        try:
            for target_id, named in told.items():
                for model, pks in named.items():
                    for portion in portions(sorted(pks), PORTION):
                        named_data.mark(target_id, model, portion)
                look_at(target_id)
        except (OperationalError, InterfaceError):
            self._told = told
            raise
        self._put(
            Outbox.objects.filter(target_id__in=told).values_list("pk", flat=True),
            self._look_unless_blocked,
        )

    def _scan_is_due(self) -> bool:
        return not self._scanned or time.monotonic() - self._scanned >= conf.settings().scan_seconds

    def _look_around(self) -> None:
        guarded(self._scan.match_if_asked, "attaching shares")
        if not self._scan_is_due():
            self._put(self._scan.waiting(), self._look_unless_blocked)
            return
        self._scanned = time.monotonic()
        heartbeat.beat(self._runner)
        # Guard each by itself: a step that fails each time must not keep the others from running.
        guarded(lambda: self._put(self._scan.outboxes(), self._look), "the scan")
        guarded(self._scan.rescan, "the rescan")
        guarded(self._upkeep.step, "the upkeep")
        guarded(self._ask_for_topics, "asking for topics")
        self._thread_of(_NOTICES).put("notices", partial(self._notices.step, stop=self._stopping.is_set))

    def _ask_for_topics(self) -> None:
        for destination in offered_topics.stale():
            self._thread_of(destination.name).put("topics", partial(offered_topics.ask, destination))

    def _put(self, outbox_ids: Iterable[int], work: Callable[[int, DestinationThread], None]) -> None:
        pks = list(outbox_ids)
        for pk, destination in Outbox.objects.filter(pk__in=pks).values_list("pk", "destination"):
            thread = self._thread_of(destination)
            thread.put(f"outbox {pk}", partial(work, pk, thread))

    def _look(self, outbox_id: int, thread: DestinationThread) -> None:
        arrived = reconcile(outbox_id, stop=thread.stopping.is_set, batch_window=self._batch_window)
        with self._counting:
            self._delivered += arrived

    def _look_unless_blocked(self, outbox_id: int, thread: DestinationThread) -> None:
        if not put_off(outbox_id):
            self._look(outbox_id, thread)

    def _ended(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        return all(thread.join(until - time.monotonic()) for thread in self._threads.values())

    def _thread_of(self, destination: str) -> DestinationThread:
        if destination not in self._threads:
            self._threads[destination] = DestinationThread(destination, self._stopping)
        return self._threads[destination]

    def _close(self) -> None:
        with shutdown.ending():
            for thread in self._threads.values():
                thread.stop()
            if not self._ended(FINISH):
                shutdown.cut()
                self._ended(GIVE_BACK)
        heartbeat.end()
        connections.close_all()
