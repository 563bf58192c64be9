"""Run `manage.py sharing purge`, `origins` and `restored`: the upkeep of the ledger and the inbox."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from tom_integration.management import output
from tom_integration.models import Peer
from tom_integration.outbox import restored, retention
from tom_integration.pages import phrases

_PURGED = {
    "answers": "answer",
    "attempts": "attempt",
    "calls": "call",
    "rows": "row",
    "activity": "line",
    "outboxes": "outbox",
    "received": "key",
    "reports": "report",
}
"""What a purge counts, with a noun for each."""


def add_origins(parser: ArgumentParser) -> None:
    """Add the options of `origins`."""
    parser.add_argument("origin", nargs="?", help="UUID of the site.")
    parser.add_argument(
        "--account", metavar="USERNAME", help="The account that sends for the site from now on."
    )
    output.add_json(parser)


def purge(command: BaseCommand, options: dict[str, Any]) -> None:
    """Delete what is old, and tell the numbers."""
    shows = sys.stdout.isatty() and not options["json"]
    done = retention.everything(
        lambda done: command.stdout.write(_counted(done), ending="\r") if shows else None
    )
    output.answer(command, options, {name: done[name] for name in _PURGED}, _counted(done))


def _counted(done: Counter[str]) -> str:
    parts = [phrases.number(done[name], _PURGED[name]) for name in ("answers", "attempts", "calls", "rows")]
    parts.append(f"{done['outboxes']:,} outbox{'' if done['outboxes'] == 1 else 'es'}")
    parts.append(f"{phrases.number(done['received'], 'key')} of received data")
    parts.append(f"{phrases.number(done['activity'], 'line')} of activity")
    return f"Removed: {', '.join(parts)}. "


def origins(command: BaseCommand, options: dict[str, Any]) -> None:
    """List the sites that send data here; first give one to another account, if that is asked."""
    if options["account"] is not None:
        user = get_user_model().objects.filter(username=options["account"]).first()
        if user is None or not options["origin"]:
            raise CommandError(
                "Name the origin of a site, and an account by a user name that is known here, "
                f"not {options['account']!r}."
            )
        Peer.objects.update_or_create(origin=options["origin"], defaults={"user_id": user.pk})
    peers = Peer.objects.order_by("name", "pk")
    if options["origin"]:
        peers = peers.filter(origin=options["origin"])
    users = get_user_model()._default_manager.in_bulk({peer.user_id for peer in peers})
    names = {pk: user.get_username() for pk, user in users.items()}
    if options["json"]:
        output.write_json(
            command,
            [
                {"origin": each.origin, "name": each.name, "account": names.get(each.user_id)}
                for each in peers
            ],
        )
        return
    for peer in peers:
        account = names.get(peer.user_id, "an account that was deleted")
        command.stdout.write(f"{peer.origin} {peer.name or '(not seen yet)'}: {account}")
    if not peers:
        which = f"The site {options['origin']}" if options["origin"] else "No other site"
        command.stdout.write(f"{which} has {'not ' if options['origin'] else ''}sent data here.")


def look_up(command: BaseCommand, options: dict[str, Any]) -> None:
    """Look up due records before they are sent, after a backup of this TOM was restored."""
    number = restored.doubt()
    text = f"{phrases.number(number)} will be looked up, and sent if missing."
    output.answer(command, options, {"looked_up": number}, text)
