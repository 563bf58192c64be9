"""The TOMs of a run: those that share, those that receive, and what is read of them from outside."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import cached_property
from itertools import count
from pathlib import Path

import psycopg
import requests

from bench.agent import Agent
from realtoms import Tom, TomError, User, make_tom

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")

PHOTOMETRY = "tom_dataproducts_photometryreduceddatum"


def say(text: str) -> None:
    """Tell people who watch; the figures go to standard output."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


class Receiver:
    """A TOM that is shared to, served by two gunicorn processes, with a log of its requests."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        self._access = tom.path / "access.log"

    def serve(self) -> None:
        """Start it."""
        options = ("--preload", "--access-logfile", str(self._access), "--timeout", "120")
        self.tom.serve(options=options)

    def introduce(self, target: str) -> None:
        """Make a target known: stock sharing does not by itself."""
        answer = requests.post(
            f"{self.tom.url}api/targets/",
            json={"name": target, "type": "SIDEREAL", "ra": 150.1, "dec": 2.2},
            headers={"Authorization": f"Token {self.tom.tokens[SHARER.username]}"},
            timeout=120,
        )
        if answer.status_code != 201:
            raise TomError(f"{self.tom.name} did not take {target}: {answer.text[:300]}")

    def requests(self) -> int:
        """Return how many it has answered so far."""
        return len(self._access.read_text().splitlines()) if self._access.exists() else 0

    def cpu(self) -> float:
        """Return the seconds of CPU that its processes, which may not end meanwhile, have used so far."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if self.tom.server.pid in (int(stat.parent.name), int(fields[1])):
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class World:
    """Everything that the figures need, made when it is first asked for, removed at the end.

    postgres: address of a server; SQLite without it. quick: few samples, to see that everything runs.
    """

    def __init__(self, folder: Path, *, postgres: str | None, quick: bool) -> None:
        self.folder = folder
        self.postgres = postgres
        self.quick = quick
        self._stack = ExitStack()
        self._names = count(1)

    def close(self) -> None:
        """End every process and remove every database."""
        self._stack.close()

    def some(self, many: int, few: int) -> int:
        """Return how many samples: many, or few in a quick run."""
        return few if self.quick else many

    def name(self, stem: str) -> str:
        """Return a name for a target that no other has."""
        return f"{stem} {next(self._names)}"

    def _tom(self, name: str, *, ours: bool, settings: Mapping[str, object] | None = None) -> Tom:
        say(f"making the TOM {name}")
        tom = make_tom(
            self.folder / name,
            name=name,
            users=[ADMIN, SHARER],
            apps=["tom_integration"] if ours else [],
            settings=settings,
            postgres=self.postgres,
        )
        self._stack.callback(tom.remove)
        return tom

    def agent(self, tom: Tom, name: str = "agent") -> Agent:
        """Return a process inside a TOM; it ends with the run."""
        return self._stack.enter_context(Agent(tom, name))

    def _receiver(self, name: str, *, ours: bool) -> Receiver:
        receiver = Receiver(self._tom(name, ours=ours))
        receiver.serve()
        return receiver

    @cached_property
    def stock_receiver(self) -> Receiver:
        """Return a stock TOM."""
        return self._receiver("stock-receiver", ours=False)

    @cached_property
    def our_receiver(self) -> Receiver:
        """Return a TOM with sharecore."""
        return self._receiver("our-receiver", ours=True)

    @cached_property
    def ours(self) -> Tom:
        """Return the TOM with sharecore that shares. What its destinations are called:

        `stock`, `bulk` (the same, by files) and `sharecore`; `second` and `third` are `stock` again.
        """
        stock = self.stock_receiver.tom.sharing_entry("sharer")
        destinations = {
            "stock": stock,
            "second": stock,
            "third": stock,
            "bulk": stock | {"BULK_UPLOAD": True},
            "sharecore": self.our_receiver.tom.sharing_entry("sharer"),
        }
        return self._tom("ours", ours=True, settings={"DATA_SHARING": destinations})

    @cached_property
    def stock(self) -> Tom:
        """Return the same TOM as tomtoolkit makes it."""
        stock = self.stock_receiver.tom.sharing_entry("sharer")
        destinations = {"stock": stock, "second": stock, "third": stock}
        return self._tom("stock", ours=False, settings={"DATA_SHARING": destinations})

    @cached_property
    def our_agent(self) -> Agent:
        """Return a process of `ours`. Its runner is `command`: it delivers only when a figure says so."""
        agent = self.agent(self.ours)
        agent.do("tasks_ours.runner", name="command")
        return agent

    @cached_property
    def stock_agent(self) -> Agent:
        """Return a process of `stock`."""
        return self.agent(self.stock)

    def with_sink(self, name: str) -> Agent:
        """Return a process of a TOM of its own whose only destination is a sink in memory."""
        agent = self.agent(self._tom(name, ours=True, settings={"DATA_SHARING": {}}))
        agent.do("tasks_ours.use_sink")
        agent.do("tasks_ours.runner", name="command")
        return agent

    @cached_property
    def alone(self) -> Agent:
        """Such a process for figures that need no more."""
        return self.with_sink("alone")


def rows_of(tom: Tom, target: str) -> int:
    """Return how many photometry rows a TOM has of a target, read from its database."""
    mark = "%s" if tom.database.startswith("postgres") else "?"
    query = (
        f"SELECT count(*) FROM {PHOTOMETRY} d JOIN tom_targets_basetarget t ON t.id = d.target_id"  # noqa: S608
        f" WHERE t.name = {mark}"
    )
    if tom.database.startswith("postgres"):
        with psycopg.connect(tom.database) as connection:
            row = connection.execute(query, (target,)).fetchone()
    else:
        with closing(sqlite3.connect(f"file:{tom.database}?mode=ro", uri=True, timeout=30)) as lite:
            row = lite.execute(query, (target,)).fetchone()
    return int(row[0]) if row else 0


def wait_for(tom: Tom, target: str, number: int, *, seconds: float, every: float = 0.02) -> float:
    """Wait until a TOM has so many rows of a target; the time of it. TomError after `seconds`."""
    deadline = time.monotonic() + seconds
    while (there := rows_of(tom, target)) < number:
        if time.monotonic() > deadline:
            raise TomError(f"{tom.name} has {there} of {number} data of {target} after {seconds:g} s")
        time.sleep(every)
    return time.time()
