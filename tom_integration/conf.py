"""The settings of the app, read when they are asked for, so that tests can override them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from sharecore import discovery
from sharecore.discovery import REQUIRED_SETTING
from sharecore.exceptions import Problem
from sharecore.guard import CALL_SECONDS
from sharecore.retry import DEFAULT_SCHEDULE, RetryPolicy

RUNNERS = ("thread", "command", "celery")
PAUSED_VARIABLE = "SHARECORE_PAUSED"


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting. rule: what it must be, in words; valid: whether a value is that."""

    default: Any
    rule: str
    valid: Any


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_days(value: object) -> bool:
    return _is_seconds(value) and value <= 36500  # type: ignore[operator]  # a longer one is no date


def _is_names(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(name, str) for name in value)
    )


def _is_schedule(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(_is_seconds(v) for v in value)


SETTINGS: dict[str, _Setting] = {
    "SHARECORE_RUNNER": _Setting("thread", f"one of {', '.join(RUNNERS)}", lambda v: v in RUNNERS),
    "SHARECORE_PAUSED": _Setting(False, "True or False", lambda v: isinstance(v, bool)),
    "SHARECORE_BLOCKED_PLUGINS": _Setting((), "a list of plugin names", _is_names),
    REQUIRED_SETTING: _Setting((), "a list of plugin names", _is_names),
    "SHARECORE_RETRY_SCHEDULE": _Setting(
        DEFAULT_SCHEDULE, "a list of seconds, each above zero", _is_schedule
    ),
    "SHARECORE_SCAN_SECONDS": _Setting(30.0, "a number of seconds above zero", _is_seconds),
    "SHARECORE_RESCAN_SECONDS": _Setting(86400.0, "a number of seconds above zero", _is_seconds),
    "SHARECORE_LEASE_SECONDS": _Setting(60.0, "a number of seconds above zero", _is_seconds),
    "SHARECORE_CALL_SECONDS": _Setting(CALL_SECONDS, "a number of seconds above zero", _is_seconds),
    "SHARECORE_KEEP_DELIVERED_DAYS": _Setting(90.0, "a number of days above zero", _is_days),
    "SHARECORE_KEEP_ATTEMPTS_DAYS": _Setting(30.0, "a number of days above zero", _is_days),
}


def _get(name: str) -> Any:
    setting = SETTINGS[name]
    value = getattr(settings, name, setting.default)
    return value if setting.valid(value) else setting.default


def problems() -> list[Problem]:
    """Every setting of the app that is not as it must be."""
    return [
        Problem(where=name, what=f"is {getattr(settings, name)!r}", hint=f"Give {setting.rule}.")
        for name, setting in SETTINGS.items()
        if hasattr(settings, name) and not setting.valid(getattr(settings, name))
    ]


def runner() -> str:
    """Which runner wakes the reconciler."""
    return str(_get("SHARECORE_RUNNER"))


def paused() -> bool:
    """Is all sending stopped, by the environment or by the settings?"""
    from_environment = os.environ.get(PAUSED_VARIABLE, "").strip().lower()
    return from_environment not in ("", "0", "false", "no") or bool(_get("SHARECORE_PAUSED"))


def blocked_plugins() -> tuple[str, ...]:
    """Names of the plugins that must not be loaded."""
    return (*_get("SHARECORE_BLOCKED_PLUGINS"), *discovery.blocked_plugins(os.environ))


def required_plugins() -> tuple[str, ...]:
    """Names of the plugins without which nothing is sent."""
    given = getattr(settings, REQUIRED_SETTING, ())
    # A guard that is misnamed guards nothing: what is given wrongly is required as it stands, and missing.
    return tuple(given) if _is_names(given) else (str(given),)


def retry_policy() -> RetryPolicy:
    """When a record is tried again."""
    return RetryPolicy(tuple(_get("SHARECORE_RETRY_SCHEDULE")))


def scan_seconds() -> float:
    """How often the scan looks for what the hints missed."""
    return float(_get("SHARECORE_SCAN_SECONDS"))


def rescan_seconds() -> float:
    """How often every datum of a share is compared with what was sent."""
    return float(_get("SHARECORE_RESCAN_SECONDS"))


def lease_seconds() -> float:
    """How long a claim of a share lasts without being renewed."""
    return float(_get("SHARECORE_LEASE_SECONDS"))


def call_seconds() -> float:
    """How long a call of an adapter may say nothing before it is given up."""
    return float(_get("SHARECORE_CALL_SECONDS"))


def keep_delivered_days() -> float:
    """How long it is kept what a destination answered, and how it was tried, after a delivery."""
    return float(_get("SHARECORE_KEEP_DELIVERED_DAYS"))


def keep_attempts_days() -> float:
    """How long single attempts are kept, whatever became of them."""
    return float(_get("SHARECORE_KEEP_ATTEMPTS_DAYS"))


def tom_name() -> str:
    """The display name of this TOM."""
    return str(getattr(settings, "TOM_NAME", "") or "TOM")
