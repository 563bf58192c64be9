"""Run `manage.py sharing status`: show what was shared, what waits and where action is needed."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.management import output, status, status_text
from tom_integration.pages.share_status import ShareStatus


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--destination", metavar="NAME", default="", help="Show the shares to this one only.")
    parser.add_argument(
        "--state", choices=ShareStatus.values, default="", help="Show the shares in this state only."
    )
    parser.add_argument(
        "--target", metavar="TEXT", default="", help="Show targets with this in a name or alias only."
    )
    parser.add_argument("--all", action="store_true", help="List every share, however many there are.")


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command."""
    chosen = status.ChosenShares(**{name: options[name] for name in ("destination", "state", "target")})
    whole = options["all"] or options["json"]
    now = status.read(chosen, most=None if whole else status_text.HEIGHT)
    if options["json"]:
        output.write_json(command, asdict(now))
    else:
        output.write_lines(command, status_text.lines(now, whole=options["all"]))
