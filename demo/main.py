"""The demonstration: one TOM shares with another TOM and with HERMES, by itself, while one of them is down.

    make demo                  runs it, in under two minutes; exit status 0 if everything arrived, once
    make demo ARGS=--serve     leaves the TOMs running, to look at

The last line is JSON; `records` counts what should be at the destinations, summed over them.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import requests

from desk import Desk
from destinations import Destination, Hermes, TomB
from realtoms import TomError, User, toolkit_version
from screen import Screen
from sender import LIST, OBSERVER, TomA
from story import Story

ADMIN = User(username="admin", password="admin-of-the-demo", superuser=True)


def _prepare(screen: Screen, folder: Path, stack: ExitStack) -> tuple[TomA, list[Destination]]:
    version = toolkit_version(Path(sys.executable))
    screen.step(f"Two TOMs of tomtoolkit {version} are made; the first time this takes half a minute")
    b = TomB(folder, ADMIN)
    screen.note("TOM B is made, a stock one; it is started, and a stand-in for HERMES with it")
    destinations: list[Destination] = [b, Hermes(folder)]
    for destination in destinations:
        stack.callback(destination.stop)
        destination.start()
    screen.note(f"TOM B is at {b.tom.url}")
    a = TomA(folder, ADMIN, {each.address.partition(":")[0]: each.entry() for each in destinations})
    screen.note(f"TOM A is made, with sharecore and the target {a.target}; it is started")
    stack.callback(a.tom.stop)
    a.tom.serve()
    screen.note(f"TOM A is at {a.tom.url}")
    a.share_list(b.address)
    screen.note(f"The observer shares the list {LIST} with {b.address}: every target of it, own data only")
    for destination in destinations[1:]:
        a.share(destination.address)
        screen.note(f"The observer shares {a.target} continuously with {destination.address}")
    return a, destinations


def _leave_running(screen: Screen, a: TomA, b: TomB, folder: Path) -> None:
    login = f"log in as {ADMIN.username} with password {ADMIN.password}"
    screen.step("Both TOMs are running; Ctrl-C ends them")
    screen.note(f"TOM A  {a.tom.url}targets/{a.target_id}/  {login},")
    screen.note(f"       or, as the one who shares, as {OBSERVER.username} with {OBSERVER.password}")
    screen.note(f"       {a.tom.url}targets/persistentshare/manage/ lists what is shared continuously")
    screen.note(f"TOM B  {b.tom.url}targets/  {login}")
    with suppress(KeyboardInterrupt):
        Desk(screen, a, b, folder).serve()


def _keep_logs(folder: Path) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="sharecore-demo-logs-"))
    for log in (*folder.rglob("*.log"), *folder.glob("*.jsonl")):
        shutil.copy(log, kept / f"{log.parent.name}-{log.name}")
    return kept


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit status."""
    parser = argparse.ArgumentParser(description="One TOM shares with another, and with HERMES.")
    parser.add_argument("--serve", action="store_true", help="leave the TOMs running at the end")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    folder = Path(tempfile.mkdtemp(prefix="sharecore-demo-"))
    try:
        with ExitStack() as stack:
            screen = Screen()
            a, destinations = _prepare(screen, folder, stack)
            story = Story(screen, a, destinations)
            story.run()
            perfect = story.report()
            if not perfect:
                print(f"The logs are in {_keep_logs(folder)}", file=sys.stderr)
            if options.serve and isinstance(destinations[0], TomB):
                _leave_running(screen, a, destinations[0], folder)
        return 0 if perfect else 1
    except (TomError, OSError, requests.RequestException) as error:
        print(f"\nThe demonstration failed: {error}\nThe logs are in {_keep_logs(folder)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded.", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
