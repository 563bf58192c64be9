"""One real TOM: a folder, a database, users, and a server on loopback that can be stopped and started."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from realtoms.databases import drop_database
from realtoms.processes import forget, run
from realtoms.service import Service, TomError, tail
from realtoms.skeleton import django_environment


@dataclass(frozen=True, kw_only=True)
class User:
    """A user to make: permissions are global ones, such as ``tom_targets.add_persistentshare``."""

    username: str
    password: str = field(repr=False)
    superuser: bool = False
    permissions: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class Tom:
    """A TOM made by :func:`make_tom`.

    `database` is the path of its SQLite file or its PostgreSQL address; `tokens` are the API tokens by user
    name (tomtoolkit 2.32 hands them out, but ignores them).
    """

    name: str
    path: Path
    python: Path
    port: int
    database: str
    users: Sequence[User] = ()
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    _server: Service | None = field(default=None, init=False, repr=False)
    _others: list[Service] = field(default_factory=list, init=False, repr=False)

    @property
    def url(self) -> str:
        """Return the base address, with a slash at its end."""
        return f"http://127.0.0.1:{self.port}/"

    def sharing_entry(self, username: str, **more: object) -> dict[str, object]:
        """Return an entry of another TOM's ``DATA_SHARING`` that shares to this one as one of its users."""
        user = next(user for user in self.users if user.username == username)
        login = {"USERNAME": username, "PASSWORD": user.password}
        return {"DISPLAY_NAME": self.name, "BASE_URL": self.url, **login, **more}

    @property
    def log(self) -> Path:
        """Return the file that gunicorn and the TOM behind it write to."""
        return self.path / "server.log"

    @property
    def server(self) -> Service:
        """Return the running server; TomError when it is not served."""
        if self._server is None:
            raise TomError(f"{self.name} is not being served")
        return self._server

    def serve(self, *, workers: int = 2, browsers: bool = False, options: Sequence[str] = ()) -> Self:
        """Serve it with gunicorn, and return when it answers.

        browsers: they will look at it. They keep connections open on which they ask nothing yet, and a worker
        without threads waits for each of these. options: for gunicorn (``--preload``).
        """
        command = [str(self.python), "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--workers", str(workers), "--threads", "4" if browsers else "1"]
        command += [*options, "served:application"]
        self._server = Service(command, self.path, self.log, django_environment())
        self._server.start()
        try:
            self._server.wait_until_answers(self.url)
        except TomError:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Stop the server, and every command started with :meth:`start`, in good order."""
        for service in self._services():
            service.stop()

    def kill(self) -> None:
        """Kill them all at once."""
        for service in self._services():
            service.kill()

    def _services(self) -> list[Service]:
        services = [*self._others, *([self._server] if self._server else [])]
        self._others, self._server = [], None
        return services

    def manage(
        self, *arguments: str, timeout: float = 300.0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` and return what it printed; TomError when `check` is set and it fails."""
        return self._run(["manage.py", *arguments], timeout=timeout, check=check)

    def execute(self, code: str, *, timeout: float = 300.0) -> str:
        """Run Python code inside the TOM and return what it printed; TomError if it raises."""
        setup = "import django; django.setup()\n"
        return self._run(["-c", setup + textwrap.dedent(code)], timeout=timeout, check=True).stdout

    def start(self, *arguments: str) -> Service:
        """Start a ``manage.py`` command that keeps running; it is stopped with the TOM."""
        name = "-".join(part.strip("-") for part in arguments[:2])
        command = [str(self.python), "manage.py", *arguments]
        service = Service(command, self.path, self.path / f"{name}.log", django_environment())
        service.start()
        self._others.append(service)
        return service

    def _run(self, arguments: list[str], *, timeout: float, check: bool) -> subprocess.CompletedProcess[str]:
        command = [str(self.python), *arguments]
        done = run(command, folder=self.path, environment=django_environment(), timeout=timeout)
        if check and done.returncode:
            raise TomError(f"{self.name}: {arguments[:3]} failed:\n{tail(done.stdout)}\n{tail(done.stderr)}")
        return done

    def remove(self) -> None:
        """Stop it and remove its folder and its database."""
        self.kill()
        forget(self.path)
        shutil.rmtree(self.path, ignore_errors=True)
        drop_database(self.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
