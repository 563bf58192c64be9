"""The contract finds cheats, names the rule that they break, and ends, whatever they do."""

from __future__ import annotations

import gc
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import patience
from core.cheats import CHEATS, OneForAll, Shining, opened, released
from core.lamp import PATIENCE, lamp, stage
from patience import let_pass, time_outs
from sharecore.testing import (
    AdapterContract,
    Bench,
    FakeServer,
    Fault,
    HttpAdapterContract,
    Subject,
    watched_sockets,
)
from sharecore.testing.contract import guest
from sharecore.testing.contract.http import SHORT
from sharecore.testing.contract.traces import imported


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Some cheats change the process."""
    OneForAll.shared.clear()
    released.clear()
    default, handlers = socket.getdefaulttimeout(), list(logging.getLogger().handlers)
    path, limit, mask = list(sys.path), sys.getrecursionlimit(), os.umask(0o022)
    os.umask(mask)
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_default_https_context)
    monkeypatch.setenv("LAMP", "off")
    yield
    released.set()
    socket.setdefaulttimeout(default)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger("urllib3").setLevel(logging.NOTSET)
    logging.disable(logging.NOTSET)
    sys.path[:] = path
    sys.setrecursionlimit(limit)
    gc.enable()
    os.umask(mask)
    while opened:
        left = opened.pop()
        if isinstance(left, subprocess.Popen):
            left.kill()
            left.communicate()  # waits, and closes the pipe to it
        else:
            left.close()


class TestTheShiningLamp(HttpAdapterContract):
    """The one that cheats are made of is good."""

    @pytest.fixture
    def subject(self, server: FakeServer, request: pytest.FixtureRequest) -> Subject:
        return stage(server, lamp(Shining), time_outs(request)).subject


@pytest.mark.usefixtures("looked_at_often")
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(
    ("rule", "kind", "given", "says"), CHEATS, ids=[f"{number} {row[0]}" for number, row in enumerate(CHEATS)]
)
def test_a_cheat_is_found_and_named(
    rule: str, kind: Any, given: dict[str, Any], says: str, server: FakeServer
) -> None:
    given = dict(given)
    bench = stage(server, kind)
    settings = {key: given.pop(key) for key in list(given) if key.isupper()}
    bench.subject.settings.update(settings)  # type: ignore[attr-defined]
    if given.get("fault") in Fault.__members__:
        given["fault"] = Fault[given["fault"]]
    with (
        watched_sockets(longest=SHORT),
        pytest.raises((AssertionError, pytest.fail.Exception)) as caught,
    ):
        getattr(HttpAdapterContract(), f"test_{rule}")(bench, **given)
    released.set()
    bench.close()
    assert re.search(says, str(caught.value))


IMPORTS = {
    "import socket; socket.create_connection(('127.0.0.1', 9), 0.1)": "used the network: .*socket.connect",
    "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()": "left threads",
    "from django.conf import settings; settings.DATA_SHARING": "ended with: .*ImproperlyConfigured",
    "print('hello')": "printed: hello",
    "import sys; sys.exit('no')": "ended with: no",
    "import os; os.environ['TZ'] = 'UTC+3'": "changed the process: the environment",
    "import time; time.sleep(60)": "did not come back within",
}


@pytest.mark.parametrize("line", IMPORTS)
def test_a_plugin_that_does_something_when_it_is_imported_is_found(
    line: str, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"lamp_that_does_it_{list(IMPORTS).index(line)}"  # what importing a module does is found once
    (tmp_path / f"{name}.py").write_text(f"try:\n    {line}\nexcept OSError:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    def opened(config: Any) -> Shining:
        return Shining(config)

    opened.__module__ = name
    bench = stage(server, lamp(opened))
    if "sleep" in line:
        monkeypatch.setattr(guest, "imported", lambda modules, seconds: imported(modules, seconds=1))
    with pytest.raises(AssertionError) as caught:
        HttpAdapterContract().test_importing_it_does_nothing_else(bench)
    bench.close()
    assert re.search(IMPORTS[line], str(caught.value))


@pytest.mark.usefixtures("looked_at_often")
def test_after_three_calls_that_hang_the_other_rules_fail_at_once(server: FakeServer) -> None:
    def hang(self: Any, batch: Any) -> Any:
        let_pass(PATIENCE)
        released.wait(60)

    kind = lamp(type("Bad", (Shining,), {"deliver": hang}))
    benches: list[Bench] = []
    for _ in range(3):
        benches.append(stage(server, kind))
        with pytest.raises(pytest.fail.Exception, match=f"deliver did not come back within {PATIENCE:g} s"):
            HttpAdapterContract().test_all_examples_in_one_batch(benches[-1])
    with pytest.raises(pytest.fail.Exception, match="not tried: deliver, deliver, deliver hang"):
        HttpAdapterContract().test_limits_make_sense(stage(server, kind))


def test_a_run_goes_on_after_what_would_end_it(tmp_path: Path) -> None:
    """With adapters that raise `KeyboardInterrupt` and `SystemExit`, and hang: all rules are tried."""
    (tmp_path / "test_bad.py").write_text(
        textwrap.dedent(
            """
            import sys, time, pytest
            from patience import LOOK, let_pass
            from sharecore import Adapter, DestinationType, Preview
            from sharecore import call_thread
            from sharecore.testing import AdapterContract, Subject

            call_thread._LONGEST_WAIT = LOOK

            class Bad(Adapter):
                def deliver(self, batch):
                    raise KeyboardInterrupt
                def describe(self):
                    sys.exit("bye")
                def ready(self):
                    let_pass(20)
                    time.sleep(600)
                def preview(self, batch):
                    return Preview(content_type="text/plain", body="")

            class TestBad(AdapterContract):
                @pytest.fixture
                def subject(self):
                    kind = DestinationType(
                        kind="bad", summary="", config=lambda section: None, open=lambda config: Bad()
                    )
                    return Subject(type=kind, settings={})
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "DJANGO"))
    } | {"PYTHONPATH": str(Path(patience.__file__).parent)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, env=environment)
    assert done.returncode == 1
    assert "deliver raised KeyboardInterrupt; only DeliveryError may leave it" in done.stdout
    assert "describe raised SystemExit; nothing may leave it" in done.stdout
    assert "ready did not come back within 20 s" in done.stdout
    rules = [name for name in dir(AdapterContract) if name.startswith("test_")]
    failed, passed = re.search(r"(\d+) failed, (\d+) passed", done.stdout).groups()  # type: ignore[union-attr]
    assert int(failed) + int(passed) >= len(rules)
