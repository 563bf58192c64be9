"""How a process is started: by itself, or, where the tests ask for it, as a fork of a Python that is warm."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from realtoms.fork_server import IMPORT_WHAT_TOMS_IMPORT
from realtoms.forks import Forked, ForkServer

Process = subprocess.Popen[bytes] | Forked

_forking: set[str] = set()
"""The Pythons whose processes are forks."""
_SET_DJANGO_UP = """
import os
sys.path.insert(0, os.getcwd())
import django
django.setup()
from django.db import connections
from django.urls import get_resolver
get_resolver().url_patterns
connections.close_all()
del sys.path[0]
"""
_of_toms: dict[Path, dict[object, ForkServer | None]] = {}
"""By the folder of a TOM, then by its code and environment: forks that have Django set up, if that works."""
_lock = threading.Lock()


def fork_from_now_on(python: Path) -> None:
    """Fork the processes of this Python, where the system is Linux: the tests start hundreds."""
    if sys.platform == "linux":
        _forking.add(str(python))


def fork_no_more(python: Path) -> None:
    """Start the processes of this Python by themselves again."""
    _forking.discard(str(python))


@cache
def _server(python: str, startup: tuple[tuple[str, str], ...]) -> ForkServer:
    server = ForkServer(python, {**os.environ, **dict(startup)}, before=IMPORT_WHAT_TOMS_IMPORT)
    atexit.register(server.close)
    return server


def _server_of_tom(
    warm: ForkServer, python: str, folder: Path, environment: Mapping[str, str]
) -> ForkServer | None:
    """Return a server for a TOM as its code is now; None where Django cannot be set up."""
    files = (*folder.rglob("*.py"), *folder.glob("*.json"))  # the latter are read by settings of tests
    code = {path: path.stat().st_mtime_ns for path in files}
    given = {name: value for name, value in environment.items() if not name.startswith("PYTEST")}
    key = (python, frozenset(code.items()), frozenset(given.items()))
    with _lock:
        servers = _of_toms.setdefault(folder, {})
        if key not in servers:
            server = ForkServer(python, environment, folder=folder, before=_SET_DJANGO_UP, forks=warm)
            servers[key] = server
            if not server.ready():
                server.close()
                servers[key] = None
        return servers[key]


def forget(folder: Path) -> None:
    """End what was kept for the TOM in this folder, and its processes."""
    with _lock:
        for server in filter(None, _of_toms.pop(folder, {}).values()):
            server.close()


def start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: int,
    stdout: int,
    stderr: int,
    forks: ForkServer | None = None,
) -> Process:
    """Start a process in a session of its own.

    stdin, stdout, stderr: file descriptors. forks: what forks it, whatever `fork_from_now_on` was told.
    """
    if forks is None and command[0] in _forking:
        # what Python reads before anything else can no more be changed in a fork
        startup = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
        forks = _server(command[0], tuple(sorted(startup.items())))
        if "DJANGO_SETTINGS_MODULE" in environment and (folder / "manage.py").exists():
            forks = _server_of_tom(forks, command[0], folder, environment) or forks
    if forks is not None:
        return forks.fork(
            command[1:], folder=folder, environment=environment, stdin=stdin, stdout=stdout, stderr=stderr
        )
    return subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    given: str = "",
    timeout: float = 300.0,
    forks: ForkServer | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; subprocess.TimeoutExpired, and it is killed, after so many seconds.

    given: its standard input. forks: as for `start`.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
        stdin, stdout, stderr = (file.fileno() for file in files)
        files[0].write(given)
        files[0].seek(0)
        process = start(
            command,
            folder=folder,
            environment=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            forks=forks,
        )
        try:
            status = process.wait(timeout)
        except BaseException:
            kill_group(process)
            raise
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(list(command), status, files[1].read(), files[2].read())


def kill_group(process: Process) -> None:
    """SIGKILL a process and what it started, also when it has ended: its workers may not have."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
