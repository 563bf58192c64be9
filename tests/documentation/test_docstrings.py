"""Every code sample in a docstring that the reference shows runs."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import logging
import re
import textwrap
import types
from typing import Any

import pytest
from django.test import override_settings

import sharecore
import sharecore.testing
from documentation.samples import DOCS
from release.api import public
from sharecore import Adapter, Registry
from sharecore.hooks import HookSpecs
from sharecore.testing import AdapterContract, FakeServer, HttpAdapterContract, Request, installed

_SAMPLE = re.compile(r"^(.*)::\n\n((?:(?: +.*)?\n)+)", re.M)
_MODULE = re.compile(r"automodule:: (\S+)")


def _everything() -> dict[str, Any]:
    """The names that the samples may take as imported, and those that they take as written by the author."""
    names = {
        name: getattr(module, name) for module in (sharecore, sharecore.testing) for name in module.__all__
    }
    lamp = {"read": lambda section: None, "LampAdapter": Adapter, "LAMP": None}
    tools = {"dataclasses": dataclasses, "pytest": pytest, "logger": logging.getLogger("sample")}
    return {**names, **lamp, **tools, "override_settings": override_settings}


def _sample(thing: Any) -> types.ModuleType:
    """What the one sample of a docstring defines."""
    ((_, text),) = _SAMPLE.findall(inspect.getdoc(thing) + "\n")
    module = types.ModuleType(f"sample_{thing.__name__}")
    vars(module).update(_everything())
    exec(compile(textwrap.dedent(text), thing.__name__, "exec"), vars(module))  # noqa: S102 - it is ours
    return module


HOOKS = dict(public(HookSpecs))
TRIED = {*HOOKS.values(), AdapterContract, HttpAdapterContract, FakeServer, installed}


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_a_hook_is_a_plugin(name: str) -> None:
    plugin = _sample(HOOKS[name])
    info = Registry().register(plugin, name=name)
    assert (info.state, info.reason) == ("active", "")
    assert inspect.isfunction(getattr(plugin, name))


@pytest.mark.parametrize("contract", [AdapterContract, HttpAdapterContract])
def test_the_example_of_a_contract_is_a_suite(contract: type[Any]) -> None:
    suite = _sample(contract).TestLamp
    assert issubclass(suite, contract)
    assert suite.subject is not contract.subject


def test_the_example_of_the_server_serves() -> None:
    server = _sample(FakeServer).server
    request = Request(method="POST", path="/api/data/", body=b'{"name": "x"}')
    assert server.react(request) == "resets the connection, having done nothing"
    assert server.react(request).status == 201


def test_the_example_of_installed_enters() -> None:
    _sample(installed)


def test_no_other_docstring_of_the_reference_has_a_sample() -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference" / "python").glob("*.md"))
    found = {
        node.name
        for name in _MODULE.findall(pages)
        for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(name))))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and "::\n" in (ast.get_docstring(node) or "")
    }
    assert found == {each.__name__ for each in TRIED}
