"""The reference says what the code says."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from contextlib import suppress
from dataclasses import fields
from typing import Any, get_args

import pytest
from django.core.management.base import CommandParser
from django.urls import Resolver404, resolve

from documentation.samples import DOCS, samples_of, tables, words
from sharecore import Accepted, ConfigurationError, DestinationType, Registry, exceptions, hooks, outcomes
from sharecore.delivery import State, settle
from sharecore.outcomes import Outcome
from sharecore.settings import FRAMEWORK_KEYS, Section
from sharecore_http import HttpSettings
from tom_integration import checks, conf, signals
from tom_integration.api import share_serializers
from tom_integration.api import urls as api
from tom_integration.api.activity import ActivitySerializer
from tom_integration.api.delivery_serializers import DeliveryDetailSerializer
from tom_integration.api.reports import shown_report
from tom_integration.api.rules import RuleSerializer
from tom_integration.management import status
from tom_integration.management.commands.sharing import Command
from tom_integration.models import Activity, Report, ShareRule
from tom_integration.pages.reports import ReportLine
from tom_integration.pages.share_status import ShareStatus

REFERENCE = DOCS / "reference"


def _tables(page: str) -> dict[str, list[list[str]]]:
    return tables((REFERENCE / f"{page}.md").read_text())


def _named(rows: list[list[str]], column: int = 0) -> list[str]:
    return [word for row in rows for word in words(row[column])]


# --- settings ----------------------------------------------------------------------------------------------


def test_every_setting_of_the_app_is_there_with_its_default() -> None:
    rows = {words(row[0])[0]: row[1] for row in _tables("settings")["Settings of the app"]}
    defaults = {conf.name_of(each): each.default for each in fields(conf.Settings)}
    assert set(rows) == set(defaults)
    for name, shown in rows.items():
        if name != "SHARECORE_RETRY_SCHEDULE":
            assert ast.literal_eval(shown.strip("`")) == defaults[name], name


def test_the_settings_of_every_destination_are_those_that_the_framework_reads() -> None:
    assert set(_named(_tables("settings")["Settings of every destination"])) == FRAMEWORK_KEYS


def _read(reader: Any) -> set[str]:
    """What a reader asks an entry for, where nothing is given but what is read only when it is there."""
    section = Section("x", {"TARGET_LISTS": ()})
    with suppress(ConfigurationError):
        reader(section)
    return section._read - FRAMEWORK_KEYS


def test_the_settings_of_http_are_those_that_the_client_reads() -> None:
    rows = _tables("settings")["Settings of every HTTP destination"]
    assert set(_named(rows)) == _read(HttpSettings.read)


@pytest.mark.parametrize("kind", ["tom", "hermes", "webhook", "files", "notify", "skyportal", "tns"])
def test_the_settings_of_a_destination_are_those_that_its_plugin_reads(kind: str) -> None:
    told = set(_named(_tables("settings")[kind])) - FRAMEWORK_KEYS
    assert told == _read(Registry.load().destination_types[kind].config) - _read(HttpSettings.read)


# --- hooks -------------------------------------------------------------------------------------------------


def _specifications() -> dict[str, str]:
    found = {}
    for name, function in vars(hooks.HookSpecs).items():
        if name.startswith("sharecore_"):
            signature = inspect.signature(function)
            plain = [each for each in signature.parameters.values() if each.name != "self"]
            found[name] = str(signature.replace(parameters=plain)).replace("'", "")
    return found


def test_hooks_are_shown_with_their_exact_signatures() -> None:
    shown = [each.text for each in samples_of(REFERENCE / "hooks.md") if each.kind == "signature"]
    assert shown == [f"def {name}{signature}: ...\n" for name, signature in _specifications().items()]


def test_each_hook_has_a_whole_example() -> None:
    plugins = [each.text for each in samples_of(REFERENCE / "hooks.md") if each.kind == "plugin"]
    assert len(plugins) == len(_specifications())
    for name, plugin in zip(_specifications(), plugins, strict=True):
        assert f"def {name}(" in plugin


@pytest.mark.parametrize(
    "request_type", [DestinationType, hooks.WithholdRequest, hooks.ConvertRequest, hooks.DeliveredReport]
)
def test_what_a_hook_gets_is_shown_field_by_field(request_type: type[Any]) -> None:
    rows = _tables("hooks")[request_type.__name__]
    shown = [(words(name)[0], words(kind)[0]) for name, kind, _ in rows]
    assert shown == [(each.name, each.type) for each in fields(request_type)]


# --- outcomes and states -----------------------------------------------------------------------------------


def test_outcomes_are_shown_with_their_fields_and_what_follows() -> None:
    from datetime import UTC, datetime

    from sharecore.delivery import DeliveryState
    from sharecore.retry_schedule import Retry, RetryPolicy

    rows = _tables("outcomes")["Outcomes"]
    results = {each.__name__: each for each in (*get_args(Outcome), outcomes.Withheld)}
    assert _named(rows) == list(results)
    for name, _, its_fields, next_state in rows:
        kind = results[words(name)[0]]
        assert sorted(words(its_fields)) == sorted(each.name for each in fields(kind))
        wanted = {"reason": "x", "feature": "x", "ticket": "x", "ask_after": 60}
        given: dict[str, Any] = {each.name: wanted[each.name] for each in fields(kind) if each.name in wanted}
        settled = settle(
            DeliveryState(state=State.SENDING),
            kind(**given),
            Retry(now=datetime(2026, 1, 1, tzinfo=UTC), policy=RetryPolicy(), chance=0),
            settle_time=1,
        )
        assert words(next_state)[0] == settled.state.value
    assert issubclass(Accepted, Outcome)


def test_exceptions_are_all_shown() -> None:
    rows = _tables("outcomes")["Exceptions"]
    concrete = {
        name
        for name, each in vars(exceptions).items()
        if isinstance(each, type) and issubclass(each, exceptions.SharecoreError)
    } - {"SharecoreError", "DeliveryError"}
    assert set(_named(rows)) == concrete


def test_states_are_all_shown() -> None:
    assert _named(_tables("ledger-states")["States of the ledger"]) == [state.value for state in State]


# --- REST --------------------------------------------------------------------------------------------------


def test_routes_are_all_shown_and_answered() -> None:
    rows = _tables("rest")["Routes"][: len(api.urlpatterns)]
    shown = {}
    for route, methods, *_ in rows:
        path = re.sub(r"<\w+>", "1", words(route)[0])
        try:
            view = resolve(path).func
        except Resolver404:
            pytest.fail(f"nothing answers {path}")
        assert view.__module__.startswith("tom_integration.api."), path
        shown[resolve(path).url_name] = set(methods.split(", "))
    taken = {
        pattern.name: {method.upper() for method in pattern.callback.actions} for pattern in api.urlpatterns
    }
    assert {name: set(methods) - {"HEAD"} for name, methods in taken.items()} == shown


def _keys(heading: str) -> set[str]:
    return set(_named(_tables("rest")[heading]))


def test_what_a_delivery_says_is_shown() -> None:
    assert _keys("Fields of a delivery") == set(DeliveryDetailSerializer.Meta.fields)


def test_what_a_share_says_is_shown(db: None) -> None:
    class Share:
        pk = 1

    columns = set(share_serializers.ShareSerializer.Meta.fields) - {"share_existing_data"}
    standing = share_serializers.read([Share()], None)[1]
    moods = {share_status.value for share_status in ShareStatus}
    assert _keys("Fields of a share") == columns | {"target_name"} | set(standing)
    (state,) = (row for row in _tables("rest")["Fields of a share"] if row[0] == "`state`")
    assert set(words(state[1])) == moods


def test_what_a_rule_says_is_shown(db: None) -> None:
    assert _keys("Rules") == set(RuleSerializer(ShareRule.objects.create(scope="all")).data)


def test_what_the_activity_says_is_shown() -> None:
    assert _keys("Activity") == set(ActivitySerializer.Meta.fields)
    (what,) = (row for row in _tables("rest")["Activity"] if row[0] == "`what`")
    assert set(words(what[1])) == set(Activity.What.values)


def test_what_a_report_says_is_shown(db: None) -> None:
    line = ReportLine(report=Report(destination="y"), url="")
    assert _keys("Reports") == set(shown_report(line))


# --- commands ----------------------------------------------------------------------------------------------


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, set[str]]:
    """Each subcommand with its options, without those that every command of Django has."""
    (choices,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    usual = {option for each in CommandParser()._actions for option in each.option_strings}
    return {
        name: {option for each in sub._actions for option in each.option_strings} - usual
        for name, sub in choices.choices.items()
    }


@pytest.mark.parametrize("heading", ["manage.py sharing", "sharecore"])
def test_every_command_is_shown_with_its_options(heading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if heading == "sharecore":
        parsers: list[argparse.ArgumentParser] = []
        monkeypatch.setattr(
            argparse.ArgumentParser, "parse_args", lambda self, argv: parsers.append(self) or exit(0)
        )
        from sharecore.cli import main

        with suppress(SystemExit):
            main([])
        parser = parsers[0]
    else:
        parser = CommandParser()
        Command().add_arguments(parser)
    shown = {}
    for command, what in _tables("commands")[heading]:
        name = words(command)[0].removeprefix(f"{heading} ").split()[0]
        shown[name] = set(re.findall(r"--[a-z][a-z-]+", command + what))
    known = _subcommands(parser)
    if heading == "manage.py sharing":
        assert all("--json" in options for options in known.values())
        shapes = {words(row[0])[0].split()[0] for row in _tables("commands")["Shapes of --json"]}
        assert shapes == set(known)
        shown, known = (
            {name: options - {"--json"} for name, options in each.items()} for each in (shown, known)
        )
    assert shown == known


def test_what_status_tells_programs_is_shown() -> None:
    rows = _tables("commands")["Fields of status --json"]
    assert _named(rows) == [each.name for each in fields(status.Status)]
    for name, kind in (
        ("outboxes", status.OutboxStatus),
        ("destinations", status.DestinationStatus),
    ):
        (row,) = (row for row in rows if row[0] == f"`{name}`")
        assert words(row[1]) == [each.name for each in fields(kind)]


def test_alerts_are_all_shown_with_what_they_hold() -> None:
    found = [row for rows in tables((DOCS / "how-to" / "alerts.md").read_text()).values() for row in rows]
    shown = _named(found)
    attributes = [each.name for each in fields(signals.Alert)]
    assert [word for word in shown if word in attributes] == attributes
    assert set(signals.Event) <= set(shown)


def test_the_system_checks_are_all_shown() -> None:
    source = inspect.getsource(checks)
    numbers = {int(number) for number in re.findall(r"sharecore\.[EW](\d{3})", source)}
    numbers |= {int(number) for number in re.findall(r"_messages\(.*?, (\d+)[,)]", source)}
    shown = {int(each[-3:]) for each in _named(_tables("commands")["manage.py check"])}
    assert shown == numbers
