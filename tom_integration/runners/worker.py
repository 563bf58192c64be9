"""The worker: one thread that sweeps, and one lane per destination, so that none slows another."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from django.db import close_old_connections, connections
from django.utils import timezone

from tom_integration import claims, conf, ledger, site
from tom_integration.channels import look_at
from tom_integration.models import Channel
from tom_integration.models import Worker as Heartbeat
from tom_integration.reconciler import reconcile
from tom_integration.sweep import Sweep

logger = logging.getLogger(__name__)

GATHER = 0.05
"""Seconds that a hint waits for others: data often come in bursts."""
GLANCE = 1.0
"""Seconds between two looks at what has become due."""

Hint = tuple[int, dict[str, list[int]]]


class _Lane:
    """The thread that serves one destination."""

    def __init__(self, name: str) -> None:
        self._queue: queue.Queue[int | None] = queue.Queue()
        self._queued: set[int] = set()
        self._lock = threading.Lock()
        self._busy = 0
        self._thread = threading.Thread(target=self._run, name=f"sharecore-{name}", daemon=True)
        self._thread.start()

    def put(self, channel_id: int) -> None:
        with self._lock:
            if channel_id in self._queued:
                return
            self._queued.add(channel_id)
            self._busy += 1
        self._queue.put(channel_id)

    @property
    def busy(self) -> bool:
        return self._busy > 0

    def stop(self, timeout: float) -> None:
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (channel_id := self._queue.get()) is not None:
            with self._lock:
                self._queued.discard(channel_id)
            guarded(partial(reconcile, channel_id), f"channel {channel_id}")
            with self._lock:
                self._busy -= 1
        site.adapters.close()
        connections.close_all()


def guarded(work: Callable[[], object], what: str) -> None:
    """Do a piece of work on fresh connections; what goes wrong is logged, and done by the next sweep."""
    close_old_connections()
    try:
        work()
    except Exception:
        logger.exception("sharecore: %s failed; it will be tried again", what)
    finally:
        close_old_connections()


class Worker:
    """Delivers, in threads of its own, what this TOM has promised."""

    def __init__(self, runner: str) -> None:
        self._runner = runner
        self._hints: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self._lanes: dict[str, _Lane] = {}
        self._sweep = Sweep()
        self._swept = 0.0
        self._stopping = threading.Event()

    def wake(self, target_id: int, named: dict[str, list[int]]) -> None:
        """A hint: memory only."""
        self._hints.put((target_id, named))

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            guarded(self._turn, "a turn of the worker")
            self._collect()
        self._close()

    def run_once(self, report: Callable[[int], None] = lambda left: None) -> None:
        """Sweep, deliver what is due now, and return. report: told how many channels are still in work."""
        guarded(self._turn, "the sweep")
        while any(lane.busy for lane in self._lanes.values()):
            time.sleep(GATHER)
            report(sum(lane.busy for lane in self._lanes.values()))
        self._close()

    def stop(self) -> None:
        """Finish what is in hand, soon."""
        self._stopping.set()
        self._hints.put(None)

    def _collect(self) -> None:
        """Wait for hints, take those that come together, and put their channels to work."""
        try:
            hints = [self._hints.get(timeout=GLANCE)]
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
        self._put(Channel.objects.filter(target_id__in=targets).values_list("pk", flat=True))

    def _turn(self) -> None:
        now = time.monotonic()
        if self._swept and now - self._swept < conf.sweep_seconds():
            self._put(self._sweep.waiting())
            return
        self._swept = now
        self._beat()
        self._put(self._sweep.channels())
        self._sweep.scrub()

    def _put(self, channel_ids: Iterable[int]) -> None:
        pks = list(channel_ids)
        names = dict(Channel.objects.filter(pk__in=pks).values_list("pk", "destination"))
        for pk, address in names.items():
            lane = address.partition(":")[0]
            if lane not in self._lanes:
                self._lanes[lane] = _Lane(lane)
            self._lanes[lane].put(pk)

    def _beat(self) -> None:
        Heartbeat.objects.update_or_create(
            name=claims.worker_name(), defaults={"runner": self._runner, "seen": timezone.now()}
        )

    def _close(self) -> None:
        for lane in self._lanes.values():
            lane.stop(timeout=5.0)
        Heartbeat.objects.filter(name=claims.worker_name()).delete()
        connections.close_all()
