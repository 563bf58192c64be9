"""What a run needs: TOMs that share, a stock TOM that receives, faults between them, and a database."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from chaos.nursery import Nursery
from faults.proxy import Proxy, running
from live.scenes import QUICK_LOGIN
from realtoms import PATIENT_SQLITE, Tom, TomError, User, make_tom
from realtoms.postgres import Cluster
from realtoms.service import free_port

ADMIN = User(username="admin", password="admin-of-a-throw-away-tom", superuser=True)
SHARER = User(username="sharer", password="sharer-at-a-throw-away-tom")
LEASE_SECONDS = 3.0
RECEIVER_TIMEOUT = 4
"""Seconds after which the receiver's gunicorn kills a worker that is at work on one request."""
SETTLE_SECONDS = 5.0

# Times as a TOM has them, but shorter: a round is to see many leases run out and many tries.
_SETTINGS = {
    "SHARECORE_LEASE_SECONDS": LEASE_SECONDS,
    "SHARECORE_SCAN_SECONDS": 2.0,
    "SHARECORE_RETRY_SCHEDULE": (0.5, 1.0, 1.0, 2.0, 2.0, 3.0),
}
# The waits of the circuit breaker are no settings. With its own a round would see a handful of calls.
_CODE = """
from sharecore import circuit_breaker
circuit_breaker.FIRST_WAIT, circuit_breaker.LONGEST_WAIT = 0.3, 2.0
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """sender: with our app.

    old_forks: of the same TOM in an environment with another version of our app; None without one.
    bare_forks: of the same TOM without our app, for what locks it meets by itself; None on PostgreSQL, which
    knows no such error. cluster: of the sender's database, None on SQLite. calm: nobody is attacked.
    """

    folder: Path
    sender: Tom
    forks: Nursery
    old_forks: Nursery | None
    bare_forks: Nursery | None
    receiver: Tom
    proxy: Proxy
    cluster: Cluster | None
    calm: bool


@contextmanager
def world(database: str, *, keep: bool, calm: bool, old: Path | None) -> Iterator[World]:
    """Make everything, and remove it at the end unless it is to be kept.

    database: "sqlite" or "postgres", of the TOM that shares. The receiver has SQLite, as tom_setup makes it.
    calm: with the times that a TOM has. old: the Python of an environment with another version of our app.
    """
    with ExitStack() as stack:
        folder = _folder(database, stack, keep)
        cluster = None
        if database == "postgres":
            cluster = Cluster(_folder("cluster", stack, keep=False))
            cluster.start()
            stack.callback(cluster.stop)
        receiver = make_tom(
            folder / "receiver",
            name="receiver",
            users=[ADMIN, SHARER],
            settings=QUICK_LOGIN,
            code=PATIENT_SQLITE,
        )
        stack.callback(receiver.kill if keep else receiver.remove)
        receiver.serve(options=("--preload", "--timeout", str(RECEIVER_TIMEOUT)))
        proxy = stack.enter_context(running(receiver.url, port=free_port()))
        times = {"CONNECT_TIMEOUT": 1.0, "READ_TIMEOUT": 2.0, "SETTLE_SECONDS": SETTLE_SECONDS}
        entry = receiver.sharing_entry("sharer", **times) | {"BASE_URL": proxy.url}
        sender = make_tom(
            folder / "sender",
            name="sender",
            users=[ADMIN],
            apps=["tom_integration"],
            settings={"DATA_SHARING": {"receiver": entry}, **({} if calm else _SETTINGS)},
            code="" if calm else _CODE,
            postgres=cluster.address if cluster else None,
        )
        stack.callback(sender.kill if keep else sender.remove)
        forks = stack.enter_context(closing(Nursery(sender)))
        old_forks = None
        if old is not None:
            old_forks = stack.enter_context(closing(Nursery(replace(sender, python=old))))
        bare_forks = None
        if cluster is None:
            bare = make_tom(folder / "bare", name="bare", users=[ADMIN])
            stack.callback(bare.kill if keep else bare.remove)
            bare_forks = stack.enter_context(closing(Nursery(bare)))
        yield World(
            folder=folder,
            sender=sender,
            forks=forks,
            old_forks=old_forks,
            bare_forks=bare_forks,
            receiver=receiver,
            proxy=proxy,
            cluster=cluster,
            calm=calm,
        )


def receiving(folder: Path, stack: ExitStack) -> Tom:
    """A stock TOM that runs until the end of the stack, in which `SHARER` may be shared to."""
    receiver = make_tom(
        folder / "receiver", name="receiver", users=[ADMIN, SHARER], settings=QUICK_LOGIN, code=PATIENT_SQLITE
    )
    stack.callback(receiver.remove)
    receiver.serve()
    return receiver


def _folder(name: str, stack: ExitStack, keep: bool) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"sharecore-chaos-{name}-"))
    if not keep:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start_again(cluster: Cluster) -> None:
    """Start a server that was killed: its last processes may need some seconds to go."""
    deadline = time.monotonic() + 30
    while True:
        try:
            cluster.start()
            return
        except TomError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def end_connections(cluster: Cluster) -> bool:
    """End every connection to a server but this one; False when there is no server."""
    try:
        with psycopg.connect(cluster.address, connect_timeout=2) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
    except psycopg.OperationalError:
        return False
    return True


def say(text: str) -> None:
    """For people who watch; the figures go to standard output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
