"""Write the answer of a subcommand: lines for people, or one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from sharecore.exceptions import Problem
from sharecore.times import in_utc


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one line for people."""

    text: str
    alarming: bool = False
    """True when the line reports a problem."""


def write_json(command: BaseCommand, value: Any) -> None:
    """Write a value as JSON; times are in ISO format."""
    command.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, indent=2))


def write_list(command: BaseCommand, values: Iterable[Any]) -> None:
    """Write values as a JSON list, each as soon as it is there."""
    first = True
    for value in values:
        command.stdout.write("[" if first else ",")
        write_json(command, value)
        first = False
    command.stdout.write("[]" if first else "]")


def write_lines(command: BaseCommand, lines: Iterable[Line]) -> None:
    """Write lines, those that report a problem in another colour."""
    for line in lines:
        command.stdout.write(command.style.WARNING(line.text) if line.alarming else line.text)


def answer(command: BaseCommand, options: dict[str, Any], value: Any, text: str) -> None:
    """Write a value with `--json`, else a text."""
    if options["json"]:
        write_json(command, value)
    else:
        command.stdout.write(text)


def described(kind: str, timestamp: datetime) -> str:
    """Return a record in words, with its time in UTC."""
    return f"{kind or 'datum'} of {in_utc(timestamp):%Y-%m-%d %H:%M} UTC"


def problem(each: Problem) -> dict[str, Any]:
    """Return a problem as it is written in JSON."""
    return {"where": each.where, "what": each.what, "hint": each.hint, "fatal": each.fatal}
