"""Hold the attributes of an adapter (`max_batch`, `can_update`, ...) to the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

from sharecore.adapter import Adapter
from sharecore.plugin_errors import contained

LIMITS: dict[str, tuple[Callable[[Any], bool], str, Any]] = {
    "can_update": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_records": (lambda value: isinstance(value, bool), "True or False", True),
    "can_withdraw": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_files": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_reports": (lambda value: isinstance(value, bool), "True or False", False),
    "takes_tests": (lambda value: isinstance(value, bool), "True or False", False),
    "settle_time": (lambda value: _is_number(value) and 0 < value <= 86400, "above 0 and up to 86400", 60.0),
    "batch_window_seconds": (lambda value: _is_number(value) and 0 <= value <= 3600, "from 0 to 3600", 0.0),
    "max_batch": (
        lambda value: isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1,
        "a whole number of 1 or more",
        1,
    ),
    "check_tests": (lambda value: isinstance(value, str), "a text", ""),
}
"""Attributes of an adapter: the rule for each, the rule in words, and the value used where it is broken."""


def read(adapter: Adapter) -> dict[str, object]:
    """Return the attributes of an adapter, whatever they are; None for one that cannot be read."""
    return {name: _read(adapter, name) for name in LIMITS}


def within_contract(attributes: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the attributes within the contract, and a complaint about each that was not."""
    within: dict[str, Any] = {}
    complaints: dict[str, str] = {}
    for name, value in attributes.items():
        valid, rule, instead = LIMITS[name]
        if valid(value):
            within[name] = value
            continue
        within[name] = instead
        given = repr(value) if isinstance(value, Real) else f"a {type(value).__name__}"
        complaints[name] = f"must be {rule}, got {given}; {instead!r} is used"
    return within, complaints


def _read(adapter: Adapter, name: str) -> object:
    with suppress(Exception), contained():
        return getattr(adapter, name)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
