"""Run `manage.py sharing origins`: list the sites that send data here, or give one to another account."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from tom_integration.management import output
from tom_integration.models import Peer


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("origin", nargs="?", help="UUID of the site.")
    parser.add_argument(
        "--account", metavar="USERNAME", help="The account that sends for the site from now on."
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
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
