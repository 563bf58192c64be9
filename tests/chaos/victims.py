"""The processes of one round, and who kills them when, by a seed."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from realtoms import Service

START = 0.5
"""Seconds until the first kill."""
MEAN_PAUSE = 1.0
"""Seconds between two kills, on average."""
DATABASE = 0.12
"""The share of attacks that go to the database server, where it can be killed."""
CONNECTIONS = 0.15
"""The share of attacks that end all connections to the database server."""
FREEZE = 0.2
"""The share of attacks on workers that stop them for longer than their lease, and let them go on after.

On PostgreSQL only: a process that is stopped while it writes to SQLite locks everybody out of the file.
"""


@dataclass(eq=False)
class Victim:
    """A process that is started again when it is gone. over: whether it need not be any more."""

    process: Service
    kind: str
    over: Callable[[], bool]
    frozen_until: float = field(default=0.0, init=False)
    back_at: float = field(default=0.0, init=False)


class DatabaseKiller:
    """Kills the database server, and has a thread start it again; or ends its connections.

    end: ends them all, and returns False when it cannot.
    """

    def __init__(self, kill: Callable[[], None], start: Callable[[], None], end: Callable[[], bool]) -> None:
        self._kill = kill
        self._start = start
        self.end_connections = end
        self._thread: threading.Thread | None = None

    def strike(self) -> bool:
        """Kill it; False when it is down already."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._kill()
        self._thread = threading.Thread(target=self._restart, name="database", daemon=True)
        self._thread.start()
        return True

    def settle(self) -> None:
        """Wait until it runs."""
        if self._thread is not None:
            self._thread.join()

    def _restart(self) -> None:
        time.sleep(0.5)
        self._start()


class Attack:
    """Kills, freezes and starts again; `step` is to be called often.

    kills: how many of what, "ended" being those that nobody killed. times: when, in seconds of `time.time()`.
    """

    def __init__(
        self, seed: int, victims: list[Victim], *, freeze_seconds: float, database: DatabaseKiller | None
    ) -> None:
        self._chance = Random(f"attack {seed}")  # noqa: S311 - to be repeated, not to be secret
        self._victims = victims
        self._freeze_seconds = freeze_seconds
        self._database = database
        self._next = time.monotonic() + START
        self.kills: Counter[str] = Counter()
        self.ended = 0
        self.times: list[float] = []

    def step(self) -> None:
        """What is to be done at this moment."""
        now = time.monotonic()
        for victim in self._victims:
            self._tend(victim, now)
        if now >= self._next:
            self._next = now + self._chance.expovariate(1 / MEAN_PAUSE)
            self._strike(now)

    def _tend(self, victim: Victim, now: float) -> None:
        if victim.over():
            return
        if victim.frozen_until and now >= victim.frozen_until:
            victim.frozen_until = 0.0
            victim.process.send(signal.SIGCONT)
        if victim.back_at and now >= victim.back_at:
            victim.back_at = 0.0
            victim.process.start()
        elif not victim.back_at and not victim.process.running:
            # It found no database, for example; whatever runs a service starts it again.
            self.ended += 1
            victim.back_at = now + 0.3

    def _strike(self, now: float) -> None:
        chance = self._chance
        target, mode, pause = chance.random(), chance.random(), chance.uniform(0.05, 0.8)
        if self._database is not None and chance.random() < DATABASE and self._database.strike():
            self._count("database")
            return
        if self._database is not None and chance.random() < CONNECTIONS and self._database.end_connections():
            self._count("connections")
            return
        # Out of all: the fewer are left, the fewer attacks, or the last would never get anything done.
        victim = self._victims[int(target * len(self._victims))]
        if not victim.process.running or victim.frozen_until or victim.over():
            return
        if self._database is not None and victim.kind == "worker" and mode < FREEZE:
            self._count("freeze")
            victim.frozen_until = now + self._freeze_seconds
            victim.process.send(signal.SIGSTOP)
        else:
            self._count(victim.kind)
            victim.process.kill()
            victim.back_at = now + pause

    def _count(self, kind: str) -> None:
        self.kills[kind] += 1
        self.times.append(time.time())
