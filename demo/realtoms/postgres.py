"""A PostgreSQL server for the tests: the one of this machine, or a private one that goes away again.

``python -m realtoms.postgres COMMAND...`` runs a command with its address in ``SHARECORE_TEST_DB``.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from realtoms.debian import install
from realtoms.service import TomError, free_port, tail

_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)
_VARIABLE = "SHARECORE_TEST_DB"


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server on which databases may be made.

    Tried in this order: the address in ``SHARECORE_TEST_DB``; a server at 127.0.0.1:5432 that asks for no
    password; a private server from the programs of this machine, installed first when this is Debian and
    we are root. TomError says what is missing.
    """
    address = os.environ.get(_VARIABLE, "")
    if address.startswith("postgres"):
        yield address
        return
    running = _running_server()
    if running:
        _say(f"using the server at {running}")
        yield running
        return
    with (
        tempfile.TemporaryDirectory(prefix="sharecore-postgres-") as folder,
        _private(Path(folder)) as private,
    ):
        yield private


def _running_server() -> str | None:
    for user in dict.fromkeys((getpass.getuser(), "postgres", "root")):
        address = f"postgresql://{user}@127.0.0.1:5432/postgres"
        try:
            with psycopg.connect(address, connect_timeout=3) as connection:
                query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
                row = connection.execute(query).fetchone()
        except psycopg.OperationalError:
            continue
        if row and row[0]:
            return address
    return None


class Cluster:
    """A private server in a folder of its own, made from the programs of this machine. Not running yet."""

    def __init__(self, folder: Path) -> None:
        programs = _programs() or _installed_programs()
        self._folder = folder
        self._port = free_port()
        self._data = folder / "data"
        # PostgreSQL refuses to run as root
        self._identity: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
        if self._identity:
            shutil.chown(folder, "postgres")
        log = folder / "log"
        self._control = [str(programs / "pg_ctl"), "-D", str(self._data), "-w", "-l", str(log)]
        _run(
            [str(programs / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "--no-sync"],
            folder,
            self._identity,
        )

    @property
    def address(self) -> str:
        """Return the address of its first database; further ones can be made."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and return when it answers."""
        _say(f"starting a private server on port {self._port}")
        options = f"-h 127.0.0.1 -p {self._port} -k {self._folder} -F"
        _run([*self._control, "-o", options, "start"], self._folder, self._identity)

    def stop(self) -> None:
        """Stop it without saving anything for a next time."""
        _run([*self._control, "-m", "immediate", "stop"], self._folder, self._identity)

    def kill(self) -> None:
        """SIGKILL its first process, as a system without memory does; the others follow by themselves."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


@contextmanager
def _private(folder: Path) -> Iterator[str]:
    cluster = Cluster(folder)
    cluster.start()
    try:
        yield cluster.address
    finally:
        cluster.stop()


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    for pattern in _PLACES:
        places += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    return next(
        (place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None
    )


def _installed_programs() -> Path:
    install("postgresql")
    programs = _programs()
    if programs is None:
        raise TomError(
            "these tests need PostgreSQL: no server at 127.0.0.1:5432 lets us in without a password, and "
            f"the programs initdb and pg_ctl are not here. Install PostgreSQL, or name a server: {_VARIABLE}=postgresql://..."
        )
    return programs


def _run(command: list[str], folder: Path, identity: dict[str, Any]) -> None:
    # to a file: a server that pg_ctl starts would keep a pipe open
    with tempfile.TemporaryFile("w+") as output:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        done = subprocess.run(command, cwd=folder, check=False, **pipes, **identity)
        output.seek(0)
        if done.returncode:
            raise TomError(f"{' '.join(command)} failed:\n{tail(output.read())}")


def _say(text: str) -> None:
    print(f"PostgreSQL: {text}", flush=True)


def main(command: list[str]) -> int:
    """Run a command with a PostgreSQL server; return its exit status."""
    if not command:
        print("usage: python -m realtoms.postgres COMMAND...", file=sys.stderr)
        return 2
    try:
        with server() as address:
            return subprocess.run(command, env=os.environ | {_VARIABLE: address}, check=False).returncode
    except TomError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
