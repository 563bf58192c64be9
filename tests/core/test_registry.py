"""Plugins: found, checked, isolated, and named with their distribution when they fail."""

from __future__ import annotations

import importlib
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sharecore import (
    Address,
    ConvertRequest,
    Deferred,
    DeliveredReport,
    InvalidRecord,
    Photometry,
    PluginError,
    PluginInfo,
    PluginState,
    Registry,
    Site,
    Target,
    Withheld,
    WithholdRequest,
    hookimpl,
)
from sharecore.discovery import blocked_plugins
from sharecore.testing import installed

Load = Callable[..., Registry]
MakeRecord = Callable[..., Photometry]

SITE = Site(origin="o", name="Our TOM")
TARGET = Target(name="SN 2024abc")

LAMP = """
@hookimpl
def sharecore_destinations():
    yield lamp()
"""
BELL = LAMP.replace("lamp()", "lamp('bell')")


def withhold_request(record: Photometry) -> WithholdRequest:
    return WithholdRequest(site=SITE, address=Address("x"), target=TARGET, record=record)


def convert_request(record: Photometry) -> ConvertRequest:
    return ConvertRequest(site=SITE, address=Address("x"), target=TARGET, record=record)


class Keeper:
    """Withholds everything with the same answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> Any:
        return self.answer


def day(number: int | None) -> datetime | None:
    return None if number is None else datetime(2026, 1, number, tzinfo=UTC)


def only(registry: Registry) -> PluginInfo:
    (info,) = registry.plugins
    return info


class TestLoading:
    def test_a_plugin_offers_its_kinds(self, entry_point: Callable[..., Any]) -> None:
        registry = Registry.load([entry_point(LAMP)])
        info = only(registry)
        assert (info.name, info.distribution, info.version) == ("lamp", "sharecore-lamp", "1.2")
        assert (info.state, info.kinds, info.reason) == (PluginState.ACTIVE, {"lamp": "Blinks"}, "")
        assert registry.destination_types["lamp"].summary == "Blinks"
        assert registry.owner("lamp") == info
        assert registry.problems == ()

    def test_a_plugin_may_come_without_a_distribution(self, make_module: Callable[..., str]) -> None:
        registry = Registry()
        info = registry.register(importlib.import_module(make_module(LAMP)), name="site")
        assert info.label == "plugin 'site' (of this site)"
        assert "lamp" in registry.destination_types

    def test_registering_twice_is_refused_and_leaves_the_first(self, make_module: Callable[..., str]) -> None:
        registry = Registry()
        module = importlib.import_module(make_module(LAMP))
        registry.register(module, name="site")
        assert registry.register(module, name="again").reason == "is registered already"
        assert registry.register(object(), name="site").reason == "is registered already"
        assert "lamp" in registry.destination_types
        assert registry.owner("lamp").name == "site"

    def test_two_distributions_may_use_one_name(self, entry_point: Callable[..., Any]) -> None:
        registry = Registry.load([entry_point(LAMP, distribution="a"), entry_point(BELL, distribution="b")])
        assert set(registry.destination_types) == {"lamp", "bell"}

    def test_a_blocked_plugin_is_not_even_imported(self, entry_point: Callable[..., Any]) -> None:
        point = entry_point(LAMP)
        registry = Registry.load([point], blocked={"lamp"})
        assert only(registry).state is PluginState.BLOCKED
        assert point.module not in sys.modules
        assert not registry.destination_types
        assert registry.problems == ()

    def test_the_environment_names_blocked_plugins(self) -> None:
        assert blocked_plugins({"SHARECORE_BLOCKED_PLUGINS": " lamp, ,bell"}) == {"lamp", "bell"}
        assert blocked_plugins({}) == frozenset()


BROKEN = {
    "needs a package": (
        "import no_such_package_here",
        "cannot be imported: ModuleNotFoundError.*no_such_package",
    ),
    "syntax": ("def (", "cannot be imported: SyntaxError"),
    "import fails": (
        "raise ValueError('hunter2')",
        r"cannot be imported: ValueError at sharecore_test_plugin",
    ),
    "import exits": ("raise SystemExit(3)", "cannot be imported: SystemExit"),
    "import interrupts": ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
    "import closes": ("raise GeneratorExit", "cannot be imported: GeneratorExit"),
    "offers and exits": (
        "@hookimpl\ndef sharecore_destinations():\n    yield lamp()\n    raise SystemExit",
        "failed when it was registered: SystemExit at sharecore_test_plugin",
    ),
    "misspelt hook": (
        "@hookimpl\ndef sharecore_withold(request): return 'no'",
        "unknown hook 'sharecore_withold'",
    ),
    "wrong argument": (
        "@hookimpl\ndef sharecore_withhold(record): return None",
        r"sharecore_withhold\(record\).*Argument",
    ),
    "keyword-only argument": (
        "@hookimpl\ndef sharecore_withhold(*, request): return None",
        r"write sharecore_withhold\(request\)",
    ),
    "default argument": (
        "@hookimpl\ndef sharecore_withhold(request=None): return None",
        r"write sharecore_withhold\(request\)",
    ),
    "no mark": (
        LAMP + "\ndef sharecore_withhold(request): return 'no'",
        "sharecore_withhold is not marked with @hookimpl",
    ),
    "no hook": ("def something_else(): pass", "has no hook function"),
    "wrapper": ("@hookimpl(wrapper=True)\ndef sharecore_withhold(request): return (yield)", "is a wrapper"),
    "asynchronous": ("@hookimpl\nasync def sharecore_withhold(request): return 'no'", "is asynchronous"),
    "destinations raises": (
        "@hookimpl\ndef sharecore_destinations(): raise RuntimeError('hunter2')",
        "failed when it was registered: RuntimeError at",
    ),
    "destinations breaks off": (
        "@hookimpl\ndef sharecore_destinations():\n    yield lamp()\n    1 / 0",
        "ZeroDivisionError",
    ),
    "destinations gives nothing": (
        "@hookimpl\ndef sharecore_destinations(): return None",
        "gave a NoneType, not a list",
    ),
    "destinations gives one": (
        "@hookimpl\ndef sharecore_destinations(): return lamp()",
        "gave a DestinationType, not a list",
    ),
    "destinations gives classes": (
        "@hookimpl\ndef sharecore_destinations(): return [LampAdapter]",
        "gave a ABCMeta, not a DestinationType",
    ),
    "kind is no word": ("@hookimpl\ndef sharecore_destinations(): return [lamp(' ')]", "the kind ' '"),
    "kind twice": ("@hookimpl\ndef sharecore_destinations(): return [lamp(), lamp()]", "'lamp' twice"),
    "open is no function": (
        "@hookimpl\ndef sharecore_destinations():\n"
        "    return [DestinationType(kind='lamp', summary='', config=print, open=None)]",
        "kind 'lamp' needs",
    ),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_named_and_breaks_nothing(
    entry_point: Callable[..., Any], caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    broken = entry_point(source, name="broken", distribution="a-broken")
    good = entry_point(BELL, name="bell", distribution="z-bell")
    registry = Registry.load([broken, good])
    failed, active = registry.plugins
    assert failed.state is PluginState.FAILED
    assert (failed.name, failed.distribution, failed.version) == ("broken", "a-broken", "1.2")
    assert re.search(reason, failed.reason), failed.reason
    assert active.state is PluginState.ACTIVE
    assert set(registry.destination_types) == {"bell"}
    (problem,) = registry.problems
    assert not problem.fatal
    assert "plugin 'broken' (a-broken 1.2)" in str(problem)
    assert "plugin 'broken' (a-broken 1.2)" in caplog.text
    assert "hunter2" not in f"{registry.problems}{registry.plugins}"


def test_no_hook_of_a_failed_plugin_runs(load: Load, make_record: MakeRecord) -> None:
    registry = load("@hookimpl\ndef sharecore_withhold(request): return 'no'\n" + LAMP.replace("lamp()", "3"))
    assert only(registry).state is PluginState.FAILED
    assert registry.withhold([withhold_request(make_record())]) == [None]


def test_the_log_has_the_stack_but_not_the_text_of_an_exception(
    entry_point: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    source = """
    def read(text):
        return int(text)
    read("hunter" + "2")
    """
    Registry.load([entry_point(source)])
    assert "return int(text)" in caplog.text
    assert "ValueError" in caplog.text
    assert "hunter2" not in caplog.text


class TestTakenKinds:
    def test_ours_keeps_its_kind_and_both_are_named(self, entry_point: Callable[..., Any]) -> None:
        thief = entry_point(LAMP, name="thief", distribution="aaa", version="9")
        ours = entry_point(LAMP, name="ours", distribution="sharecore", version="1")
        registry = Registry.load([thief, ours])
        assert registry.owner("lamp").name == "ours"
        failed = registry.plugins[1]
        assert (failed.name, failed.state, failed.kinds) == ("thief", PluginState.FAILED, {"lamp": "Blinks"})
        assert "plugin 'thief' (aaa 9)" in failed.reason
        assert "plugin 'ours' (sharecore 1), which keeps it" in failed.reason

    def test_else_the_order_of_distributions_decides(self, entry_point: Callable[..., Any]) -> None:
        points = [entry_point(LAMP, name=f"of-{name}", distribution=name) for name in ("Beta", "alpha")]
        for order in (points, points[::-1]):
            for point in order:
                sys.modules.pop(point.module, None)
            assert Registry.load(order).owner("lamp").name == "of-alpha"

    def test_the_loser_is_switched_off_as_a_whole(self, load: Load) -> None:
        both = "@hookimpl\ndef sharecore_destinations(): return [lamp(), lamp('bell')]"
        registry = load(LAMP, both)
        assert set(registry.destination_types) == {"lamp"}
        assert registry.owner("lamp").name == "a"


class TestWithhold:
    def test_nobody_objects(self, load: Load, make_record: MakeRecord) -> None:
        registry = load(LAMP, "@hookimpl\ndef sharecore_withhold(request): return None")
        assert registry.withhold([withhold_request(make_record())]) == [None]

    def test_the_reason_is_told(self, load: Load, make_record: MakeRecord) -> None:
        source = """
        @hookimpl
        def sharecore_withhold(request):
            if request.record.extra.get("proprietary"):
                return f"proprietary, not for {request.address}"
        """
        registry = load(source)
        secret = make_record(extra={"proprietary": True})
        requests = [withhold_request(make_record()), withhold_request(secret)]
        assert registry.withhold(requests) == [None, Withheld(reason="proprietary, not for x")]

    def test_an_empty_reason_withholds_as_well(self, load: Load, make_record: MakeRecord) -> None:
        registry = load("@hookimpl\ndef sharecore_withhold(request): return ''")
        assert "plugin 'a' (dist-a 1.0)" in str(registry.withhold([withhold_request(make_record())]))

    @pytest.mark.parametrize(
        "answer",
        ["False", "0", "True", "1 / 0", "['no']", "exec('raise SystemExit')", "exec('raise BaseException')"],
    )
    def test_whoever_cannot_answer_keeps_it_here(
        self, load: Load, make_record: MakeRecord, answer: str
    ) -> None:
        registry = load(f"@hookimpl\ndef sharecore_withhold(request): return {answer}", LAMP)
        (said,) = registry.withhold([withhold_request(make_record())])
        assert isinstance(said, PluginError)
        assert said.reason.startswith("plugin 'a' (dist-a 1.0)")

    def test_a_reason_counts_more_than_a_failure(self, load: Load, make_record: MakeRecord) -> None:
        fails = "@hookimpl\ndef sharecore_withhold(request): 1 / 0"
        refuses = "@hookimpl\ndef sharecore_withhold(request): return 'no'"
        for sources in ([fails, refuses], [refuses, fails]):
            assert load(*sources).withhold([withhold_request(make_record())]) == [Withheld(reason="no")]

    @pytest.mark.parametrize(
        ("ends", "reason", "until"),
        [
            ((None,), "0", None),
            ((5,), "0", 5),
            ((5, 7), "1", 7),
            ((7, 5), "0", 7),
            ((5, 5), "0", 5),
            # a reason without an end holds, and is the one that people have to know
            ((5, None), "1", None),
            ((None, 5, None), "0", None),
        ],
    )
    def test_a_reason_may_end_and_the_last_end_counts(
        self, make_record: MakeRecord, ends: tuple[int | None, ...], reason: str, until: int | None
    ) -> None:
        registry = Registry()
        for number, end in reversed(list(enumerate(ends))):  # pluggy asks the last one first
            registry.register(Keeper(Withheld(reason=str(number), until=day(end))), name=f"keeper-{number}")
        (said,) = registry.withhold([withhold_request(make_record())])
        assert said == Withheld(reason=reason, until=day(until))

    def test_an_end_without_a_time_zone_is_none(
        self, make_record: MakeRecord, caplog: pytest.LogCaptureFixture
    ) -> None:
        for end in (datetime(2026, 1, 1), "2026-01-01", 5):  # noqa: DTZ001
            registry = Registry()
            registry.register(Keeper(Withheld(reason="no", until=end)), name="keeper")  # type: ignore[arg-type]
            assert registry.withhold([withhold_request(make_record())]) == [Withheld(reason="no")]
            assert "until must be a time with a time zone or None, got a" in caplog.text
            assert "plugin 'keeper'" in caplog.text
            caplog.clear()

    def test_an_end_in_another_zone_is_the_same_moment_in_utc(self, make_record: MakeRecord) -> None:
        registry = Registry()
        registry.register(
            Keeper(
                Withheld(reason="no", until=datetime(2026, 1, 5, 14, tzinfo=timezone(timedelta(hours=14))))
            ),
            name="keeper",
        )
        (said,) = registry.withhold([withhold_request(make_record())])
        assert isinstance(said, Withheld)
        assert str(said.until) == "2026-01-05 00:00:00+00:00"

    def test_an_answer_of_an_adapter_is_none_of_a_rule(self, make_record: MakeRecord) -> None:
        registry = Registry()
        registry.register(Keeper(Deferred(reason="busy")), name="keeper")
        (said,) = registry.withhold([withhold_request(make_record())])
        assert isinstance(said, PluginError)
        assert "with a Deferred, not a text or Withheld" in said.reason


class TestConvert:
    def test_plugins_see_each_others_work_in_pluggys_order(self, load: Load, make_record: MakeRecord) -> None:
        source = """
        import dataclasses
        @hookimpl{options}
        def sharecore_convert(request):
            return dataclasses.replace(request.record, bandpass=request.record.bandpass + "{mark}")
        """
        sources = [
            source.format(options=options, mark=mark)
            for options, mark in [("", "1"), ("(tryfirst=True)", "2"), ("", "3")]
        ]
        (record,) = load(*sources, LAMP).convert([convert_request(make_record(bandpass="r"))])
        assert isinstance(record, Photometry)
        assert record.bandpass == "r231"

    @pytest.mark.parametrize(
        ("answer", "what"),
        [
            ("1 / 0", "failed in sharecore_convert: ZeroDivisionError"),
            ("'r'", "for a Photometry with a str"),
            (
                "PhotometryLimit(key=request.record.key, timestamp=request.record.timestamp, limit=1.0, "
                "bandpass='r')",
                "for a Photometry with a PhotometryLimit",
            ),
            ("replace(request.record, key=replace(request.record.key, id='other'))", "another key"),
        ],
    )
    def test_a_bad_answer_is_attributed(
        self, load: Load, make_record: MakeRecord, answer: str, what: str
    ) -> None:
        source = (
            f"from dataclasses import replace\n@hookimpl\ndef sharecore_convert(request): return {answer}"
        )
        (made,) = load(source).convert([convert_request(make_record())])
        assert isinstance(made, PluginError)
        assert re.search(rf"plugin 'a' \(dist-a 1.0\) .*{what}", made.reason)

    def test_what_cannot_be_expressed_is_said_so(self, load: Load, make_record: MakeRecord) -> None:
        source = """
        @hookimpl
        def sharecore_convert(request):
            raise InvalidRecord(field="bandpass", reason="is not known there")
        """
        (made,) = load(source).convert([convert_request(make_record())])
        assert isinstance(made, InvalidRecord)
        assert str(made).startswith("bandpass: is not known there (found by plugin 'a'")


@pytest.mark.parametrize("error", ["OSError", "SystemExit", "KeyboardInterrupt"])
def test_an_observer_that_fails_silences_nobody(
    load: Load, make_record: MakeRecord, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    fails = f"@hookimpl\ndef sharecore_delivered(report): raise {error}('hunter2')"
    listens = """
    import logging
    @hookimpl
    def sharecore_delivered(report):
        logging.getLogger("listener").warning("heard of %d", len(report.records))
    """
    registry = load(fails, listens, fails)
    record = make_record()
    report = DeliveredReport(site=SITE, address=Address("x"), target=TARGET, records=(record,), results={})
    registry.observe(report)
    assert [r.getMessage() for r in caplog.records if r.name == "listener"] == ["heard of 1"]
    assert f"plugin 'a' (dist-a 1.0) failed in sharecore_delivered: {error}" in caplog.text
    assert f"plugin 'c' (dist-c 1.0) failed in sharecore_delivered: {error}" in caplog.text
    assert "hunter2" not in caplog.text.replace(f"raise {error}('hunter2')", "")


def test_an_implementation_may_leave_out_the_request(load: Load, make_record: MakeRecord) -> None:
    registry = load("@hookimpl\ndef sharecore_withhold(): return 'nothing leaves today'")
    assert registry.withhold([withhold_request(make_record())]) == [Withheld(reason="nothing leaves today")]


class TestInstalledPlugins:
    """Distributions as pip leaves them behind, made by hand."""

    @staticmethod
    def install(folder: Path, name: str, entry_points: str) -> None:
        info = folder / f"{name.replace('-', '_')}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text(entry_points)

    def test_they_are_found(self, tmp_path: Path, make_module: Callable[..., str]) -> None:
        self.install(tmp_path, "sharecore-lamp", f"[sharecore]\nlamp = {make_module(LAMP)}\n")
        self.install(tmp_path, "other", "[console_scripts]\nother = other:main\n")
        registry = Registry.load()
        (info,) = [each for each in registry.plugins if each.name == "lamp"]
        assert (info.distribution, info.version, info.state) == ("sharecore-lamp", "2.5", PluginState.ACTIVE)

    @pytest.mark.filterwarnings("ignore")
    def test_a_malformed_file_of_another_takes_none_away(
        self, tmp_path: Path, make_module: Callable[..., str], caplog: pytest.LogCaptureFixture
    ) -> None:
        self.install(tmp_path, "sharecore-lamp", f"[sharecore]\nlamp = {make_module(LAMP)}\n")
        self.install(tmp_path, "malformed", "[sharecore]\nno equals sign\n")
        with caplog.at_level(logging.ERROR):
            registry = Registry.load()
        assert "lamp" in registry.destination_types
        assert "cannot be read" in caplog.text


def test_a_plugin_that_a_test_installs_may_be_installed_already(
    entry_point: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """As in docs/how-to/keep-at-home.md: the rule is installed with pip, and tried with `installed`."""
    point = entry_point("@hookimpl\ndef sharecore_withhold(request): return None\n")
    with installed(point.load()):
        (info,) = Registry.load([point]).plugins
        (alone,) = Registry.load([]).plugins
    assert (info.state, info.name) == (PluginState.ACTIVE, "lamp")
    assert (alone.state, alone.name) == (PluginState.ACTIVE, f"{point.module}-0")
    assert caplog.text == ""


def test_importing_sharecore_imports_nothing_heavy() -> None:
    code = (
        "import sys, sharecore, sharecore.dispatch, sharecore.cli\n"
        "heavy = {'django', 'requests', 'astropy', 'numpy', 'sharecore_http', 'sharecore_tom'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
