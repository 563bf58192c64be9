"""A new TOM, made the way tomtoolkit's documentation tells an operator to: startproject, then tom_setup."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from realtoms.processes import run
from realtoms.service import TomError, tail

PROJECT = "mytom"

# What tom_setup asks on tomtoolkit 2.32 and 3.x, in its order. It makes no superuser without a terminal.
_ANSWERS = (
    "y",  # continue?
    "",  # name of the app for custom code: custom_code
    "1",  # default type of targets: sidereal
    "n",  # hints?
)


def django_environment() -> dict[str, str]:
    """Return the environment for a process of a TOM: ours, but with the settings of the TOM."""
    return os.environ | {"DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings", "PYTHONUNBUFFERED": "1"}


@cache
def toolkit_version(python: Path) -> str:
    """Return the version of tomtoolkit that this Python has; TomError when it has none."""
    code = "from importlib.metadata import version; print(version('tomtoolkit'))"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TomError(f"{python} has no tomtoolkit: {tail(done.stderr, 1)}")
    return done.stdout.strip()


def skeleton(python: Path) -> Path:
    """Return the folder of a stock TOM with a migrated, empty SQLite database: copy it, do not use it.

    It is made once for each environment and version, and kept inside the environment that runs this code.
    """
    version = toolkit_version(python)
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    kept = Path(sys.prefix) / "share" / "realtoms" / f"tomtoolkit-{version}-{recipe}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as work:
            made = _make(python, Path(work))
            try:
                made.rename(kept)
            except OSError:  # another process was faster
                if not kept.exists():
                    raise
    return kept


def copy_skeleton(python: Path, folder: Path) -> None:
    """Copy the stock TOM of this Python's tomtoolkit to a folder that must not exist yet."""
    shutil.copytree(skeleton(python), folder)


def _make(python: Path, work: Path) -> Path:
    folder = work / PROJECT
    folder.mkdir()
    _run(python, folder, "-m", "django", "startproject", PROJECT, str(folder))
    settings = folder / PROJECT / "settings.py"
    text = settings.read_text()
    settings.write_text(text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'tom_setup',", 1))
    _run(python, folder, "manage.py", "tom_setup", answers="\n".join(_ANSWERS) + "\n")
    if "tom_common.default_settings" not in settings.read_text():
        raise TomError(f"tom_setup of tomtoolkit {toolkit_version(python)} wrote no settings")
    _run(python, folder, "manage.py", "migrate", "--no-input", "--verbosity", "0")
    return folder


def _run(python: Path, folder: Path, *arguments: str, answers: str = "") -> None:
    environment = {k: v for k, v in django_environment().items() if k != "DJANGO_SETTINGS_MODULE"}
    done = run([str(python), *arguments], folder=folder, environment=environment, given=answers)
    if done.returncode:
        raise TomError(f"{' '.join(arguments)} failed:\n{tail(done.stdout)}\n{tail(done.stderr)}")
