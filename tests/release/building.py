"""Builds wheel and sdist of what is committed into `dist/`, twice, and compares the two byte for byte.

The second time from a copy with other times and rights of files, and its wheel from the unpacked sdist, as
people build it who do not take ours. ``python -m release.building``, in the root of the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def _run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _export(root: Path, commit: str, into: Path) -> Path:
    """The files of a commit."""
    into.mkdir(parents=True)
    archive = into.with_suffix(".tar")
    _run("git", "archive", "--output", str(archive), commit, folder=root)
    _run("tar", "-xf", str(archive), "-C", str(into), folder=root)
    return into


def _unlike(folder: Path) -> None:
    """Other times and rights, as another machine gives them."""
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(path.stat().st_mode & ~0o077)


def _build(source: Path, into: Path, *targets: str) -> None:
    chosen = [part for target in targets for part in ("-t", target)]
    _run(sys.executable, "-m", "hatchling", "build", "-d", str(into), *chosen, folder=source)


def main() -> None:
    root, dist = Path.cwd(), Path("dist").resolve()
    commit = _run("git", "rev-parse", "HEAD", folder=root)  # somebody may commit meanwhile
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _build(_export(root, commit, work / "one"), dist, "sdist", "wheel")
        other = _export(root, commit, work / "other")
        _unlike(other)
        _build(other, work / "again", "sdist")
        (sdist,) = dist.glob("*.tar.gz")
        (work / "unpacked").mkdir()
        _run("tar", "-xf", str(sdist), "-C", str(work / "unpacked"), folder=root)
        (unpacked,) = (work / "unpacked").iterdir()
        _build(unpacked, work / "again", "wheel")
        made = sorted(dist.iterdir())
        for file in made:
            again = work / "again" / file.name
            if not again.exists() or again.read_bytes() != file.read_bytes():
                sys.exit(f"error: {file.name} is not the same when it is built again")
    _run(sys.executable, "-m", "twine", "check", "--strict", *map(str, made), folder=root)
    for file in made:
        print(f"{file.relative_to(root)}: {file.stat().st_size} bytes, the same when built again")


if __name__ == "__main__":
    main()
