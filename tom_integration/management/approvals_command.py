"""Run `manage.py sharing approvals`: list what waits for approval, approve or decline it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tom_integration import access
from tom_integration.api.approvals import WaitingSerializer
from tom_integration.management import output
from tom_integration.management.arguments import delivery, user
from tom_integration.management.output import Line
from tom_integration.models import Delivery
from tom_integration.pages import phrases
from tom_integration.services import approval
from tom_integration.services.approval_preview import ApprovalPreview, previews

_DIGITS = 16
"""Length of the word that stands for the content of a list."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    by = "The user who approves or declines, and is named in the ledger; may do no more than on the pages."
    parser.add_argument("--by", metavar="USERNAME", required=True, help=by)
    parser.add_argument("--share", type=int, metavar="NUMBER", help="Only this share (see status).")
    parser.add_argument("--destination", metavar="NAME", help="Only this destination.")
    only = "Only this record; can be repeated."
    parser.add_argument("--delivery", type=delivery, action="append", metavar="NUMBER", help=only)
    parser.add_argument("--show", action="store_true", help="Show exactly what would be sent of each record.")
    verdict = parser.add_mutually_exclusive_group()
    seen = "Send the records, if they are still those that were listed with this word."
    verdict.add_argument("--approve", metavar="WORD", help=seen)
    verdict.add_argument("--decline", metavar="REASON", help="Keep the records here, for this reason.")


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError with the reason."""
    by = user(options["by"])
    if not access.may_approve(by):
        raise CommandError(
            f"{options['by']} has no permission to approve what is sent; an administrator can give "
            "approve_share."
        )
    rows = _chosen(by, options)
    seen = {row.pk: row.asked for row in rows}
    word = approval.digest(seen.items())[:_DIGITS]
    if options["approve"] is None and options["decline"] is None:
        shown = _shown(rows) if options["show"] else {}
        _list(command, options, rows, shown, word)
        return
    if options["approve"] is not None:
        if options["approve"] != word:
            raise CommandError(
                f"{options['approve']!r} is not the word of what waits now. List it again, then approve."
            )
        number, done = approval.approve(by, seen), "approved"
    else:
        if not (options["share"] or options["destination"] or options["delivery"]):
            raise CommandError(
                "Name a share, a destination or deliveries; without --decline they are listed."
            )
        number, done = approval.decline(by, seen, reason=options["decline"]), "declined"
    text = f"{phrases.number(number)} {done}."
    output.answer(command, options, {done: number, "left": len(seen) - number}, text)


def _chosen(by: Any, options: dict[str, Any]) -> list[Delivery]:
    """Return what waits and fits the options, that of one target and destination together."""
    rows = access.approvable(by).select_related("outbox")
    if options["share"] is not None:
        rows = rows.filter(outbox__share_id=options["share"])
    if options["destination"] is not None:
        rows = rows.filter(pk__in=Delivery.objects.matching(options["destination"]).values("pk"))
    if options["delivery"] is not None:
        rows = rows.filter(pk__in=options["delivery"])
    return list(rows.order_by("outbox_id", "pk"))


def _shown(rows: list[Delivery]) -> dict[int, ApprovalPreview]:
    shown: dict[int, ApprovalPreview] = {}
    for _, group in groupby(rows, key=lambda row: row.outbox_id):
        some = list(group)
        shown.update(previews(some[0].outbox, some))
    return shown


def _list(
    command: BaseCommand,
    options: dict[str, Any],
    rows: list[Delivery],
    shown: dict[int, ApprovalPreview],
    word: str,
) -> None:
    if options["json"]:
        written = [{**WaitingSerializer(row).data, **_as_json(shown.get(row.pk))} for row in rows]
        output.write_json(command, {"word": word, "deliveries": written})
        return
    for row in rows:
        what = f"{row.outbox}: delivery {row.pk}, {output.described(row.kind, row.timestamp)}"
        output.write_lines(command, [Line(what), *_lines(shown.get(row.pk))])
    if rows:
        told = f"To send {'it' if len(rows) == 1 else f'these {len(rows):,}'}, add: --approve {word}"
        output.write_lines(command, [Line(told)])
    else:
        output.write_lines(command, [Line("Nothing waits for approval here.")])


def _as_json(shown: ApprovalPreview | None) -> dict[str, str]:
    if shown is None:
        return {}
    return {"preview": shown.body, "content_type": shown.content_type, "problem": shown.problem}


def _lines(shown: ApprovalPreview | None) -> Iterator[Line]:
    if shown is not None and shown.problem:
        yield Line(f"    {shown.problem}", alarming=True)
    elif shown is not None:
        yield from (Line(f"    {line}") for line in shown.body.splitlines())
