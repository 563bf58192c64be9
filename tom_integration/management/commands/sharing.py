"""Run `manage.py sharing`: show the status, deliver, and resolve what needs a person."""

from __future__ import annotations

import json
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import BigIntegerField, QuerySet
from django.utils.dateparse import parse_datetime

from sharecore.delivery import State
from sharecore.exceptions import ConfigurationError, DeliveryError
from tom_integration import site, site_status
from tom_integration.management import replay_command, status_text
from tom_integration.models import Delivery, Outbox, Peer
from tom_integration.outbox import restored, retention
from tom_integration.pages import phrases
from tom_integration.services import preview, resolve, shares
from tom_integration.worker import offered_topics
from tom_integration.worker.loop import Worker

_LISTED = 20
"""The number of deliveries that are listed of one call."""


def _moment(text: str) -> datetime:
    moment = None
    with suppress(ValueError):
        moment = parse_datetime(text)
    if moment is not None and moment.tzinfo is not None:
        with suppress(OverflowError):  # before the year 1 or after 9999 in UTC
            return moment.astimezone(UTC)
    raise ArgumentTypeError(f"{text!r} must be a time with a time zone, as in 2026-03-01T12:00:00Z")


def _row(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= BigIntegerField.MAX_BIGINT):
        raise ArgumentTypeError(f"{text[:20]!r} must be the number of a delivery, as `resolve` lists it")
    return int(text)


class Command(BaseCommand):
    """Run a subcommand of `manage.py sharing`."""

    help = "Show the status of sharing, deliver, and resolve what needs a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, parser_class=type(parser))
        look = commands.add_parser("status", help="Show what was shared, what waits and what needs a person.")
        look.add_argument("--all", action="store_true", help="List every share, however many there are.")
        look.add_argument("--json", action="store_true", help="Write JSON with every share, for programs.")
        deliver = commands.add_parser("deliver", help="Deliver records when they are due, until stopped.")
        deliver.add_argument(
            "--once", action="store_true", help="Deliver the records that are due now, then stop (for cron)."
        )
        commands.add_parser("check", help="Ask every destination whether it would take our data.")
        show = commands.add_parser("preview", help="Print what a share would send of the newest data.")
        show.add_argument("share", type=int, help="Number of a share (see status).")
        show.add_argument("--all", action="store_true", help="Print all data of the share, call by call.")
        show.add_argument(
            "--validate", action="store_true", help="Ask the destination to check them, without storing them."
        )
        retry = commands.add_parser(
            "retry", help="Try records again that were refused, withheld, unsupported or given up."
        )
        retry.add_argument(
            "share", nargs="?", type=int, help="Number of a share (see status); all if omitted."
        )

        told = commands.add_parser(
            "resolve", help="List records that may have arrived, or settle them: --arrived or --resend."
        )
        told.add_argument("share", nargs="?", type=int, help="Number of a share (see status).")
        told.add_argument(
            "--sent", type=_moment, metavar="TIME", help="Settle the records of this call only, as listed."
        )
        told.add_argument(
            "--delivery",
            type=_row,
            action="append",
            metavar="NUMBER",
            help="Settle this record only; can be repeated.",
        )
        verdict = told.add_mutually_exclusive_group()
        verdict.add_argument("--arrived", action="store_true", help="The destination has the records.")
        verdict.add_argument("--resend", action="store_true", help="It has none of them: send them again.")

        replay_command.add_arguments(
            commands.add_parser(
                "replay", help="Send records again that a destination has lost, as after a restored backup."
            ),
            _moment,
        )
        commands.add_parser(
            "purge", help="Delete old answers and attempts; workers do it by themselves in small steps."
        )
        origins = commands.add_parser(
            "origins", help="List the sites that send data here, or give a site to another account."
        )
        origins.add_argument("origin", nargs="?", help="UUID of the site.")
        origins.add_argument(
            "--account", metavar="USERNAME", help="The account that sends for the site from now on."
        )
        commands.add_parser(
            "restored", help="Look up due records before they are sent, after this TOM was restored."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['subcommand']}")(options)

    def _status(self, options: dict[str, Any]) -> None:
        now = site_status.read()
        if options["json"]:
            self.stdout.write(json.dumps(now.as_json(), cls=DjangoJSONEncoder, indent=2))
            return
        for line in status_text.lines(now, whole=options["all"]):
            self.stdout.write(self.style.WARNING(line.text) if line.alarming else line.text)

    def _deliver(self, options: dict[str, Any]) -> None:
        if reason := site.halted():
            raise CommandError(reason)
        worker = Worker("command")
        if options["once"]:
            worker.run_once(self._progress if sys.stdout.isatty() else lambda left: None)
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        self.stdout.write("Delivering; stop with Ctrl-C.")
        worker.run()

    def _progress(self, left: int) -> None:
        self.stdout.write(f"\r{phrases.number(left, 'destination')} at work ", ending="")
        self.stdout.flush()

    def _check(self, options: dict[str, Any]) -> None:
        destinations = site.destinations()
        lost = site_status.without_destination()
        failed = bool(destinations.broken or lost)
        for problem in (*destinations.problems, *lost):
            self.stdout.write(
                str(self.style.ERROR(str(problem)) if problem.fatal else self.style.WARNING(str(problem)))
            )
        for name, destination in destinations.items():
            self.stdout.write(f"{name} ({destination.kind}) ... ", ending="")
            self.stdout.flush()
            try:
                problems, about = shares.check(destination), shares.describe(destination)
            except (ConfigurationError, DeliveryError) as error:
                self.stdout.write(self.style.ERROR(str(error)))
                failed = True
                continue
            failed = failed or any(problem.fatal for problem in problems)
            self.stdout.write(
                "\n    ".join(["", *map(str, problems)]) if problems else self.style.SUCCESS("ok")
            )
            if about:
                self.stdout.write(f"    {about}")
            offered_topics.ask(destination)
            if offered := ", ".join(topic.name for topic in offered_topics.offered(destination)):
                self.stdout.write(f"    topics: {offered}")
        if failed:
            raise CommandError("One or more destinations failed the check.")

    def _preview(self, options: dict[str, Any]) -> None:
        outbox = self._outbox(options["share"])
        try:
            outlook = preview.of_outbox(outbox)
            samples = outlook.calls() if options["all"] else [outlook.newest(preview.SAMPLE)]
            for sample in samples:
                self._show(sample, validate=options["validate"])
        except (LookupError, ConfigurationError, DeliveryError) as error:
            raise CommandError(str(error)) from None

    def _show(self, sample: preview.Sample, *, validate: bool) -> None:
        shown = sample.preview()
        problems = sample.validate() if validate else ()
        self.stdout.write(shown.body)
        for note in filter(None, [*sample.left_out, *shown.note.splitlines()]):
            self.stderr.write(self.style.WARNING(note))
        for problem in problems:
            self.stderr.write((self.style.ERROR if problem.fatal else self.style.WARNING)(str(problem)))
        if any(problem.fatal for problem in problems):
            raise CommandError("The destination would not take these data. Correct the problems above.")

    def _retry(self, options: dict[str, Any]) -> None:
        try:
            number = shares.retry(options["share"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{phrases.number(number)} will be tried again.")

    def _resolve(self, options: dict[str, Any]) -> None:
        rows = self._in_review(options)
        if not (options["arrived"] or options["resend"]):
            calls = resolve.calls_in_review(rows)
            for call in calls:
                self._list_in_review(call, rows)
            if not calls:
                self.stdout.write("Nothing to resolve: it is known of each record whether it arrived.")
            return
        if options["share"] is None and not options["delivery"]:
            raise CommandError("Name a share, or deliveries; `manage.py sharing resolve` lists them.")
        number = resolve.resolve_all(rows, arrived=options["arrived"], by="the operator")
        one = number == 1
        if options["arrived"]:
            noted = "counts as arrived" if one else "count as arrived"
        else:
            noted = "is due again" if one else "are due again"
        self.stdout.write(f"{phrases.number(number)} {noted}.")

    def _in_review(self, options: dict[str, Any]) -> QuerySet[Delivery]:
        """Return the deliveries to review, of the share, the call and the numbers in the options."""
        rows = Delivery.objects.filter(state=State.NEEDS_REVIEW)
        if options["share"] is not None:
            outbox = self._outbox(options["share"])
            rows = rows.filter(outbox=outbox)
        if options["sent"] is not None:
            rows = rows.filter(sent_at=options["sent"])
        if options["delivery"] is not None:
            rows = rows.filter(pk__in=options["delivery"])
        return rows

    @staticmethod
    def _outbox(share: int) -> Outbox:
        outbox = Outbox.objects.filter(share_id=share).first()
        if outbox is None:
            raise CommandError(f"There is no share {share}; `manage.py sharing status` lists them.")
        return outbox

    def _list_in_review(self, call: resolve.CallInReview, rows: QuerySet[Delivery]) -> None:
        mine = rows.filter(outbox=call.outbox, sent_at=call.sent_at)
        numbers = [str(pk) for pk in mine.order_by("pk").values_list("pk", flat=True)[:_LISTED]]
        more = ", ..." if call.number > len(numbers) else ""
        which = f"share {call.outbox.share_id}" if call.outbox.share_id else "one-time"
        sent = call.sent_at.isoformat() if call.sent_at else "at an unknown time"
        self.stdout.write(f"{call.outbox} ({which}), sent {sent}:")
        self.stdout.write(
            f"    {call.number:,} may have arrived (deliveries {', '.join(numbers)}{more}) {call.reason}"
        )

    def _replay(self, options: dict[str, Any]) -> None:
        replay_command.run(self, options)

    def _purge(self, options: dict[str, Any]) -> None:
        done = retention.everything(self._counting if sys.stdout.isatty() else lambda done: None)
        self._counted(done, ending="\n")

    def _counting(self, done: Counter[str]) -> None:
        self._counted(done, ending="\r")

    def _counted(self, done: Counter[str], *, ending: str) -> None:
        words = ("answer", "attempt", "row")
        parts = [phrases.number(done[f"{word}s"], word) for word in words]
        parts.append(f"{done['outboxes']:,} outbox{'' if done['outboxes'] == 1 else 'es'}")
        parts.append(f"{phrases.number(done['received'], 'key')} of received data")
        self.stdout.write(f"Removed: {', '.join(parts)}. ", ending=ending)

    def _origins(self, options: dict[str, Any]) -> None:
        if options["account"] is not None:
            user = get_user_model().objects.filter(username=options["account"]).first()
            if user is None or not options["origin"]:
                raise CommandError(
                    "Name the origin of a site, and an account by a user name that is known here, "
                    f"not {options['account']!r}."
                )
            Peer.objects.update_or_create(origin=options["origin"], defaults={"user_id": user.pk})
        names = dict(get_user_model().objects.values_list("pk", "username"))
        peers = Peer.objects.order_by("name", "pk")
        if options["origin"]:
            peers = peers.filter(origin=options["origin"])
        for peer in peers:
            account = names.get(peer.user_id, "an account that was deleted")
            self.stdout.write(f"{peer.origin} {peer.name or '(not seen yet)'}: {account}")
        if not peers:
            which = f"The site {options['origin']}" if options["origin"] else "No other site"
            self.stdout.write(f"{which} has {'not ' if options['origin'] else ''}sent data here.")

    def _restored(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{phrases.number(restored.doubt())} will be looked up, and sent if missing.")
