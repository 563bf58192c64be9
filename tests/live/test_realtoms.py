"""The TOMs that the other live tests stand on: they answer, come back, and leave nothing behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import realtoms
from realtoms import Tom, compare

STARTER = """
import sys, time
from pathlib import Path
from realtoms import make_tom
tom = make_tom(Path(sys.argv[1]), name="orphan", users=[]).serve()
print(tom.server.pid, flush=True)
time.sleep(600)
"""


def _json(tom: Tom, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - on loopback
        tom.url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Token {tom.tokens['sharer']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def test_a_tom_that_was_stopped_comes_back_at_its_address_with_its_data(
    receiver_31: Tom, target_name: str
) -> None:
    made = _json(
        receiver_31,
        "api/targets/",
        {"name": target_name, "type": "SIDEREAL", "ra": 10.5, "dec": -3.25, "aliases": [], "groups": []},
    )
    receiver_31.stop()
    with pytest.raises(urllib.error.URLError):
        _json(receiver_31, "api/targets/")
    receiver_31.serve()
    assert _json(receiver_31, f"api/targets/{made['id']}/")["name"] == target_name

    datum = {"target": made["id"], "data_type": "photometry", "timestamp": "2026-01-02T03:04:05.678901Z"}
    _json(receiver_31, "api/reduceddatums/", datum | {"value": {"magnitude": 18.25, "filter": "r", "a": [1]}})
    result = compare(receiver_31.database, receiver_31.database, [target_name])
    assert result.perfect
    assert result.records == 1


def test_both_versions_show_their_pages_with_style_sheets(receiver_31: Tom, receiver_232: Tom) -> None:
    for tom in (receiver_31, receiver_232):
        for path in ("targets/", "static/tom_common/css/main.css"):
            with urllib.request.urlopen(tom.url + path, timeout=30) as answer:  # noqa: S310
                assert answer.status == 200


def test_connections_on_which_a_browser_asks_nothing_yet_keep_nobody_waiting(receiver_31: Tom) -> None:
    receiver_31.stop()
    receiver_31.serve(browsers=True)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", receiver_31.port)))
        time.sleep(0.5)
        for _ in range(4):
            with urllib.request.urlopen(receiver_31.url, timeout=10) as answer:  # noqa: S310 - on loopback
                assert answer.status == 200
    receiver_31.stop()
    receiver_31.serve()


def test_toms_that_are_made_alike_are_two(sender: Callable[..., Tom]) -> None:
    """The second one has a copy of the database that was migrated for the first."""
    ask = """
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from tom_integration import site
    call_command("migrate", "--check", verbosity=0)
    print(site.origin(), sorted(User.objects.values_list("username", flat=True)))
    """
    one, two = (sender().execute(ask).split(" ", 1) for _ in range(2))
    assert one[0] != two[0]
    assert one[1] == two[1] == "['AnonymousUser', 'admin', 'observer']\n"


def test_a_server_ends_with_the_process_that_started_it_even_if_that_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(realtoms.__file__).parents[1])}
    command = [sys.executable, "-c", STARTER, str(tmp_path / "tom")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server = int(starter.stdout.readline())
        starter.kill()
    deadline = time.monotonic() + 30
    while _alive(server):
        assert time.monotonic() < deadline, "the server still runs"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # where nobody collects orphans, one that has ended stays as a zombie
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
