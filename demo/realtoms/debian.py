"""Programs that tests need, installed where that is possible: as root on Debian and Ubuntu."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from realtoms.service import TomError, tail


def install(*packages: str) -> bool:
    """Install packages with apt-get; False where we may not. TomError when it fails."""
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        return False
    print(f"installing {', '.join(packages)} with apt-get", flush=True)
    with (Path(tempfile.gettempdir()) / "realtoms-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # suites that run at the same time need the same programs
        _get(apt, packages)
    return True


def _get(apt: str, packages: Sequence[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [apt, "-o", "DPkg::Lock::Timeout=600", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TomError(f"apt-get {' '.join(command)} failed:\n{tail(done.stdout)}")
