"""Run `manage.py sharing`: show the status, deliver, and resolve what needs a person."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.management import (
    activity_command,
    approvals_command,
    check_command,
    deliver_command,
    output,
    preview_command,
    replay_command,
    resolve_command,
    retry_command,
    rules_command,
    status_command,
    upkeep_commands,
    withdraw_command,
)
from tom_integration.outbox import activity

_Arguments = Callable[[ArgumentParser], None]
_Run = Callable[[BaseCommand, dict[str, Any]], None]

_SUBCOMMANDS: dict[str, tuple[str, _Arguments, _Run]] = {
    "status": (
        "Show what was shared, what waits and what needs a person.",
        status_command.add_arguments,
        status_command.run,
    ),
    "deliver": (
        "Deliver records when they are due, until stopped.",
        deliver_command.add_arguments,
        deliver_command.run,
    ),
    "rules": (
        "List the rules, which share whole lists of targets.",
        rules_command.add_arguments,
        rules_command.run,
    ),
    "activity": (
        "List who did what with shares, rules and destinations.",
        activity_command.add_arguments,
        activity_command.run,
    ),
    "check": (
        "Ask every destination whether it would take our data.",
        check_command.add_arguments,
        check_command.run,
    ),
    "preview": (
        "Print what a share would send of the newest data.",
        preview_command.add_arguments,
        preview_command.run,
    ),
    "retry": (
        "Try records again that were refused, withheld, unsupported or given up.",
        retry_command.add_arguments,
        retry_command.run,
    ),
    "resolve": (
        "List records that may have arrived, or settle them: --arrived or --resend.",
        resolve_command.add_arguments,
        resolve_command.run,
    ),
    "approvals": (
        "List what waits for approval, approve or decline it.",
        approvals_command.add_arguments,
        approvals_command.run,
    ),
    "withdraw": (
        "Withdraw what a destination has and should not have; without a reason, count it.",
        withdraw_command.add_arguments,
        withdraw_command.run,
    ),
    "replay": (
        "Send records again that a destination has lost, as after a restored backup.",
        replay_command.add_arguments,
        replay_command.run,
    ),
    "purge": (
        "Delete old answers, attempts and activity; workers do it by themselves in small steps.",
        output.add_json,
        upkeep_commands.purge,
    ),
    "origins": (
        "List the sites that send data here, or give a site to another account.",
        upkeep_commands.add_origins,
        upkeep_commands.origins,
    ),
    "restored": (
        "Look up due records before they are sent, after this TOM was restored.",
        output.add_json,
        upkeep_commands.look_up,
    ),
}
"""The help, the options and the function of each subcommand."""


class Command(BaseCommand):
    """Run a subcommand of `manage.py sharing`."""

    help = "Show the status of sharing, deliver, and resolve what needs a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, parser_class=type(parser))
        for name, (text, add_arguments, _) in _SUBCOMMANDS.items():
            add_arguments(commands.add_parser(name, help=text))

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["subcommand"]
        _, _, run = _SUBCOMMANDS[name]
        # A worker acts for nobody; all else is done by who typed the command.
        with nullcontext() if name == "deliver" else activity.acting(name=activity.OPERATOR):
            run(self, options)
