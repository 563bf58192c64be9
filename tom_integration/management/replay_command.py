"""Run `manage.py sharing replay`: list what would be sent again, ask, and send it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tom_integration.management import output
from tom_integration.management.arguments import moment
from tom_integration.pages import phrases
from tom_integration.services.replay_lost import MayDouble, Replay, ReplayPlan


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="Send records that arrived from then on; all records if omitted.",
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="Send records that arrived before then.")
    parser.add_argument(
        "--share", type=int, metavar="NUMBER", help="Send records of this share only (see status)."
    )
    parser.add_argument(
        "--rule", type=int, metavar="NUMBER", help="Send records of the shares of this rule only (see rules)."
    )
    parser.add_argument(
        "--destination", metavar="NAME", help="Send to this destination only, with its topics."
    )
    parser.add_argument("--dry-run", action="store_true", help="Count the records, and send nothing.")
    parser.add_argument("--yes", action="store_true", help="Send without asking.")
    parser.add_argument(
        "--doubles",
        action="store_true",
        help="Send also to a destination that cannot be asked what it has (a chat), and may store it twice.",
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    since, until = options["since"], options["until"]
    if since is not None and until is not None and until <= since:
        raise CommandError(
            f"The time of --until must be after that of --since: {until.isoformat()} is not after "
            f"{since.isoformat()}."
        )
    replay = Replay(
        since=since,
        until=until,
        share_id=options["share"],
        rule_id=options["rule"],
        destination=options["destination"],
    )
    try:
        plan = replay.plan()
        if not options["json"]:
            _show(command, plan)
        if options["dry_run"] or not plan.counts:
            _conclude(command, options, plan, f"{phrases.number(plan.number)} would be sent again.")
            return
        if plan.blind and not options["doubles"]:
            raise MayDouble(plan)
        _ask(command, options)
        plan = replay.send_again(doubles=options["doubles"])
    except MayDouble as error:
        hint = "If that is harmless, add --doubles; else name another --destination."
        raise CommandError(f"{error} {hint}") from None
    missing = "it is missing" if plan.number == 1 else "they are missing"
    _conclude(command, options, plan, f"{phrases.number(plan.number)} will be sent again, where {missing}.")


def _show(command: BaseCommand, plan: ReplayPlan) -> None:
    for address, number in plan.counts.items():
        what = (
            "sent whether or not it is there" if address in plan.blind else "looked up, and sent if missing"
        )
        command.stdout.write(f"{address}: {phrases.number(number)}, {what}")
    if plan.edited:
        command.stdout.write(phrases.stay_edited(plan.edited))


def _conclude(command: BaseCommand, options: dict[str, Any], plan: ReplayPlan, text: str) -> None:
    said = {"number": plan.number, "edited": plan.edited, "may_double": plan.doubles}
    counts = {str(address): number for address, number in plan.counts.items()}
    output.answer(command, options, {**said, "counts": counts, "dry_run": options["dry_run"]}, text)


def _ask(command: BaseCommand, options: dict[str, Any]) -> None:
    if options["yes"]:
        return
    if options["json"] or not sys.stdin.isatty():
        raise CommandError(
            "The command asks before it sends, but nobody can answer. Add --yes, or --dry-run to count."
        )
    command.stdout.write("Send it again? [y/N] ", ending="")
    command.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was sent.")
