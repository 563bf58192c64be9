"""Processes that a demonstration or a test starts, and that must not outlive it."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from realtoms.forks import ForkServer
from realtoms.processes import Process, kill_group, start

_running: weakref.WeakSet[Service] = weakref.WeakSet()


class TomError(RuntimeError):
    """A TOM could not be made, started or driven; the message ends with what its process printed."""


def tail(text: str, lines: int = 30) -> str:
    """Return the last lines of what a process printed."""
    return "\n".join(text.strip().splitlines()[-lines:])


@dataclass(eq=False)
class Service:
    """A process in a process group of its own, whose output goes to a file.

    Its standard input is a pipe that closes when this process ends, however it ends: a service that watches
    it (our gunicorn does) is gone soon after. All others are killed when Python exits.

    forks: what forks it, where that is no matter of `command` alone.
    """

    command: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    forks: ForkServer | None = field(default=None, repr=False)
    _process: Process | None = field(default=None, init=False, repr=False)
    _stdin: IO[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int:
        """Return the process id of the running service; TomError when it does not run."""
        if self._process is None:
            raise TomError(f"{self.command[0]} does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; its output is appended to the log."""
        if self.running:
            raise TomError(f"already running: {' '.join(self.command)}")
        self._close_stdin()
        reads, writes = os.pipe()
        self._stdin = os.fdopen(writes, "wb", buffering=0)
        with os.fdopen(reads, "rb") as stdin, self.log.open("ab") as log:
            self._process = start(
                self.command,
                folder=self.folder,
                environment=self.environment,
                stdin=stdin.fileno(),
                stdout=log.fileno(),
                stderr=log.fileno(),
                forks=self.forks,
            )
        _running.add(self)

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            self._stdin.close()
            self._stdin = None

    def wait_until_answers(self, url: str, timeout: float = 60.0) -> None:
        """Return as soon as a GET of the address is answered, with whatever status.

        TomError with the end of the log when the process ends or `timeout` seconds have passed.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.running:
                raise TomError(f"{' '.join(self.command)} ended:\n{tail(self.output)}")
            try:
                with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - an address of ours, on loopback
                    return
            except urllib.error.HTTPError as answer:
                answer.close()
                return
            except OSError:
                time.sleep(0.05)
        raise TomError(f"no answer from {url} within {timeout:g} s:\n{tail(self.output)}")

    @property
    def output(self) -> str:
        """Return what the process has printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, patience: float = 10.0) -> None:
        """Ask the process to end; kill its group when it has not within `patience` seconds."""
        self._end(signal.SIGTERM, patience)

    def kill(self) -> None:
        """End the whole process group at once, as a power cut would."""
        self._end(signal.SIGKILL, 0.0)

    def _end(self, first: signal.Signals, patience: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if first is not signal.SIGKILL and process.poll() is None:
            process.send_signal(first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        kill_group(process)
        self._close_stdin()
        _running.discard(self)


@atexit.register
def _kill_what_still_runs() -> None:
    for service in list(_running):
        service.kill()


def free_port() -> int:
    """Return a free TCP port below those that systems hand out by themselves: it stays free meanwhile."""
    for port in random.sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise TomError("no free port between 20000 and 32000 on 127.0.0.1")
