"""Processes of a TOM that are there at once: forks of one that has Django set up.

A TOM takes some seconds to start. A round that kills dozens of processes would spend its time on that; a fork
is as real a process, and as dead after a SIGKILL. The other half of this module runs inside the TOM: it reads
lines of JSON, and answers each with the process id of a new fork.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from realtoms import Tom, TomError
from realtoms.service import tail
from realtoms.skeleton import django_environment

_HERE = Path(__file__).parent


class Nursery:
    """Forks processes of one TOM; to be closed."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        self._process = subprocess.Popen(
            [str(tom.python), "-P", str(_HERE / "nursery.py")],
            cwd=tom.path,
            env=django_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, order: Mapping[str, Any]) -> int:
        """Start a process; its id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise TomError(f"the processes of {self.tom.name} cannot be started")
        return int(line)

    def close(self) -> None:
        """End it, and what it forked."""
        self._process.communicate()


@dataclass(eq=False)
class Child:
    """One process of a TOM, that can be started again and again.

    command: `manage.py` arguments. script: instead of them, a module of this folder, with its `argument`.
    settings: set in this process alone.
    """

    nursery: Nursery
    log: Path
    command: tuple[str, ...] = ()
    script: str = ""
    argument: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    pid: int = field(default=0, init=False)

    def start(self) -> None:
        """Start it; what it prints is appended to the log."""
        order = {name: getattr(self, name) for name in ("command", "script", "argument", "settings")}
        self.pid = self.nursery.fork({**order, "log": str(self.log)})

    @property
    def running(self) -> bool:
        """Whether it is there."""
        if not self.pid:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            self.pid = 0
        return bool(self.pid)

    def send(self, number: signal.Signals) -> None:
        """A signal, if it is there."""
        if self.running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        while self.running:
            time.sleep(0.01)

    def wait(self, timeout: float) -> str:
        """Wait until it has ended; the last line that it printed. TomError after so many seconds."""
        deadline = time.monotonic() + timeout
        while self.running:
            if time.monotonic() > deadline:
                self.kill()
                raise TomError(f"{self.script or self.command} took over {timeout:g} s:\n{self.said}")
            time.sleep(0.05)
        return self.said.splitlines()[-1] if self.said else ""

    @property
    def said(self) -> str:
        """The end of what all its lives printed."""
        return tail(self.log.read_text(errors="replace")) if self.log.exists() else ""


def _serve() -> None:
    sys.path.insert(0, os.getcwd())
    import django

    django.setup()
    for module in ("astropy.time", "tom_dataproducts.data_processor"):
        import_module(module)  # once, for all

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: no zombies
    forked = []
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _live(json.loads(line))
        forked.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in forked:  # whoever ordered them is gone
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _live(order: dict[str, Any]) -> None:
    """The life of a fork."""
    from django.conf import settings
    from django.core.management import call_command

    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, source in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(source, number)
    for name, value in order["settings"].items():
        setattr(settings, name, value)
    status = 1
    try:
        if order["script"]:
            runpy.run_path(str(_HERE / f"{order['script']}.py"))["main"](**order["argument"])
        else:
            call_command(*order["command"])
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
