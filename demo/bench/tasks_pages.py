"""Ask for pages of a TOM with sharecore, and measure what they cost."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from tom_targets.models import PersistentShare

_TICKS = os.sysconf("SC_CLK_TCK")


def page_of_share(target: int, times: int) -> dict[str, Any]:
    """Return the milliseconds of CPU of the whole page of the share of a target, and its queries."""
    share = PersistentShare.objects.get(target_id=target)
    return _cost(_client(), reverse("sharing:share-page", args=[share.pk]), times, expected=200)


def poll_of_share(target: int, times: int) -> dict[str, Any]:
    """Do the same for the part of that page that refreshes itself, when nothing has changed."""
    share = PersistentShare.objects.get(target_id=target)
    client, url = _client(), reverse("sharing:share-live", args=[share.pk])
    seen = client.get(url)["X-Sharing-Digest"]
    return _cost(client, f"{url}?seen={seen}", times, expected=204)


def list_of_targets(target: int, times: int) -> dict[str, Any]:
    """Do the same for the list of targets of tomtoolkit, which does not depend on the target."""
    return _cost(_client(), reverse("targets:list"), times, expected=200)


def _client() -> Client:
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(User.objects.get(is_superuser=True))
    return client


def _cost(client: Client, url: str, times: int, *, expected: int) -> dict[str, Any]:
    statements = _statements(client, url)
    began = _cpu()
    codes = Counter(client.get(url).status_code for _ in range(times))
    milliseconds = 1000 * (_cpu() - began) / times
    if codes[expected] < times - 1:  # Once a minute the page is rendered in any case.
        raise RuntimeError(f"{url} answered {dict(codes)}, not {expected}")
    return {"milliseconds": milliseconds, "queries": len(statements)}


def _statements(client: Client, url: str) -> list[str]:
    found: list[str] = []

    def note(execute: Any, sql: str, *others: Any) -> Any:
        found.append(sql)
        return execute(sql, *others)

    with connection.execute_wrapper(note):
        client.get(url)
    return found


def _cpu() -> float:
    """Return the seconds of CPU that this process and its process of the PostgreSQL server have used."""
    return time.process_time() + _cpu_of_server()


def _cpu_of_server() -> float:
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # All work is done by this one process.
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
