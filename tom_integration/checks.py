"""Check the settings, the plugins and the points taken over, for `manage.py check`."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.db import connections, router
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

from sharecore.exceptions import Problem
from tom_integration import conf, error_reports, site, site_status
from tom_integration.tomtoolkit import takeover

TAG = "sharing"
_WRITES_FIRST = ("IMMEDIATE", "EXCLUSIVE")


def register() -> None:
    """Register all checks of this app."""
    for check in (check_settings, check_destinations, check_plugins, check_takeover):
        checks.register(check, TAG)
    for check in (check_database, check_reports, check_mails):
        checks.register(check, TAG)
    for check in (check_journal, check_runner, check_shares):
        checks.register(check, TAG, checks.Tags.database)


def _messages(problems: Iterable[Problem], number: int, *, works_on: bool = False) -> list[CheckMessage]:
    """Return a message for each problem: an error when it is fatal, unless the TOM works on with it."""
    return [
        (checks.Error if fatal else checks.Warning)(
            f"{problem.where}: {problem.what}.",
            hint=problem.hint,
            id=f"sharecore.{'E' if fatal else 'W'}{number:03}",
        )
        for problem, fatal in ((each, each.fatal and not works_on) for each in problems)
    ]


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check the settings of this app."""
    return _messages(conf.problems(), 1)


def check_destinations(**_: Any) -> list[CheckMessage]:
    """Check `DATA_SHARING`; warn of unusable destinations, since the TOM works on and their shares wait."""
    return _messages(site.destinations().problems, 2, works_on=True)


def check_plugins(**_: Any) -> list[CheckMessage]:
    """Check the adapter plugins."""
    return _messages(site.registry().problems, 3)


def check_reports(**_: Any) -> list[CheckMessage]:
    """Check that Django's error pages and mails show no credentials of destinations."""
    if error_reports.is_installed():
        return []
    return [
        checks.Warning(
            f"{error_reports.SETTING} is a class that does not hide the credentials in DATA_SHARING: error "
            "pages and error mails can show them.",
            hint="Derive that class from tom_integration.error_reports.SecretsFilter.",
            id="sharecore.W013",
        )
    ]


def check_mails(**_: Any) -> list[CheckMessage]:
    """Warn of mails whose links lead nowhere, and of news that nobody gets."""
    named = [each for each in conf.settings().notify if conf.names_destination(each)]
    found: list[CheckMessage] = [
        checks.Warning(
            f"SHARECORE_NOTIFY names {name!r}, which is neither an e-mail address nor a destination.",
            hint="Write the name of a destination with the adapter notify, as in DATA_SHARING.",
            id="sharecore.W015",
        )
        for name in named
        if name not in site.destinations()
    ]
    if not conf.settings().notify or conf.settings().site_url:
        return found
    return [
        *found,
        checks.Warning(
            "SHARECORE_NOTIFY is set and SHARECORE_SITE_URL is not: mails have paths, and no links.",
            hint="Set SHARECORE_SITE_URL to the address of this TOM, as 'https://tom.example.org'.",
            id="sharecore.W014",
        ),
    ]


def check_takeover(**_: Any) -> list[CheckMessage]:
    """Check that every route, function and signal taken over from tomtoolkit leads to this app."""
    return [*_routes(), *_functions(), *_handlers()]


def _routes() -> list[CheckMessage]:
    """Warn of a page of other code, which may be a page of this TOM's own."""
    answered: dict[str, list[str]] = {}
    prefix = _prefix()
    for path, module in takeover.ROUTES.items():
        try:
            answers = resolve(prefix + path.removeprefix("/")).func.__module__
        except Resolver404:
            answers = "nothing"
        if answers != module:
            answered.setdefault(answers, []).append(prefix + path.removeprefix("/"))
    return [
        checks.Warning(
            f"Continuous sharing does not show there: {', '.join(paths)}, answered by {answers}.",
            hint="Nothing is wrong if these are pages of your own. Otherwise include tom_common.urls in the "
            "URLs of the TOM, and no other route for these paths.",
            id="sharecore.W004",
        )
        for answers, paths in answered.items()
    ]


def _prefix() -> str:
    """Return the path at which this TOM includes `tom_common.urls`, `/` in most."""
    try:
        listed = reverse("targets:list")
    except NoReverseMatch:
        return "/"
    return "/" + listed.removeprefix(get_script_prefix()).removesuffix("targets/")


def _functions() -> list[CheckMessage]:
    replaced = dict.fromkeys(takeover.replaced_by_others(), "another app replaces it as well")
    found = replaced | takeover.missed
    return [
        checks.Error(
            f"{point.replace(':', '.')} does not lead to sharecore: {why}.",
            hint="Remove the code of this TOM that replaces it, or install a version of sharecore for this "
            "version of tomtoolkit. Until then the sharing of tomtoolkit itself works there.",
            id="sharecore.E005",
        )
        for point, why in found.items()
    ]


def _handlers() -> list[CheckMessage]:
    return [
        checks.Error(
            f"tomtoolkit shares each {model.__name__} inside its save() as well.",
            hint="Some code of this TOM connects cb_reduceddatum_post_save again; remove that.",
            id="sharecore.E009",
        )
        for model in takeover.heard_by_stock()
    ]


def check_database(**_: Any) -> list[CheckMessage]:
    """Check that the database is SQLite or PostgreSQL, whose SQL the ledger uses."""
    from tom_integration.models import Delivery

    vendor = connections[router.db_for_write(Delivery)].vendor
    if vendor not in ("sqlite", "postgresql"):
        hint = "Use PostgreSQL or SQLite for this TOM."
        return [checks.Error(f"sharecore does not run on {vendor}.", hint=hint, id="sharecore.E006")]
    if vendor == "sqlite" and sqlite3.sqlite_version_info < (3, 35):
        said = f"SQLite {sqlite3.sqlite_version} is too old for sharecore."
        hint = "Use SQLite 3.35 or newer, or PostgreSQL."
        return [checks.Error(said, hint=hint, id="sharecore.E007")]
    return []


def _ledger_among(databases: Collection[str] | None) -> bool:
    """Return True when the database of the ledger is to be checked, which Django leaves to each check."""
    from tom_integration.models import Delivery

    return router.db_for_write(Delivery) in (databases or ())


def check_journal(*, databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn of WAL mode, where `polite_writes` cannot help (run by `manage.py check --database default`)."""
    from tom_integration.models import Delivery

    if not _ledger_among(databases):
        return []
    connection = connections[router.db_for_write(Delivery)]
    mode = connection.settings_dict.get("OPTIONS", {}).get("transaction_mode") or ""
    if connection.vendor != "sqlite" or mode.upper() in _WRITES_FIRST:
        return []
    with connection.cursor() as cursor:
        (journal,) = cursor.execute("PRAGMA journal_mode").fetchone()
    if journal != "wal":
        return []
    return [
        checks.Warning(
            "On SQLite in WAL mode, a transaction that reads before it writes fails ('database is locked') "
            "when another process or thread writes meanwhile, and sharing writes in the background.",
            hint="Add 'OPTIONS': {'transaction_mode': 'IMMEDIATE'} to the database in DATABASES, or use "
            "PostgreSQL.",
            id="sharecore.W010",
        )
    ]


def check_runner(*, databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that a worker delivers what is due (run by `manage.py check --database default`)."""
    if _ledger_among(databases) and (advice := site_status.nobody_delivers()):
        return [checks.Warning("There is work, and nobody delivers.", hint=advice, id="sharecore.W008")]
    return []


def check_shares(*, databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that every share has a destination (run by `manage.py check --database default`)."""
    lost = site_status.without_destination() if _ledger_among(databases) else []
    return _messages(lost, 11, works_on=True)
