"""Run `manage.py sharing restored`: look up due records after a backup of this TOM was restored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.management import output
from tom_integration.outbox import restored
from tom_integration.pages import phrases


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Look up due records before they are sent, after a backup of this TOM was restored."""
    number = restored.doubt()
    text = f"{phrases.number(number)} will be looked up, and sent if missing."
    output.answer(command, options, {"looked_up": number}, text)
