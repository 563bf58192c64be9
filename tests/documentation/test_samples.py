"""Every code sample of the documentation runs, and every command in it exists."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import sys
import tomllib
import types
import unittest
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import fields
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import prometheus_client
import pytest
from django.core.management.base import CommandError
from django.test import override_settings
from opentelemetry import metrics

from documentation.samples import KINDS, ROOT, Sample, pages, samples, samples_of
from sharecore import Destinations, Registry
from sharecore.cli import parser
from tom_integration import conf
from tom_integration.management.commands.sharing import Command


def _id(sample: Sample) -> str:
    return str(sample)


def test_every_sample_says_what_it_is() -> None:
    unknown = [
        str(each)
        for page in pages()
        for each in samples_of(page)
        if each.kind not in KINDS.get(each.language, ())
    ]
    assert unknown == []


@pytest.mark.parametrize("sample", [*samples("toml"), *samples("json"), *samples("ini")], ids=_id)
def test_data_can_be_read(sample: Sample) -> None:
    match sample.language:
        case "toml":
            assert tomllib.loads(sample.text)
        case "json":
            assert json.loads(sample.text)
        case _:
            parser = configparser.ConfigParser(strict=False)
            parser.read_string(sample.text)
            assert parser.sections()


class _Environment(dict[str, str]):
    """An environment in which every variable that a sample asks for is set."""

    def __missing__(self, name: str) -> str:
        return "slack://T1JJ3T3L2/A1BRTD4JD/token" if name.endswith("_URL") else "0123456789abcdef"


@pytest.mark.parametrize("sample", [s for s in samples("python", "settings") if not s.file], ids=_id)
def test_settings_have_no_problem(sample: Sample, tmp_path: Path) -> None:
    """Those that are a file are tried where their tutorial is followed."""
    registry = Registry.load()
    for number, plugin in enumerate(_modules(sample.page, "plugin")):
        registry.register(plugin, name=f"plugin-{number}")
    environ = _Environment()
    settings: dict[str, Any] = {
        "os": SimpleNamespace(environ=environ, getenv=lambda name, _: environ[name], path=os.path),
        "BASE_DIR": str(tmp_path),  # a text, as tomtoolkit makes it
        "INSTALLED_APPS": ["tom_common"],
        "DATABASES": {"default": {}},
    }
    exec(sample.text, settings)  # noqa: S102 - it is ours
    assert Destinations.parse(settings.get("DATA_SHARING"), registry).problems == ()
    ours = {name: value for name, value in settings.items() if name.startswith("SHARECORE_")}
    assert set(ours) <= {conf.name_of(each) for each in fields(conf.Settings)}
    with override_settings(**ours):
        assert conf.problems() == []


def _modules(page: Path, kind: str) -> Iterator[types.ModuleType]:
    for number, sample in enumerate(samples_of(page)):
        if (sample.language, sample.kind) == ("python", kind):
            name = sample.file.removesuffix(".py").replace("/", ".") or f"{page.stem}_{number}"
            module = types.ModuleType(name)
            code = compile("\n" * sample.line + sample.text, str(page), "exec")
            exec(code, vars(module))  # noqa: S102
            yield module


@pytest.mark.parametrize(
    "page", sorted({each.page for each in samples("python", "plugin")}), ids=lambda p: p.stem
)
def test_plugins_are_active(page: Path) -> None:
    for plugin in _modules(page, "plugin"):
        info = Registry().register(plugin, name=plugin.__name__)
        assert (info.state, info.reason) == ("active", "")


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let metrics be served at a free port, and end: a process can have one SDK, once."""
    start = prometheus_client.start_http_server
    servers, providers = [], []

    def start_anywhere(port: int, addr: str) -> None:
        servers.append(start(0, addr=addr)[0])

    monkeypatch.setattr(prometheus_client, "start_http_server", start_anywhere)
    monkeypatch.setattr(metrics, "set_meter_provider", providers.append)
    yield
    for server in servers:
        server.shutdown()
        server.server_close()
    for provider in providers:
        provider.shutdown()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("measures")
@pytest.mark.parametrize(
    "page", sorted({each.page for each in samples("python", "tom")}), ids=lambda p: p.stem
)
def test_code_for_a_tom_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in _modules(page, "plugin"):
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    for module in _modules(page, "tom"):
        cases = [each for each in vars(module).values() if isinstance(each, type)]
        own = [
            each
            for each in cases
            if issubclass(each, unittest.TestCase) and each.__module__ == module.__name__
        ]
        suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, own))
        result = unittest.TestResult()
        suite.run(result)
        assert [text for _, text in result.failures + result.errors] == []
        assert result.testsRun == suite.countTestCases()


_INLINE = re.compile(r"`(?:python )?(manage\.py sharing|sharecore) ([a-z][^`]*)`")
_LINE = re.compile(r"(?:\S*python )?(manage\.py sharing|sharecore) ([a-z].*)")


def _commands() -> list[tuple[str, str, str]]:
    """Where, the program, and its arguments: of commands in samples and in the text."""
    found = set()
    for page in pages():
        text = page.read_text()
        found |= {(page.name, program, rest) for program, rest in _INLINE.findall(text)}
        for sample in samples_of(page):
            if sample.language in ("console", "ini", "text"):
                lines = (_LINE.search(line) for line in sample.text.splitlines())
                found |= {(page.name, *line.groups()) for line in lines if line}
    return sorted(found)


@pytest.mark.parametrize(("page", "program", "rest"), _commands())
def test_commands_exist(page: str, program: str, rest: str) -> None:
    """A word in capitals stands for a number or name, brackets for what may be left out."""
    arguments = re.sub(r"[\[\]]|  +#.*", "", rest).replace("TIME", "2026-03-01T12:00:00Z")
    arguments = re.sub(r"[A-Z]{4,}", "1", arguments)
    if arguments in ("resolve", "preview", "new-adapter"):
        arguments += " 1"  # spoken of, not called
    if arguments == "resolve 1":
        arguments += " --arrived"
    said = StringIO()
    try:
        with redirect_stderr(said):
            if program == "sharecore":
                parser().parse_args(shlex.split(arguments))
            else:
                Command().create_parser("manage.py", "sharing").parse_args(shlex.split(arguments))
    except (SystemExit, CommandError) as error:
        pytest.fail(f"{page}: {program} {rest}: {error} {said.getvalue()}")


FOLLOWED = {
    "adapter.md",
    "answer-later.md",
    "first-target.md",
    "make-a-tom.md",
    "scale-out.md",
    "take-reports.md",
}
"""Pages with files that tests of their own run, here and in tests/live and tests/browser."""


def test_files_of_other_kinds_stand_where_a_test_of_their_own_runs_them() -> None:
    files = [*samples("python", "module"), *(each for each in samples("python", "settings") if each.file)]
    assert {each.page.name for each in files} <= FOLLOWED


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    texts = [*pages(), ROOT / "CONTRIBUTING.md", ROOT / "tests" / "README.md"]
    named = {
        name
        for page in texts
        for name in re.findall(r"(?:`|^)make ([a-z-]+)(?=`|$| +[A-Z#])", page.read_text(), re.M)
    }
    assert named
    assert named - targets == set()


def test_buttons_and_fields_are_called_so() -> None:
    """What the text tells people to press stands in a template or in the code of the pages."""
    app = Path(conf.__file__).parent
    sources = [*app.rglob("*.html"), *(app / "pages").rglob("*.py")]
    there = "\n".join(source.read_text() for source in sources)
    named = {label for page in pages() for label in re.findall(r"\{guilabel\}`([^`]+)`", page.read_text())}
    assert named
    assert [label for label in sorted(named) if label not in there] == []
