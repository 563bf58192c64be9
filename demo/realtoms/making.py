"""Makes a TOM: a copy of the skeleton, with settings, database and users of its own."""

from __future__ import annotations

import atexit
import json
import secrets
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from realtoms import inside
from realtoms.databases import django_database, make_database
from realtoms.processes import run
from realtoms.service import TomError, free_port, tail
from realtoms.skeleton import PROJECT, copy_skeleton, django_environment
from realtoms.tom import Tom, User

# gunicorn reads this by itself. Its standard input ends when the process that started it does.
_GUNICORN = """\
import os, signal, threading

control_socket_disable = True


def on_starting(server):
    def follow():
        os.read(0, 1)  # not sys.stdin: its lock would be held for ever
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
"""

# What `runserver` does for style sheets, so that the pages look right without a web server in front.
_WSGI = f"""\
from django.contrib.staticfiles.handlers import StaticFilesHandler

from {PROJECT}.wsgi import application as tom

application = StaticFilesHandler(tom)
"""

PATIENT_SQLITE = """\
DATABASES["default"]["OPTIONS"] = {"timeout": 60}
"""
"""The `code` of a TOM that is shared to on a busy machine.

Where its database stays locked for longer than the five seconds that SQLite waits, it keeps a target half
made, without rights for our account.
"""


@cache
def _kept(python: Path, apps: tuple[str, ...]) -> Path:
    """Return the place of the migrated database, without users, of the first TOM with these apps."""
    folder = tempfile.mkdtemp(prefix="realtoms-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder) / "db.sqlite3"


def make_tom(
    path: Path,
    *,
    name: str,
    users: Sequence[User],
    python: Path | None = None,
    apps: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
    code: str = "",
    files: Mapping[str, str] | None = None,
    postgres: str | None = None,
) -> Tom:
    """Make a TOM in a folder that does not exist yet, with its database migrated and its users made.

    :param python: the Python with the tomtoolkit to use; the running one by default.
    :param apps: added to ``INSTALLED_APPS``; a stock TOM has none.
    :param settings: further settings; their values are written with ``repr``.
    :param code: Python text put at the end of ``settings.py``.
    :param files: text files to write, by their path inside the TOM (``custom_code/processors.py``).
    :param postgres: address of a PostgreSQL server on which a database is made; SQLite without it.
    """
    python = python or Path(sys.executable)
    copy_skeleton(python, path)
    database = str(path / "db.sqlite3")
    own: dict[str, object] = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DEBUG": False,
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
        "TOM_NAME": name,
        # the stock setting is one folder for all the TOMs of a machine
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": str(path / "cache"),
            }
        },
    }
    if postgres is not None:
        database = make_database(postgres)
        own["DATABASES"] = {"default": django_database(database)}
    lines = ["", "", f"INSTALLED_APPS = [*INSTALLED_APPS, *{list(apps)!r}]"]
    lines += [f"{key} = {value!r}" for key, value in (own | dict(settings or {})).items()]
    with (path / PROJECT / "settings.py").open("a") as file:
        file.write("\n".join(lines) + "\n" + textwrap.dedent(code))
    for inner, text in {"gunicorn.conf.py": _GUNICORN, "served.py": _WSGI, **(files or {})}.items():
        (path / inner).parent.mkdir(parents=True, exist_ok=True)
        (path / inner).write_text(textwrap.dedent(text))
    order: dict[str, object] = {"migrate": bool(apps or postgres), "copy": "", "copied": False}
    # settings alone bring no tables; code and files may
    if apps and not (postgres or code or files):
        kept = _kept(python, tuple(apps))
        if kept.exists():
            shutil.copyfile(kept, database)
            order |= {"migrate": False, "copied": True}
        else:
            order["copy"] = str(kept)
    tokens = _prepare(python, path, order | {"users": [asdict(user) for user in users]})
    return Tom(
        name=name,
        path=path,
        python=python,
        port=free_port(),
        database=database,
        users=tuple(users),
        tokens=tokens,
    )


def _prepare(python: Path, path: Path, order: dict[str, object]) -> dict[str, str]:
    done = run(
        [str(python), "-P", str(inside.__file__)],
        folder=path,
        environment=django_environment(),
        given=json.dumps(order),
        timeout=600,
    )
    if done.returncode:
        raise TomError(f"the TOM in {path} could not be set up:\n{tail(done.stdout)}\n{tail(done.stderr)}")
    tokens: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return tokens
