"""The public API as text, one line for each name that authors of plugins and sites may rely on.

``python -m release.api`` prints it; `tests/release/public_api.txt` is what was promised last.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sharecore import testing
from sharecore.hooks import HookSpecs

MODULES = ("sharecore", "sharecore_http", "sharecore.testing")
CONTRACT = "sharecore.testing.contract"
PROMISED = Path(__file__).with_name("public_api.txt")


def parameters(function: Any) -> str:
    """Names, order and which may be left out; types are for mypy to compare."""
    shown: list[inspect.Parameter] = []
    for each in inspect.signature(function).parameters.values():
        if each.name != "self":
            default = each.default if each.default is each.empty else ...
            shown.append(each.replace(annotation=each.empty, default=default))
    return str(inspect.Signature(shown)).replace("=Ellipsis", "=...")


def is_callable(thing: Any) -> bool:
    """A function, also one behind a cache."""
    return inspect.isroutine(inspect.unwrap(thing))


def fields(kind: type[Any]) -> set[str]:
    """The fields of a dataclass, else the public attributes that `__init__` gives an object."""
    if dataclasses.is_dataclass(kind):
        return {each.name for each in dataclasses.fields(kind)}
    if "__init__" not in vars(kind):
        return set()
    source = ast.parse(textwrap.dedent(inspect.getsource(kind.__init__)))
    assigned = (
        each.attr
        for each in ast.walk(source)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    )
    return {name for name in assigned if not name.startswith("_")}


def public(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """The public functions, properties and attributes that a class defines itself, fields excepted.

    Of the contract of adapters also those of the parts that it is made of, which have no public names.
    """
    parts = [each for each in kind.__bases__ if each.__module__.startswith(CONTRACT)]
    for part in (kind, *(each for each in parts if each.__name__ not in testing.__all__)):
        for name, each in vars(part).items():
            if not name.startswith("_") and name not in fields(kind):
                yield name, each.__func__ if isinstance(each, classmethod | staticmethod) else each


def _lines(name: str, thing: Any) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield name + (parameters(thing) if is_callable(thing) else "")
        return
    if issubclass(thing, enum.Enum):
        yield f"{name}: {', '.join(f'{each.name}={each.value}' for each in thing)}"
    elif dataclasses.is_dataclass(thing) or "__init__" in vars(thing):
        yield name + parameters(thing.__init__)
    else:
        yield name
    if not dataclasses.is_dataclass(thing):  # there the parameters are the fields
        yield from (f"{name}.{inner}" for inner in sorted(fields(thing)))
    for inner, each in sorted(public(thing), key=lambda found: found[0]):
        if not isinstance(each, thing):  # the members of an enumeration
            yield f"{name}.{inner}" + (parameters(each) if inspect.isfunction(each) else "")


def names() -> Iterator[tuple[str, Any]]:
    """Every public name with what it stands for."""
    for module in map(importlib.import_module, MODULES):
        for name in sorted(module.__all__):
            yield f"{module.__name__}.{name}", getattr(module, name)


def describe() -> str:
    """The hooks, then every public name of the modules for authors and sites."""
    hooks = ((name, each) for name, each in public(HookSpecs) if inspect.isfunction(each))
    lines = [f"hook {name}{parameters(each)}" for name, each in sorted(hooks, key=lambda hook: hook[0])]
    for name, thing in names():
        lines += _lines(name, thing)
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(describe(), end="")
