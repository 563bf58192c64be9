"""Runs inside the TOM that shares, when faults and kills are over: delivers what is left, as a person would.

The destination is checked (which ends a pause), `sharing deliver --once` runs until nothing is open, and what
was given up is replayed. The last line of the output is JSON: what had failed before the replay, and after.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter

PATIENCE = 120.0
"""Seconds after which what is still open counts as failed."""


def main(since: str = "") -> None:
    """Deliver all. since: first send again what was delivered from then on, and is lost there."""
    from django.core.management import CommandError, call_command

    def counts() -> Counter[str]:
        out = io.StringIO()
        call_command("sharing", "status", "--json", stdout=out)
        status = json.loads(out.getvalue())
        states: Counter[str] = Counter()
        for outbox in status["outboxes"]:
            states.update(outbox["counts"])
        problems = {outbox["problem"] for outbox in status["outboxes"] if outbox["problem"]}
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {dict(states)} {sorted(problems)}\n")
        return states

    def check() -> bool:
        try:
            call_command("sharing", "check", stdout=io.StringIO())
        except CommandError:
            return False
        return True

    def deliver(deadline: float) -> Counter[str]:
        while True:
            call_command("sharing", "deliver", "--once", stdout=io.StringIO())
            states = counts()
            if not (states["pending"] or states["sending"] or states["unconfirmed"]):
                return states
            if time.monotonic() > deadline:
                return states
            time.sleep(0.3)

    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("the receiver does not answer")
    if since:
        call_command("sharing", "replay", "--since", since, "--yes", stdout=io.StringIO())
    before = deliver(deadline)
    after = before
    for _ in range(3):
        if not after["failed"]:
            break
        call_command("sharing", "retry", stdout=io.StringIO())
        after = deliver(deadline)
    left = sum(after[state] for state in ("failed", "needs_review", "pending", "sending", "unconfirmed"))
    result = {"failed_before_replay": before["failed"], "failed": left, "states": after}
    sys.stdout.write(json.dumps(result) + "\n")
