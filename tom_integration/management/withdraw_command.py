"""Run `manage.py sharing withdraw`: list what a destination has of a share, count, or withdraw it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from sharecore.delivery import State
from tom_integration import access
from tom_integration.management import output
from tom_integration.management.arguments import delivery, user
from tom_integration.management.output import Line
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import phrases
from tom_integration.services import withdraw


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("share", nargs="?", type=int, help="Number of a share (see status).")
    by = "The user who withdraws, and is named in the activity; may do no more than on the pages."
    parser.add_argument("--by", metavar="USERNAME", required=True, help=by)
    only = "Withdraw this record; can be repeated. Without a share, all of one target and destination."
    parser.add_argument("--delivery", type=delivery, action="append", metavar="NUMBER", help=only)
    parser.add_argument("--all", action="store_true", help="Withdraw all that arrived of the share.")
    parser.add_argument("--reason", metavar="TEXT", help="Why; without it the records are only counted.")
    others = "Withdraw, too, what has the same name there, such as the other rows of one message."
    parser.add_argument("--with-others", action="store_true", help=others)


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    by = user(options["by"])
    outbox = _outbox(by, options)
    rows = _delivered(by, outbox)
    if not (options["all"] or options["delivery"]):
        _list(command, options, rows)
        return
    chosen = options["delivery"] or list(rows.values_list("pk", flat=True))
    try:
        if options["reason"] is None:
            plan = withdraw.plan(outbox, chosen, by=by)
        else:
            plan = withdraw.withdraw(
                outbox, chosen, reason=options["reason"], by=by, with_others=options["with_others"]
            )
    except withdraw.TakesOthers as error:
        raise CommandError(f"{error} Add --with-others to withdraw all of them.") from None
    withdrawn = options["reason"] is not None
    more = f", and {plan.others:,} more with the same name there," if plan.others else ""
    text = f"{phrases.number(plan.number)}{more} {'will' if withdrawn else 'would'} be withdrawn."
    said = {"number": plan.number, "others": plan.others, "withdrawn": withdrawn}
    output.answer(command, options, said, text)


def _outbox(by: Any, options: dict[str, Any]) -> Outbox:
    """Return the outbox of the share, or of the deliveries."""
    if options["share"] is not None:
        found = Outbox.objects.filter(share_id=options["share"])
    elif options["delivery"]:
        rows = Delivery.objects.filter(pk__in=options["delivery"])
        found = Outbox.objects.filter(pk__in=rows.values("outbox"))
    else:
        raise CommandError("Name a share, or deliveries; `manage.py sharing status --all` lists shares.")
    mine = list(access.outboxes_for(by, "change").filter(pk__in=found.values("pk"))[:2])
    if not mine:
        raise CommandError(
            f"There is no such share or delivery, or {options['by']} may not change it; "
            "`manage.py sharing status --all` lists shares."
        )
    if len(mine) > 1:
        raise CommandError(
            "The deliveries must be of one target, to one destination. Withdraw the others after these."
        )
    return mine[0]


def _delivered(by: Any, outbox: Outbox) -> QuerySet[Delivery]:
    rows = access.deliveries_for(by, outbox).filter(model__in=DATUM_MODELS, state=State.DELIVERED)
    return rows.order_by("timestamp", "pk")


def _list(command: BaseCommand, options: dict[str, Any], rows: QuerySet[Delivery]) -> None:
    columns = ("pk", "kind", "timestamp", "remote_id", "delivered_at")
    if options["json"]:
        renamed = ("id", *columns[1:])
        found = (dict(zip(renamed, row, strict=True)) for row in rows.values_list(*columns).iterator())
        output.write_list(command, found)
        return
    for pk, kind, timestamp, name, _ in rows.values_list(*columns).iterator():
        there = f", there {name}" if name else ""
        output.write_lines(command, [Line(f"delivery {pk}: {output.described(kind, timestamp)}{there}")])
    if not rows.exists():
        output.write_lines(command, [Line("Nothing of it has arrived.")])
