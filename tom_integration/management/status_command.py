"""Run `manage.py sharing status`: show what was shared, what waits and what needs a person."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration import site_status
from tom_integration.management import output, status_text


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--all", action="store_true", help="List every share, however many there are.")
    output.add_json(parser)


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command."""
    now = site_status.read()
    if options["json"]:
        output.write_json(command, asdict(now))
    else:
        output.write_lines(command, status_text.lines(now, whole=options["all"]))
