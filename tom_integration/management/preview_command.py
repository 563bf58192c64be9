"""Run `manage.py sharing preview`: print what a share would send."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharecore.adapter import Preview
from sharecore.exceptions import Problem
from tom_integration.management import output
from tom_integration.services import preview, shares

_REFUSED = "The destination would not take these data. Correct the problems above."


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("share", type=int, help="Number of a share (see status).")
    parser.add_argument("--all", action="store_true", help="Print all data of the share, call by call.")
    parser.add_argument(
        "--validate", action="store_true", help="Ask the destination to check them, without storing them."
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    outlook = preview.of_outbox(shares.outbox_by_share(options["share"]))
    samples = outlook.calls() if options["all"] else iter([outlook.newest(preview.SAMPLE)])
    if options["json"]:
        _write(command, samples, validate=options["validate"])
        return
    for sample in samples:
        shown, notes, problems = _read(sample, validate=options["validate"])
        _show(command, shown, notes, problems)


def _read(sample: preview.Sample, *, validate: bool) -> tuple[Preview, list[str], list[Problem]]:
    """Return the payload of one call, the notes on it, and its problems."""
    shown = sample.preview()
    problems = list(sample.validate()) if validate else []
    return shown, list(filter(None, [*sample.left_out, *shown.note.splitlines()])), problems


def _show(command: BaseCommand, shown: Preview, notes: list[str], problems: list[Problem]) -> None:
    command.stdout.write(shown.body)
    for note in notes:
        command.stderr.write(command.style.WARNING(note))
    for problem in problems:
        command.stderr.write((command.style.ERROR if problem.fatal else command.style.WARNING)(str(problem)))
    if any(problem.fatal for problem in problems):
        raise CommandError(_REFUSED)


def _write(command: BaseCommand, samples: Iterator[preview.Sample], *, validate: bool) -> None:
    refused = False

    def calls() -> Iterator[dict[str, Any]]:
        nonlocal refused
        for sample in samples:
            shown, notes, problems = _read(sample, validate=validate)
            refused = refused or any(each.fatal for each in problems)
            found = [output.problem(each) for each in problems]
            yield {"body": shown.body, "notes": notes, "problems": found}

    output.write_list(command, calls())
    if refused:
        raise CommandError(_REFUSED)
