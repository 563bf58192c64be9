"""Run `manage.py sharing retry`: try records again that did not arrive."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.management import output
from tom_integration.pages import phrases
from tom_integration.services import retry


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("share", nargs="?", type=int, help="Number of a share (see status); all if omitted.")


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command."""
    number = retry.retry(options["share"])
    output.answer(command, options, {"retried": number}, f"{phrases.number(number)} will be tried again.")
