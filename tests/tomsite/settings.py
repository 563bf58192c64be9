"""Settings of the TOM in which the tests of the Django app run: tomtoolkit's own template, and what is ours.

``SHARECORE_TEST_DB`` names a PostgreSQL server (``postgresql://user@host:port/name``); without it: SQLite, in
a file, because threads and processes share it as they do in a real TOM.
"""

from __future__ import annotations

import atexit
import os
import runpy
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from django.template import Context, Engine

from realtoms.databases import django_database

_ANSWERS = {
    "PROJECT_NAME": "tomsite",
    "CUSTOM_CODE_APP_NAME": "tom_integration",
    "SECRET_KEY": "only-for-tests",
    "TARGET_TYPE": "SIDEREAL",
    "HINTS_ENABLED": False,
}


def _settings_of_a_new_tom() -> dict[str, Any]:
    """What ``tom_setup`` writes into the settings of a TOM with our app as the only one added."""
    template = files("tom_setup") / "templates" / "tom_setup" / "settings.tmpl"
    text = Engine().from_string(template.read_text()).render(Context(_ANSWERS, autoescape=False))
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "settings.py"
        rendered.write_text(text)
        return {name: value for name, value in runpy.run_path(str(rendered)).items() if name.isupper()}


globals().update(_settings_of_a_new_tom())

# Nothing is made here: mypy reads these settings too, and ends without cleaning up.
_SCRATCH = Path(tempfile.gettempdir()) / f"sharecore-tests-{os.getpid()}"
_SERVER = os.environ.get("SHARECORE_TEST_DB", "sqlite")

if _SERVER == "sqlite":
    DATABASES: dict[str, Any] = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",  # what is meant is TEST
            "OPTIONS": {"init_command": "PRAGMA synchronous=OFF", "transaction_mode": "IMMEDIATE"},
            "TEST": {"NAME": f"{_SCRATCH}-test.sqlite3"},
        }
    }
elif _SERVER.startswith("postgres"):
    DATABASES = {
        "default": django_database(_SERVER)
        | {
            "TEST": {"NAME": f"sharecore_test_{os.getpid()}"},
            # A power cut may take a test's last commits; to compile a query takes longer than to run it here.
            "OPTIONS": {"options": "-c synchronous_commit=off -c jit=off"},
        }
    }
else:
    raise ValueError(f"SHARECORE_TEST_DB is {_SERVER!r}: neither 'sqlite' nor a postgresql:// address")

TOM_NAME = "Test TOM"
ROOT_URLCONF = "tomsite.urls"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STATICFILES_DIRS: list[str] = []
MEDIA_ROOT = f"{_SCRATCH}-media"
atexit.register(shutil.rmtree, MEDIA_ROOT, ignore_errors=True)

# As README and the users' documentation show them; nothing listens at either address.
DATA_SHARING = {
    "not-my-tom": {
        "DISPLAY_NAME": "Not my TOM",
        "BASE_URL": "https://not-my-tom.invalid/",
        "USERNAME": "sharer",
        "PASSWORD": "not-a-secret",
    },
    "another-tom": {
        "DISPLAY_NAME": "Another TOM",
        "BASE_URL": "https://another-tom.invalid/",
        "API_KEY": "not-a-secret",
    },
}
