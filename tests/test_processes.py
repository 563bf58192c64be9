"""The processes of the tests' TOMs are forks: to who looks at one it is what `python ARGUMENTS` would be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import realtoms
from realtoms import Service, processes
from realtoms.forks import ForkServer

SHOW = """
import __main__, atexit, json, os, sys, threading, time

def last():
    time.sleep(0.2)
    print("a thread's end")

print(json.dumps([
    __name__, hasattr(__main__, "last"), sys.argv, [path for path in sys.path if "site-packages" not in path],
    os.getcwd(), dict(os.environ), os.getsid(0) == os.getpid(), sys.stdin.read(), os.listdir("/proc/self/fd"),
]))
print("for stderr", file=sys.stderr)
atexit.register(print, "the end")
threading.Thread(target=last).start()
"""
ORPHAN = """
import os, sys, time
from pathlib import Path
from realtoms.forks import ForkServer
server = ForkServer(sys.executable, os.environ, before="")
if nested:
    server = ForkServer(sys.executable, os.environ, before="", forks=server)
    assert server.ready()
wait = "import time; time.sleep(600)"
where = {"folder": Path("/"), "environment": {}, "stdin": 0, "stdout": 2, "stderr": 2}
print(server.fork(["-c", wait], **where).pid, flush=True)
time.sleep(600)
"""
Both = Callable[..., list[subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer(sys.executable, os.environ, before="")
    yield server
    server.close()


@pytest.fixture
def both(server: ForkServer, tmp_path: Path) -> Iterator[Both]:
    """Run Python in a folder, forked and by itself; both results."""

    def run(*arguments: str, given: str = "") -> list[subprocess.CompletedProcess[str]]:
        environment = {"HOME": "/nowhere", "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        one = partial(
            processes.run,
            [sys.executable, *arguments],
            folder=tmp_path,
            environment=environment,
            given=given,
        )
        return [one(forks=server), one()]

    processes.fork_no_more(Path(sys.executable))
    yield run
    processes.fork_from_now_on(Path(sys.executable))


@pytest.mark.parametrize(
    "arguments",
    [("show.py", "a", "--b"), ("inner/show.py",), ("-m", "show", "-a"), ("-c", SHOW, "a"), ("-P", "show.py")],
    ids=lambda arguments: " ".join(arguments[:2])[:12],
)
def test_a_fork_meets_what_a_process_of_its_own_meets(
    arguments: tuple[str, ...], both: Both, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    for place in (tmp_path, tmp_path / "inner"):
        (place / "show.py").write_text(SHOW)
    forked, plain = both(*arguments, given="from outside")
    assert vars(forked) == vars(plain)
    assert forked.returncode == 0
    assert "from outside" in forked.stdout
    assert forked.stdout.splitlines()[-2:] == ["a thread's end", "the end"]
    assert forked.stderr == "for stderr\n"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit",
        "raise SystemExit(3)",
        "raise SystemExit('so not')",
        "1 / 0",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "import os, sys; os.fork() or sys.exit(4)",
        "print('no end of line', end='')",
    ],
)
def test_a_fork_ends_as_a_process_of_its_own(code: str, both: Both) -> None:
    forked, plain = both("-c", code)
    assert forked.returncode == plain.returncode
    assert forked.stdout == plain.stdout
    assert forked.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]


def test_what_takes_too_long_is_killed(
    server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time begins here when it is at work, so that it may be short."""
    pid, fork = tmp_path / "pid", server.fork

    def fork_and_see_at_work(*args: Any, **given: Any) -> Any:
        made = fork(*args, **given)
        _until(pid.exists)
        return made

    monkeypatch.setattr(server, "fork", fork_and_see_at_work)
    code = (
        "import os, time; open('new', 'w').write(str(os.getpid())); os.rename('new', 'pid'); time.sleep(600)"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(
            [sys.executable, "-c", code], folder=tmp_path, environment={}, timeout=0.3, forks=server
        )
    assert not _there(int(pid.read_text()))


def test_a_forked_service_is_there_until_it_is_killed_and_can_be_started_again(tmp_path: Path) -> None:
    code = "import sys; print('ready', flush=True); sys.stdin.read()"
    service = Service([sys.executable, "-c", code], tmp_path, tmp_path / "log", os.environ)
    for number in range(1, 4):
        service.start()
        pid = service.pid
        _until(partial(_said_ready, service, number))
        assert service.running
        if number == 1:
            os.kill(pid, signal.SIGKILL)
            _until(lambda: not service.running)
        else:
            (service.stop, service.kill)[number % 2]()
        assert not _there(pid)
        assert not service.running


@pytest.mark.parametrize("nested", [False, True])
def test_forks_end_with_the_process_that_ordered_them_even_if_that_is_killed(nested: bool) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(realtoms.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", f"nested = {nested}{ORPHAN}"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert _there(pid)
        starter.kill()
    _until(lambda: not _there(pid))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Run Python code in a Django site, which notes how often its settings were read; what it printed."""
    (tmp_path / "manage.py").touch()
    (tmp_path / "urls.py").write_text("urlpatterns = []")
    (tmp_path / "settings.py").write_text("open('read', 'a').write('x')\nROOT_URLCONF = 'urls'\n")
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "settings"}

    def run(code: str) -> str:
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = processes.run(command, folder=tmp_path, environment=environment)
        return done.stdout or done.stderr

    yield run
    processes.forget(tmp_path)


def test_the_processes_of_a_site_are_set_up_once_for_its_code(
    site: Callable[[str], str], tmp_path: Path
) -> None:
    count = "print(open('read').read())"
    assert [site(count), site(count)] == ["x\n", "x\n"]
    with (tmp_path / "settings.py").open("a") as settings:
        settings.write("SECRET_KEY = 'another'\n")
    show = "from django.conf import settings; print(settings.SECRET_KEY)"
    assert [site(show), site(count)] == ["another\n", "xx\n"]


def test_a_site_that_cannot_be_set_up_says_so_as_it_would_by_itself(
    site: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "settings.py").write_text("1 / 0")
    for _ in range(2):
        assert site("").splitlines()[-1] == "ZeroDivisionError: division by zero"


def _said_ready(service: Service, times: int) -> bool:
    return service.output.count("ready") == times


def _there(pid: int) -> bool:
    # where nobody collects orphans, one that has ended stays as a zombie
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
