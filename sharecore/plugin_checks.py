"""Check a plugin before its hooks run."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pluggy

from sharecore.hooks import DestinationType, HookSpecs
from sharecore.personal import PersonalSetting

HOOKS = tuple(name for name in vars(HookSpecs) if name.startswith("sharecore_"))


class Refusal(Exception):
    """Raised for a plugin that cannot be used; the text is our own."""


@contextmanager
def notices() -> Iterator[list[str]]:
    """Collect the notices of pluggy about deprecated hooks inside (`warn_on_impl` of their specification)."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        yield said
    said += [str(each.message) for each in caught]


def hook_functions(
    manager: pluggy.PluginManager, plugin: object, key: str
) -> dict[str, list[pluggy.HookImpl]]:
    """Register a plugin; return its functions for each hook. Raises `Refusal` or `PluginValidationError`."""
    manager.register(plugin, key)
    manager.check_pending()
    functions: dict[str, list[pluggy.HookImpl]] = {}
    for hook in HOOKS:
        caller = getattr(manager.hook, hook)
        functions[hook] = [each for each in caller.get_hookimpls() if each.plugin_name == key]
        # A guard that is silently not called would let out what it guards.
        if not functions[hook] and inspect.isroutine(getattr(plugin, hook, None)):
            raise Refusal(f"{hook} is not marked with @hookimpl")
        for each in functions[hook]:
            if each.wrapper or each.hookwrapper:
                raise Refusal(f"{hook} is a wrapper; plugins of sharecore cannot wrap each other")
            if inspect.iscoroutinefunction(each.function):
                raise Refusal(f"{hook} is asynchronous; write it with def")
            hidden = set(caller.spec.argnames) & set(inspect.signature(each.function).parameters)
            if hidden - set(each.argnames):
                arguments = ", ".join(caller.spec.argnames)
                raise Refusal(
                    f"{hook} must accept `request` as an ordinary parameter; write {hook}({arguments})"
                )
    if not any(functions.values()):
        raise Refusal("has no hook function of sharecore; mark at least one with @hookimpl")
    return functions


def destination_types(functions: Mapping[str, list[pluggy.HookImpl]]) -> dict[str, DestinationType[Any]]:
    """Return the kinds of destination that these functions offer. Raises `Refusal`, and their exceptions."""
    types: dict[str, DestinationType[Any]] = {}
    for function in functions["sharecore_destinations"]:
        answer: Any = function.function()
        if not isinstance(answer, Iterable):
            raise Refusal(f"sharecore_destinations gave a {type(answer).__name__}, not a list")
        for each in answer:
            if not isinstance(each, DestinationType):
                raise Refusal(f"sharecore_destinations gave a {type(each).__name__}, not a DestinationType")
            if not isinstance(each.kind, str) or not each.kind or each.kind != each.kind.strip():
                raise Refusal(f"sharecore_destinations gave the kind {each.kind!r}, which is not a word")
            if not isinstance(each.summary, str) or not callable(each.config) or not callable(each.open):
                raise Refusal(f"kind {each.kind!r} needs a text as summary, and callables config and open")
            if not isinstance(each.personal, Mapping) or not all(
                isinstance(key, str) and isinstance(asked, PersonalSetting)
                for key, asked in each.personal.items()
            ):
                raise Refusal(f"kind {each.kind!r} needs a mapping of keys to PersonalSetting as personal")
            if each.kind in types:
                raise Refusal(f"sharecore_destinations gave the kind {each.kind!r} twice")
            types[each.kind] = each
    return types
