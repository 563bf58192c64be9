"""Processes of a TOM that are there at once: forks of one that has Django set up.

A round kills dozens of processes, and would spend its time on their start.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtoms import Service, Tom, TomError
from realtoms.forks import ForkServer
from realtoms.processes import run
from realtoms.service import tail
from realtoms.skeleton import django_environment

_HERE = Path(__file__).parent
_SET_UP = """
import os, sys
sys.path.insert(0, os.getcwd())
import django
django.setup()
import astropy.time, tom_dataproducts.data_processor  # once, for all
"""


class Nursery:
    """Forks processes of one TOM; to be closed. `settings` are set in one process alone."""

    def __init__(self, tom: Tom) -> None:
        self.tom = tom
        self._environment = django_environment()
        self._forks = ForkServer(str(tom.python), self._environment, folder=tom.path, before=_SET_UP)

    def command(self, log: str, *arguments: str, settings: Mapping[str, Any]) -> Service:
        """`manage.py` with these arguments, to be started again and again; log: a file's name in the TOM."""
        code = f"from django.core.management import call_command\ncall_command(*{arguments!r})"
        return self._service(log, code, settings)

    def script(
        self, log: str, script: str, argument: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Service:
        """The same with a module of this folder, and the argument of its `main`."""
        return self._service(log, _code(script, argument), settings)

    def _service(self, log: str, code: str, settings: Mapping[str, Any]) -> Service:
        lines = [f"settings.{name} = {value!r}" for name, value in settings.items()]
        text = "\n".join(["from django.conf import settings", *lines, code])
        command = [str(self.tom.python), "-c", text]
        return Service(command, self.tom.path, self.tom.path / log, self._environment, self._forks)

    def result(self, script: str, argument: Mapping[str, Any], timeout: float) -> str:
        """The last line that a module of this folder prints; TomError without any."""
        command = [str(self.tom.python), "-c", _code(script, argument)]
        done = run(
            command,
            folder=self.tom.path,
            environment=self._environment,
            timeout=timeout,
            forks=self._forks,
        )
        if done.returncode or not done.stdout:
            raise TomError(f"{script} failed:\n{tail(done.stdout)}\n{tail(done.stderr)}")
        return done.stdout.splitlines()[-1]

    def close(self) -> None:
        """End all of them."""
        self._forks.close()


def _code(script: str, argument: Mapping[str, Any]) -> str:
    path = str(_HERE / f"{script}.py")
    return f"import runpy\nrunpy.run_path({path!r})['main'](**{dict(argument)!r})"
