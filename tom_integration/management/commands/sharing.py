"""Run `manage.py sharing`: show the status, deliver, and act where that is needed."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharecore.exceptions import ConfigurationError, DeliveryError
from tom_integration.management import (
    activity_command,
    approvals_command,
    check_command,
    deliver_command,
    origins_command,
    preview_command,
    purge_command,
    replay_command,
    resolve_command,
    restored_command,
    retry_command,
    rules_command,
    status_command,
    withdraw_command,
)
from tom_integration.outbox import activity
from tom_integration.services.shares import NotPossible

_SUBCOMMANDS = {
    "status": (status_command, "Show what was shared, what waits and where action is needed."),
    "deliver": (deliver_command, "Deliver records when they are due, until stopped."),
    "rules": (rules_command, "List the rules, which share whole lists of targets."),
    "activity": (activity_command, "List who did what with shares, rules and destinations."),
    "check": (check_command, "Ask every destination whether it would take our data."),
    "preview": (preview_command, "Print what a share would send of the newest data."),
    "retry": (retry_command, "Try records again that were refused, withheld, unsupported or given up."),
    "resolve": (
        resolve_command,
        "List records that may have arrived, or settle them: --arrived or --resend.",
    ),
    "approvals": (approvals_command, "List what waits for approval, approve or decline it."),
    "withdraw": (
        withdraw_command,
        "Withdraw what a destination has and should not have; without a reason, count it.",
    ),
    "replay": (replay_command, "Send records again that a destination has lost, as after a restored backup."),
    "purge": (
        purge_command,
        "Delete old answers, attempts and activity; workers do it by themselves in small steps.",
    ),
    "origins": (origins_command, "List the sites that send data here, or give a site to another account."),
    "restored": (restored_command, "Look up due records before they are sent, after this TOM was restored."),
}
"""The module of each subcommand, with `run` and, where it has options, `add_arguments`; and its help."""


class Command(BaseCommand):
    """Run a subcommand of `manage.py sharing`."""

    help = "Show the status of sharing, deliver, and act where that is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, parser_class=type(parser))
        for name, (module, text) in _SUBCOMMANDS.items():
            command = commands.add_parser(name, help=text)
            if hasattr(module, "add_arguments"):
                module.add_arguments(command)
            command.add_argument("--json", action="store_true", help="Write JSON, for programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["subcommand"]
        # A worker acts for nobody; all else is done by who typed the command.
        actor = nullcontext() if name == "deliver" else activity.acting(name=activity.OPERATOR)
        try:
            with actor:
                _SUBCOMMANDS[name][0].run(self, options)
        except (NotPossible, ConfigurationError, DeliveryError) as error:
            raise CommandError(str(error)) from None
