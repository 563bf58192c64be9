"""The Pythons of this machine, by version."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
"""As `requires-python` and the classifiers in pyproject.toml have them, and tomtoolkit."""
_ASK = "import sys, venv, ensurepip; print('{}.{}'.format(*sys.version_info[:2]))"


def _candidates(version: str) -> Iterator[str]:
    if found := shutil.which(f"python{version}"):
        yield found
    for pattern in (
        f".pyenv/versions/{version}.*/bin/python",
        f".local/share/uv/python/*{version}.*/bin/python",
    ):
        yield from map(str, sorted(Path.home().glob(pattern), reverse=True))


def find(version: str) -> str | None:
    """A Python of this version that can make environments; None where there is none."""
    for each in _candidates(version):
        done = subprocess.run([each, "-c", _ASK], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return each
    return None
