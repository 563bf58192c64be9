"""A process inside a TOM that does what it is told, one task after the other, and answers.

A line of JSON comes in, {"task": "tasks.save", "values": {...}}: a module of this package and a function in
it. A line goes out, {"answer": ...} or {"error": "..."}. What Django or a library prints goes to the log.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from realtoms import Tom, TomError
from realtoms.service import tail
from realtoms.skeleton import django_environment


class Agent:
    """The parent's side of such a process; end it with `close`, or as a context."""

    def __init__(self, tom: Tom, name: str = "agent") -> None:
        self.tom = tom
        self._log = tom.path / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(tom.python), "-P", "-m", "bench.agent"],
                cwd=tom.path,
                env=django_environment() | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def pid(self) -> int:
        """Return the id of the process that does the work."""
        return self._process.pid

    def do(self, task: str, **values: Any) -> Any:
        """Have a task done and wait for its answer; TomError when it fails."""
        self.begin(task, **values)
        return self.end()

    def begin(self, task: str, **values: Any) -> None:
        """Have a task done; the answer is fetched with `end`."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            self._process.stdin.write(json.dumps({"task": task, "values": values}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise TomError(f"the agent in {self.tom.name} ended: {tail(self._log.read_text())}") from None

    def end(self) -> Any:
        """Return the answer to the task that was begun."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        if not line:
            raise TomError(f"the agent in {self.tom.name} ended: {tail(self._log.read_text())}")
        answer = json.loads(line)
        if "error" in answer:
            raise TomError(f"{self.tom.name}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        """End the process; it has time to finish what it has in hand."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main() -> None:
    """Do tasks until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())
    import django

    django.setup()
    for line in sys.stdin:
        wanted = json.loads(line)
        module, _, function = wanted["task"].rpartition(".")
        try:
            task = getattr(importlib.import_module(f"bench.{module}"), function)
            reply = {"answer": task(**wanted["values"])}
        except Exception:
            reply = {"error": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
