"""Somebody who follows a tutorial word by word, in an empty folder, with bash.

What they would fetch from PyPI is here already: the wheel of sharecore is installed by their own pip, and
what it depends on lies on their path. So the test needs no network. Ports are exchanged for ones that are
free.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from documentation.samples import Sample
from realtoms.service import Service

_LITTLE_GARBAGE = """\
import atexit
import gc

gc.set_threshold(100_000, 20, 20)
atexit.register(gc.freeze)
"""
"""What each Python of a tutorial runs first: a fourth of a command is a search for garbage in imports."""

_OURS = ("sharecore", "tom_integration", "pip", "setuptools", "_distutils", "distutils")


class Reader:
    """folder: empty. printed: what each block of commands printed. ports: in the text, and instead of it."""

    def __init__(self, folder: Path, ports: Mapping[int, int]) -> None:
        self.folder = self.here = folder
        self.printed: list[str] = []
        self._ports = ports
        self._state = folder.parent / "shell.state"
        self._background: list[Service] = []
        self._environment = _environment(folder.parent / "what-pip-would-fetch")

    def follow(self, samples: Iterable[Sample], *, without_commands: int = 0) -> None:
        """Do what the samples say, in their order. without_commands: so many of the first are left out."""
        for sample in samples:
            text = sample.text
            for shown, used in self._ports.items():
                text = text.replace(str(shown), str(used))
            if sample.file:
                self._write(sample.file, text)
            elif (sample.language, sample.kind) == ("console", "background"):
                self._start(text)
            elif (sample.language, sample.kind) == ("console", ""):
                lines = text.splitlines(keepends=True)
                self.run("".join(lines[without_commands:]))
                without_commands = max(0, without_commands - len(lines))

    def run(self, commands: str) -> str:
        """Run commands where those before ended; what they printed."""
        script = f"""
            if [ -f {self._state} ]; then . {self._state}; fi
            set -e
            {{ {commands}
            }}
            declare -px > {self._state}; pwd > {self._state}.folder
        """
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.here,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        self.here = Path(Path(f"{self._state}.folder").read_text().strip())
        self.printed.append(done.stdout)
        return done.stdout

    def _write(self, name: str, text: str) -> None:
        path = self.here / name.removeprefix("+")
        with path.open("a" if name.startswith("+") else "w") as file:
            file.write(text)

    def _start(self, command: str) -> None:
        """In a terminal of its own, in the folder where the program lies."""
        program = command.split()[1]
        folder = next(each for each in (self.here, self.folder) if (each / program).exists())
        log = self.folder.parent / f"{len(self._background)}.log"
        line = f". {self._state}; exec {command}"
        service = Service(["/bin/bash", "-c", line], folder, log, self._environment)
        service.start()
        self._background.append(service)

    def close(self) -> None:
        """End what runs in the background."""
        for each in self._background:
            each.kill()


def _environment(links: Path) -> dict[str, str]:
    links.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(_OURS):
            (links / path.name).symlink_to(path)
    (links / "sitecustomize.py").write_text(_LITTLE_GARBAGE)
    hidden = ("DJANGO", "PYTEST", "PYTHON", "PIP", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    folder = links.parent / "python"
    folder.mkdir()
    (folder / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    return kept | {
        "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(links),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(Path(sys.prefix) / "wheel"),
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
