"""Run `manage.py sharing purge`: delete what is old in the ledger."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.management import output
from tom_integration.outbox import retention
from tom_integration.pages import phrases

_PURGED = {
    "answers": "answer",
    "attempts": "attempt",
    "calls": "call",
    "rows": "row",
    "activity": "line",
    "outboxes": "outbox",
    "received": "key",
    "reports": "report",
}
"""What a purge counts, with a noun for each."""


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Delete what is old, and tell the numbers."""
    shows = sys.stdout.isatty() and not options["json"]
    done = retention.everything(
        lambda done: command.stdout.write(_counted(done), ending="\r") if shows else None
    )
    output.answer(command, options, {name: done[name] for name in _PURGED}, _counted(done))


def _counted(done: Counter[str]) -> str:
    parts = [phrases.number(done[name], _PURGED[name]) for name in ("answers", "attempts", "calls", "rows")]
    parts.append(f"{done['outboxes']:,} outbox{'' if done['outboxes'] == 1 else 'es'}")
    parts.append(f"{phrases.number(done['received'], 'key')} of received data")
    parts.append(f"{phrases.number(done['activity'], 'line')} of activity")
    return f"Removed: {', '.join(parts)}. "
