"""PostgreSQL databases for TOMs; an address is ``postgresql://user:password@host:port/name``."""

from __future__ import annotations

import os
import secrets
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


def django_database(address: str) -> dict[str, object]:
    """Return an entry of Django's ``DATABASES`` for a PostgreSQL address."""
    parts = conninfo_to_dict(address)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.get("dbname", "postgres"),
        "USER": parts.get("user", ""),
        "PASSWORD": parts.get("password", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
    }


def make_database(server: str) -> str:
    """Make a database of a new name on the server with this address; return the address of the database."""
    name = f"realtom_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return _with_name(server, name)


def drop_database(address: str) -> None:
    """Drop the database with this address; what is no PostgreSQL address (a SQLite file) is let be."""
    if not address.startswith("postgres"):
        return
    name = urlsplit(address).path.lstrip("/")
    with psycopg.connect(_with_name(address, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _with_name(address: str, name: str) -> str:
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
