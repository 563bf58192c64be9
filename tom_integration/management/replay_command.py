"""Run `manage.py sharing replay`: list what would be sent again, ask, and send it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharecore.exceptions import ConfigurationError
from tom_integration.pages import phrases
from tom_integration.services.replay_lost import Replay


def add_arguments(parser: ArgumentParser, moment: Callable[[str], datetime]) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--since", type=moment, metavar="TIME", required=True, help="Send records that arrived from then on."
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="Send records that arrived before then.")
    parser.add_argument(
        "--share", type=int, metavar="NUMBER", help="Send records of this share only (see status)."
    )
    parser.add_argument(
        "--destination", metavar="NAME", help="Send to this destination only, with its topics."
    )
    parser.add_argument("--dry-run", action="store_true", help="Count the records, and send nothing.")
    parser.add_argument("--yes", action="store_true", help="Send without asking.")
    parser.add_argument(
        "--doubles",
        action="store_true",
        help="Send also to a destination that cannot be asked what it has (HERMES), and may store it twice.",
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    if options["until"] is not None and options["until"] <= options["since"]:
        raise CommandError("The time of --until must be after that of --since.")
    replay = Replay(
        **{name: options[name] for name in ("since", "until", "destination")}, share_id=options["share"]
    )
    try:
        counts, blind = replay.counts(), replay.blind()
        for address, number in counts.items():
            what = "sent whether or not it is there" if address in blind else "looked up, and sent if missing"
            command.stdout.write(f"{address}: {phrases.number(number)}, {what}")
        if options["dry_run"] or not counts:
            command.stdout.write(f"{phrases.number(sum(counts.values()))} would be sent again.")
            return
        if blind and not options["doubles"]:
            raise CommandError(
                f"{', '.join(map(str, blind))} cannot be asked which records it has, and would have some "
                "twice. If that is harmless, add --doubles; else name another --destination."
            )
        _ask(command, options)
        number = replay.send_again()
    except (LookupError, ConfigurationError) as error:
        raise CommandError(str(error)) from None
    missing = "it is missing" if number == 1 else "they are missing"
    command.stdout.write(f"{phrases.number(number)} will be sent again, where {missing}.")


def _ask(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["yes"]:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "The command asks before it sends, but has no terminal. Add --yes to send, or --dry-run to count."
        )
    command.stdout.write("Send it again? [y/N] ", ending="")
    command.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was sent.")
