"""Run `manage.py sharing`: show the status, deliver, and resolve what needs a person."""

from __future__ import annotations

import json
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from sharecore.data_sharing import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError
from tom_integration import site, site_status
from tom_integration.api.rules import RuleSerializer
from tom_integration.management import replay_command, resolve_command, rules_text, status_text
from tom_integration.models import Peer, ShareRule
from tom_integration.outbox import restored, retention
from tom_integration.pages import form_values, phrases
from tom_integration.services import preview, retry, send_test, shares
from tom_integration.worker import offered_topics
from tom_integration.worker.loop import Worker


def _moment(text: str) -> datetime:
    if moment := form_values.moment(text):
        return moment
    raise ArgumentTypeError(f"{text!r} must be a time with a time zone, as in 2026-03-01T12:00:00Z")


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
        listed = commands.add_parser("rules", help="List the rules, which share whole lists of targets.")
        listed.add_argument("--json", action="store_true", help="Write JSON, for programs.")
        asked = commands.add_parser("check", help="Ask every destination whether it would take our data.")
        asked.add_argument(
            "--test", action="store_true", help="Send a test, too, to each destination that can take one."
        )
        show = commands.add_parser("preview", help="Print what a share would send of the newest data.")
        show.add_argument("share", type=int, help="Number of a share (see status).")
        show.add_argument("--all", action="store_true", help="Print all data of the share, call by call.")
        show.add_argument(
            "--validate", action="store_true", help="Ask the destination to check them, without storing them."
        )
        again = commands.add_parser(
            "retry", help="Try records again that were refused, withheld, unsupported or given up."
        )
        again.add_argument(
            "share", nargs="?", type=int, help="Number of a share (see status); all if omitted."
        )

        resolve_command.add_arguments(
            commands.add_parser(
                "resolve", help="List records that may have arrived, or settle them: --arrived or --resend."
            ),
            _moment,
        )
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
            self.stdout.write(json.dumps(asdict(now), cls=DjangoJSONEncoder, indent=2))
            return
        for line in status_text.lines(now, whole=options["all"]):
            self.stdout.write(self.style.WARNING(line.text) if line.alarming else line.text)

    def _rules(self, options: dict[str, Any]) -> None:
        if options["json"]:
            rows = RuleSerializer(ShareRule.objects.order_by("pk"), many=True).data
            self.stdout.write(json.dumps(rows, cls=DjangoJSONEncoder, indent=2))
            return
        for line in rules_text.lines(rules_text.read()):
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
            topics = [topic.name for topic in offered_topics.offered(destination)]
            if topics:
                self.stdout.write(f"    topics: {', '.join(topics)}")
            if options["test"]:
                failed = not self._test(destination, topics[0] if topics else "") or failed
        if failed:
            raise CommandError("One or more destinations failed the check.")

    def _test(self, destination: Destination, topic: str) -> bool:
        """Send a test, and write what came back; return False when it was refused."""
        try:
            sent = send_test.send_test(destination, topic=topic)
        except (shares.NotPossible, ConfigurationError, DeliveryError) as error:
            self.stdout.write(self.style.ERROR(f"    no test arrived: {error}"))
            return False
        if sent is None:
            self.stdout.write("    cannot take a test")
            return True
        self.stdout.write("\n".join(f"    {line}" for line in (sent.reply, *map(str, sent.problems))))
        return not any(problem.fatal for problem in sent.problems)

    def _preview(self, options: dict[str, Any]) -> None:
        try:
            outlook = preview.of_outbox(shares.outbox_by_share(options["share"]))
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
            number = retry.retry(options["share"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{phrases.number(number)} will be tried again.")

    def _resolve(self, options: dict[str, Any]) -> None:
        resolve_command.run(self, options)

    def _replay(self, options: dict[str, Any]) -> None:
        replay_command.run(self, options)

    def _purge(self, options: dict[str, Any]) -> None:
        shows = sys.stdout.isatty()
        done = retention.everything(lambda done: self._counted(done, ending="\r") if shows else None)
        self._counted(done, ending="\n")

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
