"""Starts the stand-in for HERMES as a process of its own: on Linux as a fork of one that is warm.

It imports astropy as soon as it checks a message, and that takes longer than most of its tests.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from realtoms.forks import ForkServer
from realtoms.processes import kill_group, start

STAND_IN = Path(__file__).parent / "hermes_server.py"
_BEFORE = f"""
sys.path.insert(0, {str(STAND_IN.parent)!r})
import astropy.coordinates, dateutil.parser, hermes_server
"""


@cache
def _forks() -> ForkServer | None:
    if sys.platform != "linux":
        return None
    server = ForkServer(sys.executable, os.environ, before=_BEFORE)
    atexit.register(server.close)
    return server


@contextmanager
def running(log: Path, topics: str, *more: str) -> Iterator[str]:
    """Serve it, and give its address.

    log: the file for what it publishes, in a folder that is there. topics: those to which it lets us write,
    with commas between. more: further arguments of its command.
    """
    command = [sys.executable, str(STAND_IN), "--log", str(log), "--writable-topics", topics, *more]
    reads, writes = os.pipe()
    with os.fdopen(reads) as said, os.fdopen(writes, "w") as output, open(os.devnull) as nothing:
        process = start(
            command,
            folder=log.parent,
            environment=os.environ,
            stdin=nothing.fileno(),
            stdout=output.fileno(),
            stderr=2,
            forks=_forks(),
        )
        try:
            output.close()  # else nobody would see the end of one that says nothing
            yield f"http://127.0.0.1:{int(said.readline())}/"
        finally:
            kill_group(process)
