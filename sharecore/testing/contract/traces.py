"""Find the traces that code leaves in a process in which it is a guest."""

from __future__ import annotations

import builtins
import gc
import json
import locale
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

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


_LOGGERS = ("sharecore", "tom_integration", "django", "urllib3", "requests")
_FUNCTIONS = (
    (socket, "socket"),
    (socket, "create_connection"),
    (socket, "getaddrinfo"),
    (ssl, "create_default_context"),
    (ssl, "_create_default_https_context"),
    (json, "dumps"),
    (json, "loads"),
    (json.JSONEncoder, "default"),
    (time, "sleep"),
    (time, "time"),
    (builtins, "open"),
    (builtins, "print"),
)
"""Functions that are replaced most often, for the whole process."""


class Process:
    """The process as it was when this object was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._state = _state()

    def changes(self, patience: float = 5.0) -> dict[str, list[str]]:
        """Return the differences to the present process, by the action that causes them.

        Args:
            patience: seconds for threads to end.
        """
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


@cache  # the subjects of one plugin have the same modules
def imported(modules: frozenset[str], seconds: float) -> dict[str, list[str]]:
    """Return the traces of importing modules in a new Python, without settings of Django, by the action that
    causes them.
    """
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
    """Return the state that belongs to the whole process, so that no plugin may change it."""
    root = logging.getLogger()
    return {
        "the environment (os.environ)": dict(os.environ),
        "the working directory": os.getcwd(),
        "socket.setdefaulttimeout": socket.getdefaulttimeout(),
        "signal handlers": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "the handlers or level of the root logger": (list(root.handlers), root.level, logging.root.disabled),
        "sys.excepthook": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "sys.stdout or sys.stderr": (sys.stdout, sys.stderr),
        "sys.path": list(sys.path),
        "limits of Python (sys, gc)": (sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled()),
        "tracing or profiling of threads": (threading.gettrace(), threading.getprofile()),
        "the umask": _umask(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the level of other loggers": (logging.root.manager.disable, *map(_level, _LOGGERS)),
        "functions of other modules": [getattr(module, name, None) for module, name in _FUNCTIONS],
        "child processes (left running)": _children(),
        "files (left open)": _open_files(),
    }


def _level(name: str) -> tuple[object, ...]:
    logger = logging.getLogger(name)
    # Libraries add a handler that does nothing, also when they are imported late.
    handlers = [each for each in logger.handlers if not isinstance(each, logging.NullHandler)]
    return logger.level, logger.disabled, logger.propagate, handlers, list(logger.filters)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _children() -> set[str]:
    """Return the child processes, as far as the system lists them: Linux."""
    found = Path("/proc/self/task").glob("*/children")
    return {child for tasks in found for child in tasks.read_text().split()}


def _open_files() -> set[str]:
    """Return the open files with a path, as far as the system lists them: Linux."""
    opened = set()
    for each in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            opened.add(f"{each.name} {each.readlink()}")
    return {each for each in opened if " /" in each and " /proc/" not in each}
