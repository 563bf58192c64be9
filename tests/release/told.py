"""What the docstrings of the public API leave out."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from sphinx.pycode import ModuleAnalyzer

from release.api import fields, is_callable, public

_OURS = ("sharecore", "sharecore_http")


@cache
def beside(module: str) -> dict[tuple[str, str], str]:
    """The texts below constants and attributes of a module: by class (or nothing) and name."""
    found = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {place: " ".join(lines).strip() for place, lines in found.items()}


def _of_constant(name: str, thing: object) -> str:
    """The text below a constant, in the module that defines it."""
    short = name.rpartition(".")[2]
    for module, loaded in list(sys.modules.items()):
        if module.partition(".")[0] in _OURS and vars(loaded).get(short) is thing:
            text = beside(module).get(("", short))
            if text:
                return text
    return ""


def _lineage(kind: type[Any]) -> list[type[Any]]:
    return [each for each in kind.__mro__ if each.__module__.partition(".")[0] in _OURS]


def _of_class(kind: type[Any]) -> str:
    """Its docstring, and those of its `__init__` and of the classes that it derives from."""
    texts: list[str] = []
    for each in _lineage(kind):
        own = each.__doc__ or ""
        generated = own.startswith(f"{each.__name__}(")  # by dataclass
        texts += ["" if generated else own, getattr(vars(each).get("__init__"), "__doc__", None) or ""]
    return " ".join(texts).strip()


def _of_member(kind: type[Any], name: str, thing: Any) -> str:
    """The docstring of a function or property, or the text below an attribute."""
    if inspect.isroutine(thing) or hasattr(thing, "__get__") or hasattr(thing, "__wrapped__"):
        return inspect.getdoc(getattr(kind, name)) or inspect.getdoc(thing) or ""
    places = ((each.__module__, (each.__name__, name)) for each in _lineage(kind))
    return next((text for module, place in places if (text := beside(module).get(place))), "")


def _lists(text: str, name: str) -> bool:
    """Return whether a docstring has a line for a parameter or attribute: `name: text`, below `Args:`."""
    return re.search(rf"^ +{name}: \S", text, re.M) is not None


def untold(name: str, thing: Any) -> Iterator[str]:
    """Yield the public names that have no description: the thing, its members, its fields and parameters.

    A field of a dataclass is described below the field, a parameter or attribute of another class in a line
    of the docstring of the class.
    """
    if not inspect.isclass(thing):
        if not (inspect.getdoc(thing) if is_callable(thing) else _of_constant(name, thing)):
            yield name
        return
    text = _of_class(thing)
    if not text:
        yield name
    inner = [(each, found) for each, found in public(thing) if not isinstance(found, thing)]
    yield from (f"{name}.{each}" for each, found in inner if not _of_member(thing, each, found))
    named = fields(thing)
    if "__init__" in vars(thing) and not dataclasses.is_dataclass(thing) and not issubclass(thing, enum.Enum):
        named |= set(inspect.signature(thing).parameters)
    for each in sorted(named):
        beside = _of_member(thing, each, None)
        if not beside and (dataclasses.is_dataclass(thing) or not _lists(text, each)):
            yield f"{name}.{each}"
