"""Run `manage.py sharing check`: ask every destination whether it would take our data."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError, Problem
from tom_integration import site, site_status
from tom_integration.management import output
from tom_integration.models import KeyRefusal, PersonalKey
from tom_integration.services import send_test, shares
from tom_integration.worker import key_refusals, offered_topics

_NO_TEST: dict[str, Any] = {"ok": True, "reply": "", "error": "", "problems": ()}
"""The answer to no test."""
_NO_ANSWER: dict[str, Any] = {"error": "", "problems": (), "about": "", "topics": [], "test": _NO_TEST}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--test", action="store_true", help="Send a test, too, to each destination that can take one."
    )


def run(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command, or raise a CommandError when a destination fails."""
    destinations, lost = site.destinations(), site_status.without_destination()
    failed = bool(destinations.broken or lost)
    problems = (*destinations.problems, *lost)
    shows = not options["json"]
    if shows:
        for each in problems:
            command.stdout.write(_coloured(command, each))
    asked = []
    for name, destination in destinations.items():
        if shows:
            command.stdout.write(f"{name} ({destination.kind}) ... ", ending="")
            command.stdout.flush()
        found = _ask(destination)
        if shows:
            _show(command, found)
        if options["test"] and not found["error"] and not destination.personal:
            found["test"] = _test(destination, *found["topics"][:1])
            if shows:
                _show_test(command, found["test"])
        failed = failed or not (found["ok"] and found["test"]["ok"])
        asked.append({"destination": name, "adapter": destination.kind, **_as_json(found)})
    if not shows:
        written = [output.problem(each) for each in problems]
        output.write_json(command, {"problems": written, "destinations": asked})
    if failed:
        raise CommandError("One or more destinations failed the check.")


def _ask(destination: Destination) -> dict[str, Any]:
    """Return the answer of a destination: whether it is `ok`, `error`, `problems`, `about` and `topics`.

    One that each person reaches with their own key is not asked: a command has none.
    """
    if destination.personal:
        return _NO_ANSWER | {"ok": True, "about": _keys(destination), "topics": list(destination.user_topics)}
    try:
        problems = shares.check(destination)
    except (ConfigurationError, DeliveryError) as error:
        return _NO_ANSWER | {"ok": False, "error": str(error)}
    offered_topics.ask(destination)
    return _NO_ANSWER | {
        "ok": not any(each.fatal for each in problems),
        "problems": problems,
        "about": shares.describe(destination),
        "topics": [topic.name for topic in offered_topics.offered(destination)],
    }


def _keys(destination: Destination) -> str:
    given = PersonalKey.objects.filter(destination=destination.name).count()
    refused = [
        key_refusals.sentence(each) for each in KeyRefusal.objects.filter(destination=destination.name)
    ]
    told = f"not asked: each person shares with their own key; {given} given, {len(refused)} refused"
    return "; ".join([told, *refused])


def _test(destination: Destination, topic: str = "") -> dict[str, Any]:
    """Send a test; return whether it went well, with `reply`, or `error`; neither when it cannot take one."""
    try:
        sent = send_test.send_test(destination, topic=topic)
    except (shares.NotPossible, ConfigurationError, DeliveryError) as error:
        return _NO_TEST | {"ok": False, "error": str(error)}
    if sent is None:
        return _NO_TEST
    fatal = any(each.fatal for each in sent.problems)
    return _NO_TEST | {"ok": not fatal, "reply": sent.reply, "problems": sent.problems}


def _as_json(found: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with its problems as they are written in JSON."""
    test = found["test"] | {"problems": [output.problem(each) for each in found["test"]["problems"]]}
    return found | {"problems": [output.problem(each) for each in found["problems"]], "test": test}


def _show_test(command: BaseCommand, test: dict[str, Any]) -> None:
    if test["error"]:
        command.stdout.write(command.style.ERROR(f"    no test arrived: {test['error']}"))
        return
    said = (test["reply"] or "cannot take a test", *map(str, test["problems"]))
    command.stdout.write("\n".join(f"    {line}" for line in said))


def _show(command: BaseCommand, found: dict[str, Any]) -> None:
    if found["error"]:
        command.stdout.write(command.style.ERROR(found["error"]))
        return
    problems = "\n    ".join(["", *map(str, found["problems"])])
    command.stdout.write(problems if found["problems"] else command.style.SUCCESS("ok"))
    if found["about"]:
        command.stdout.write(f"    {found['about']}")
    if found["topics"]:
        command.stdout.write(f"    topics: {', '.join(found['topics'])}")


def _coloured(command: BaseCommand, each: Problem) -> str:
    return str(command.style.ERROR(str(each)) if each.fatal else command.style.WARNING(str(each)))
