"""Run `manage.py sharing deliver`: deliver records until stopped, or once for cron."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharecore.delivery import OPEN
from tom_integration import site
from tom_integration.management import output
from tom_integration.models import Delivery
from tom_integration.pages import phrases
from tom_integration.worker.loop import Worker


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--once", action="store_true", help="Deliver the records that are due now, then stop (for cron)."
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError when all sharing is paused."""
    if options["json"] and not options["once"]:
        raise CommandError("--json needs --once: without it the command runs until it is stopped.")
    if reason := site.halted():
        raise CommandError(reason)
    worker = Worker("command")
    if not options["once"]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        command.stdout.write("Delivering; stop with Ctrl-C.")
        worker.run()
        return

    def progress(left: int) -> None:
        command.stdout.write(f"\r{phrases.number(left, 'destination')} at work ", ending="")
        command.stdout.flush()

    shows = sys.stdout.isatty() and not options["json"]
    delivered = worker.run_once(progress if shows else lambda left: None)
    if options["json"]:
        waiting = Delivery.objects.filter(state__in=OPEN).count()
        output.write_json(command, {"delivered": delivered, "waiting": waiting})
