"""Run `manage.py sharing activity`: list who did what, the newest first."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tom_integration.api.activity import ActivitySerializer
from tom_integration.management import output
from tom_integration.management.arguments import moment
from tom_integration.management.output import Line
from tom_integration.models import Activity
from tom_integration.pages import activity

FITS = 20
"""The number of actions that are listed, without `--all`."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--share", type=int, metavar="NUMBER", help="List the actions on this share only (see status)."
    )
    parser.add_argument("--rule", type=int, metavar="NUMBER", help="List those of this rule (see rules).")
    parser.add_argument("--destination", metavar="NAME", help="List those at this destination.")
    parser.add_argument("--user", metavar="USERNAME", help="List those of this person.")
    parser.add_argument("--since", type=moment, metavar="TIME", help="List those from then on.")
    parser.add_argument("--all", action="store_true", help="List all, however many there are.")


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command."""
    named = {name: str(options[name] or "") for name in ("share", "rule", "destination")}
    rows = activity.chosen(Activity.objects.all(), named)
    if options["user"] is not None:
        rows = rows.filter(user_name=options["user"])
    if options["since"] is not None:
        rows = rows.filter(time__gte=options["since"])
    if options["json"]:
        newest = rows.order_by("-time", "-pk").iterator(chunk_size=1000)
        output.write_list(command, (ActivitySerializer(row).data for row in newest))
        return
    found = activity.actions(rows)
    groups = list(found if options["all"] else found[: FITS + 1])
    listed = groups if options["all"] else groups[:FITS]
    output.write_lines(command, map(_line, activity.told(listed, None)))
    if len(groups) > len(listed):
        output.write_lines(command, [Line("... and older ones: add --all, or choose (see --help)")])
    if not groups:
        output.write_lines(command, [Line("Nothing was done.")])


def _line(each: activity.Action) -> Line:
    share = f" (share {each.share_id})" if each.share_id else ""
    detail = "".join(f": {said}" for said in (each.detail, each.result) if said)
    what = f"{each.what[:1].lower()}{each.what[1:]}"
    return Line(f"{each.time:%Y-%m-%d %H:%M} {each.who} {what} {each.about}{share}{detail}")
