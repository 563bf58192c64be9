"""Python processes that are there at once: forks of one that has imported what every TOM imports.

Python needs some seconds to import what a TOM stands on (matplotlib, astropy, plotly, ...), and tests start
hundreds of processes of TOMs. A fork is as real a process, with a session, a folder, an environment and an
end of its own, and as dead after a SIGKILL. Linux only. `fork_server` is the process that forks.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from select import select

from realtoms import fork_server


class Forked:
    """A process that a server forked: what is used of `subprocess.Popen`."""

    def __init__(self, told: socket.socket, arguments: Sequence[str]) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._told = told
        self._lock = threading.Lock()
        self.pid = self._answer("pid")

    def _answer(self, expected: str) -> int:
        word, _, number = self._told.recv(100).decode().partition(" ")
        if word != expected:
            raise ChildProcessError(f"the fork server is gone: {' '.join(self.args)}")
        return int(number)

    def poll(self) -> int | None:
        """Return the exit status as `subprocess` gives it, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, at most so many seconds; subprocess.TimeoutExpired after them."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def _ended(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select([self._told], [], [], timeout)[0]:
                self.returncode = self._answer("ended")
                self._told.close()
            return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkServer:
    """The parent's side of a server. To be closed.

    before: code that the server runs before it forks, in its folder and environment. forks: what forks the
    server itself; what that has imported is there already.
    """

    def __init__(
        self,
        python: str,
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        before: str,
        forks: ForkServer | None = None,
    ) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | Forked
        with theirs, open(os.devnull, "w") as nothing:
            if forks is None:
                self._process = subprocess.Popen(
                    [python, "-P", fork_server.__file__, str(theirs.fileno()), before],
                    cwd=folder,
                    # threads do not survive a fork
                    env={**environment, "OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            else:
                self._process = forks.fork(
                    ["-P", fork_server.__file__, "0", before],
                    folder=folder or Path.cwd(),
                    environment=environment,
                    stdin=theirs.fileno(),
                    stdout=nothing.fileno(),
                    stderr=nothing.fileno(),
                    serves=True,
                )

    def ready(self) -> bool:
        """Wait until it forks; whether what it had to run before worked. To be asked once."""
        return bool(self._orders.recv(100))

    def fork(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        serves: bool = False,
    ) -> Forked:
        """Start a process; `arguments` are those of Python, the others as `subprocess.Popen` has them.

        serves: it is a server like this one, which ends by itself, and what it forked before it.
        """
        order = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "serves": serves,
        }
        told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            descriptors = [stdin, stdout, stderr, theirs.fileno()]
            socket.send_fds(self._orders, [json.dumps(order).encode()], descriptors)
        return Forked(told, arguments)

    def close(self) -> None:
        """End it, and what it forked."""
        self._orders.close()
        self._process.wait()
