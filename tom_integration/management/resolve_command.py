"""Run `manage.py sharing resolve`: list the records that may have arrived, or settle them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from sharecore.delivery import State
from tom_integration.management import output
from tom_integration.management.arguments import delivery, moment
from tom_integration.models import Delivery
from tom_integration.outbox.activity import OPERATOR
from tom_integration.pages import phrases
from tom_integration.services import resolve, shares

_LISTED = 20
"""The number of deliveries that are listed of one call."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("share", nargs="?", type=int, help="Number of a share (see status).")
    parser.add_argument(
        "--sent", type=moment, metavar="TIME", help="Settle the records of this call only, as listed."
    )
    only = "Settle this record only; can be repeated."
    parser.add_argument("--delivery", type=delivery, action="append", metavar="NUMBER", help=only)
    verdict = parser.add_mutually_exclusive_group()
    verdict.add_argument("--arrived", action="store_true", help="The destination has the records.")
    verdict.add_argument("--resend", action="store_true", help="It has none of them: send them again.")


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    rows = _in_review(options)
    if not (options["arrived"] or options["resend"]):
        calls = resolve.calls_in_review(rows)
        if options["json"]:
            output.write_json(command, [_as_json(call, rows) for call in calls])
            return
        for call in calls:
            command.stdout.write("\n".join(_described(call, rows)))
        if not calls:
            command.stdout.write("Nothing to resolve: it is known of each record whether it arrived.")
        return
    if options["share"] is None and not options["delivery"]:
        raise CommandError("Name a share, or deliveries; `manage.py sharing resolve` lists them.")
    number = resolve.resolve_all(rows, arrived=options["arrived"], by=OPERATOR)
    verb = ("counts", "count") if options["arrived"] else ("is", "are")
    noted = "as arrived" if options["arrived"] else "due again"
    text = f"{phrases.number(number)} {verb[number != 1]} {noted}."
    output.answer(command, options, {"resolved": number, "arrived": options["arrived"]}, text)


def _in_review(options: dict[str, Any]) -> QuerySet[Delivery]:
    """Return the deliveries to review, of the share, the call and the numbers in the options."""
    rows = Delivery.objects.filter(state=State.NEEDS_REVIEW)
    if options["share"] is not None:
        rows = rows.filter(outbox=shares.outbox_by_share(options["share"]))
    if options["sent"] is not None:
        rows = rows.filter(sent_at=options["sent"])
    return rows if options["delivery"] is None else rows.filter(pk__in=options["delivery"])


def _deliveries(call: resolve.CallInReview, rows: QuerySet[Delivery]) -> QuerySet[Delivery, int]:
    mine = rows.filter(outbox=call.outbox, sent_at=call.sent_at)
    return mine.order_by("pk").values_list("pk", flat=True)


def _as_json(call: resolve.CallInReview, rows: QuerySet[Delivery]) -> dict[str, Any]:
    return {
        "share": call.outbox.share_id,
        "target": call.outbox.target_id,
        "destination": str(call.outbox.address),
        "sent_at": call.sent_at,
        "number": call.number,
        "deliveries": list(_deliveries(call, rows)),
        "reason": call.reason,
    }


def _described(call: resolve.CallInReview, rows: QuerySet[Delivery]) -> tuple[str, str]:
    numbers = [str(pk) for pk in _deliveries(call, rows)[:_LISTED]]
    listed = ", ".join([*numbers, "..."] if call.number > len(numbers) else numbers)
    which = f"share {call.outbox.share_id}" if call.outbox.share_id else "one-time"
    sent = call.sent_at.isoformat() if call.sent_at else "at an unknown time"
    return (
        f"{call.outbox} ({which}), sent {sent}:",
        f"    {call.number:,} may have arrived (deliveries {listed}) {call.reason}",
    )
