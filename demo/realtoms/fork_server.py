"""A process that forks: it takes orders from a socket, and ends, with its forks, when the other end closes.

Of the standard library alone: the Python that is to fork runs this file as a script, with the number of the
socket and the code to run before. `forks` is the other end.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

IMPORT_WHAT_TOMS_IMPORT = "import_what_toms_import()"
"""What a server does before it forks: none of it depends on the settings of a TOM."""

_IMPORTS = (
    "alerce.core",
    "astroplan",
    "astropy.table",
    "astropy.time",
    "astroquery.ned",
    "astroquery.simbad",
    "crispy_forms.bootstrap",
    "cryptography.fernet",
    "django.contrib.admindocs.views",
    "django.contrib.postgres.fields",
    "django.contrib.staticfiles.finders",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django_filters.rest_framework",
    "docutils.core",
    "fido2.server",
    "fits2image.conversions",
    "markdown",
    "msgspec",
    "opentelemetry.metrics",
    "opentelemetry.trace",
    "plotly.offline",
    "psycopg",
    "qrcode.image.svg",
    "requests",
    "rest_framework.serializers",
    "sharecore.dispatch",
    "sharecore.registry",
    "sharecore.testing.rounds",
    "sharecore_files.plugin",
    "sharecore_hermes.plugin",
    "sharecore_notify.plugin",
    "sharecore_skyportal.plugin",
    "sharecore_tns.plugin",
    "sharecore_tom.plugin",
    "sharecore_webhook.plugin",
    "specutils",
)
_LONGEST = 1 << 20
"""Bytes of an order: above what a socket takes."""


def import_what_toms_import() -> None:
    """Import what is slow to import; not every Python has all of it."""
    for name in _IMPORTS:
        with suppress(ImportError):
            import_module(name)
    with suppress(ImportError):
        # tomtoolkit's own: each TOM loads it when it starts
        import_module("plotly.io").templates.default = "plotly_white"


def _serve(orders: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each order. Returns in the forks alone: with their order, and their standard files."""
    running: dict[int, tuple[int, socket.socket, bool]] = {}
    selector = selectors.DefaultSelector()
    selector.register(orders, selectors.EVENT_READ)
    gc.freeze()  # what is there is never collected: memory that nobody writes to is shared
    while True:
        for key, _ in selector.select():
            if key.fd in running:
                pid, told, _ = running.pop(key.fd)
                selector.unregister(key.fd)
                os.close(key.fd)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with told, suppress(OSError):
                    told.send(f"ended {status}".encode())
                continue
            text = b""
            with suppress(ConnectionResetError):  # who ordered is gone, and has not read that we are ready
                text, descriptors, _, _ = socket.recv_fds(orders, _LONGEST, 4)
            if not text:
                _kill([pid for pid, _, serves in running.values() if not serves])
            order = json.loads(text)
            pid = os.fork()
            told = socket.socket(fileno=descriptors.pop())
            if pid:
                for each in descriptors:
                    os.close(each)
                descriptor = os.pidfd_open(pid)
                running[descriptor] = pid, told, order["serves"]
                selector.register(descriptor, selectors.EVENT_READ)
                continue
            os.setsid()
            with told:
                told.send(f"pid {os.getpid()}".encode())
            selector.close()
            orders.close()
            for descriptor, (_, other, _) in running.items():
                os.close(descriptor)
                other.close()
            return order, descriptors


def _kill(leaders: Sequence[int]) -> NoReturn:
    for leader in leaders:
        for kill in (os.kill, os.killpg):
            with suppress(ProcessLookupError):
                kill(leader, signal.SIGKILL)
    os._exit(0)


def _live(order: dict[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """Do what `python ARGUMENTS` does, in the fork, until it ends."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    status = 0
    try:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        _run(order["arguments"])
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            status = 1
        else:
            status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # As Python ends, but for one thing: it does not take apart what it has imported, which needs longer than
    # many a command.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


def _run(arguments: list[str]) -> None:
    safe_path = arguments[0] == "-P"
    what, *rest = arguments[safe_path:]
    if what in ("-c", "-m"):
        where, subject, sys.argv = "" if what == "-c" else os.getcwd(), rest[0], [what, *rest[1:]]
    else:
        where, subject, sys.argv = str(Path(what).resolve().parent), what, [what, *rest]
    if not safe_path:
        sys.path.insert(0, where)
    if what == "-c":
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(subject, "<string>", "exec"), main.__dict__)  # noqa: S102 - it is what `python -c` does
    elif what == "-m":
        runpy.run_module(subject, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(subject, run_name="__main__")


if __name__ == "__main__":
    _socket = socket.socket(fileno=int(sys.argv[1]))
    _socket.set_inheritable(False)
    exec(sys.argv[2])  # noqa: S102 - by who started us
    _socket.send(b"ready")
    _live(*_serve(_socket))
