"""The demonstration: one TOM shares with another TOM and with HERMES, by itself, while one of them is down.

Meanwhile two people report to TNS, and put right what HERMES has published.

    make demo                  runs it, in under two minutes; exit status 0 if everything arrived, once
    make demo ARGS=--serve     leaves the TOMs running, to look at

The last line is JSON; `records` counts what should be at the destinations, summed over them, and `checked`
what is claimed of reports and messages.
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

from cast import ADMIN, Cast, prepare
from desk import Desk
from people import APPROVER, OBSERVER
from realtoms import TomError
from screen import Screen
from story import Story


def _leave_running(screen: Screen, cast: Cast, folder: Path) -> None:
    a, b = cast.a, cast.b
    screen.step("All is running; Ctrl-C ends it")
    screen.note(f"TOM A   {a.tom.url}targets/")
    screen.note(f"TOM B   {b.tom.url}targets/")
    screen.note(f"HERMES  {cast.hermes.stand_in.url} shows what the stand-in has published")
    screen.note(f"TNS     {cast.tns.url} shows the objects of the stand-in")
    may = {OBSERVER: "shares and reports", APPROVER: "approves", ADMIN: "may all, in both TOMs"}
    for user, does in may.items():
        screen.note(f"Log in as {user.username} with {user.password}: {does}")
    with suppress(KeyboardInterrupt):
        Desk(screen, cast, folder).serve()


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
    parser.add_argument("--serve", action="store_true", help="leave all running at the end")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    folder = Path(tempfile.mkdtemp(prefix="sharecore-demo-"))
    try:
        with ExitStack() as stack:
            screen = Screen()
            cast = prepare(screen, folder, stack)
            story = Story(screen, cast.a, [cast.b, cast.hermes], cast.publishing(screen))
            story.run()
            perfect = story.report()
            if not perfect:
                print(f"The logs are in {_keep_logs(folder)}", file=sys.stderr)
            if options.serve:
                _leave_running(screen, cast, folder)
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
