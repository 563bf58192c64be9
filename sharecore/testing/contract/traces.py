"""What code leaves behind in a process in which it is a guest."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

_IMPORT = """
import json, sys
from contextlib import suppress
from importlib.util import find_spec
sys.path[:] = json.loads(sys.argv[1])
from sharecore.testing.contract.traces import Process
uses = []
network = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, args: event in network and uses.append(f"{event}{args[1:]}"))
before = Process()
for name in sys.argv[2:]:
    found = None
    with suppress(ModuleNotFoundError):
        found = find_spec(name)
    if found:
        __import__(name)
print("TRACES", json.dumps({"used the network": uses, **before.changes()}))
"""


class Process:
    """The process as it was when this was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._state = _state()

    def changes(self, patience: float = 5.0) -> dict[str, list[str]]:
        """What is different now, by what was done. patience: seconds for threads to end."""
        deadline = time.monotonic() + patience
        while (left := self._left()) and time.monotonic() < deadline:
            left[0].join(0.05)
        state = _state()
        return {
            "left threads behind": sorted(thread.name for thread in left),
            "changed the process": sorted(name for name in state if state[name] != self._state[name]),
        }

    def _left(self) -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each not in self._threads]


def imported(modules: set[str], seconds: float) -> dict[str, list[str]]:
    """What importing these does in a new Python, without Django's settings, by what was done."""
    hidden = ("PYTEST", "DJANGO", "COV_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    command = [sys.executable, "-c", _IMPORT, json.dumps(sys.path), *sorted(modules)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
    except subprocess.TimeoutExpired:
        return {f"did not come back within {seconds:g} s": sorted(modules)}
    printed, _, traces = done.stdout.partition("TRACES ")
    if not traces:
        return {"ended with": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1:]}
    found: dict[str, list[str]] = json.loads(traces)
    return found | {"printed": (printed + done.stderr).splitlines()}


def _state() -> dict[str, object]:
    """What belongs to the whole process, so that no plugin may change it."""
    root = logging.getLogger()
    return {
        "the environment (os.environ)": dict(os.environ),
        "the working directory": os.getcwd(),
        "socket.setdefaulttimeout": socket.getdefaulttimeout(),
        "signal handlers": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "the handlers or level of the root logger": (list(root.handlers), root.level, logging.root.disabled),
        "sys.excepthook": (sys.excepthook, threading.excepthook),
    }
