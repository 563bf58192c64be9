"""The public API as text, one line for each name that authors of plugins and sites may rely on.

``python -m release.api`` prints it; `tests/release/public_api.txt` is what was promised last.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sharecore.hooks import HookSpecs

MODULES = ("sharecore", "sharecore_http", "sharecore.testing")
PROMISED = Path(__file__).with_name("public_api.txt")


def _parameters(function: Any) -> str:
    """Names, order and which may be left out; types are for mypy to compare."""
    shown: list[inspect.Parameter] = []
    for each in inspect.signature(function).parameters.values():
        if each.name != "self":
            default = each.default if each.default is each.empty else ...
            shown.append(each.replace(annotation=each.empty, default=default))
    return str(inspect.Signature(shown)).replace("=Ellipsis", "=...")


def public(thing: Any) -> Iterator[tuple[str, Any]]:
    """The public functions and properties that a class defines itself."""
    for name, each in vars(thing).items():
        inner = each.__func__ if isinstance(each, classmethod | staticmethod) else each
        if not name.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property)):
            yield name, inner


def _lines(name: str, thing: Any) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield name + (_parameters(thing) if inspect.isfunction(thing) else "")
        return
    if issubclass(thing, enum.Enum):
        yield f"{name}: {', '.join(f'{each.name}={each.value}' for each in thing)}"
        return
    if dataclasses.is_dataclass(thing) or "__init__" in vars(thing):
        yield name + _parameters(thing.__init__)
    else:
        yield name
    for inner, each in sorted(public(thing)):
        yield f"{name}.{inner}" + ("" if isinstance(each, property) else _parameters(each))


def names() -> Iterator[tuple[str, Any]]:
    """Every public name with what it stands for."""
    for module in map(importlib.import_module, MODULES):
        for name in sorted(module.__all__):
            yield f"{module.__name__}.{name}", getattr(module, name)


def describe() -> str:
    """The hooks, then every public name of the modules for authors and sites."""
    lines = [f"hook {name}{_parameters(each)}" for name, each in sorted(public(HookSpecs))]
    for name, thing in names():
        lines += _lines(name, thing)
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(describe(), end="")
