"""Run `manage.py sharing retry`: try records again that did not arrive."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tom_integration.management import output
from tom_integration.pages import phrases
from tom_integration.services import retry


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("share", nargs="?", type=int, help="Number of a share (see status); all if omitted.")
    output.add_json(parser)


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError when there is no such share."""
    try:
        number = retry.retry(options["share"])
    except LookupError as error:
        raise CommandError(str(error)) from None
    output.answer(command, options, {"retried": number}, f"{phrases.number(number)} will be tried again.")
