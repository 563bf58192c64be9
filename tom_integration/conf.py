"""The settings of the app as one value. Read anew each time, so that tests can override them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any

from django.conf import settings as django_settings

from sharecore import discovery
from sharecore.discovery import REQUIRED_SETTING
from sharecore.exceptions import Problem
from sharecore.guard import CALL_SECONDS
from sharecore.retry import DEFAULT_SCHEDULE, RetryPolicy

RUNNERS = ("thread", "command", "celery")
PAUSED_VARIABLE = "SHARECORE_PAUSED"


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_days(value: object) -> bool:
    return _is_seconds(value) and value <= 36500  # type: ignore[operator]  # a longer one is no date


def _is_list_of(each: Callable[[object], bool]) -> Callable[[object], bool]:
    def valid(value: object) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(map(each, value))

    return valid


_are_names = _is_list_of(lambda value: isinstance(value, str))


def _setting(default: Any, rule: str, valid: Callable[[Any], bool]) -> Any:
    """A field. rule: what the setting must be, in words; valid: whether a value is that."""
    return field(default=default, metadata={"rule": rule, "valid": valid})


def _seconds(default: float) -> Any:
    return _setting(default, "a number of seconds above zero", _is_seconds)


def _days(default: float) -> Any:
    return _setting(default, "a number of days above zero", _is_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `settings.py` says, a field for each `SHARECORE_...`; the default for what is not valid."""

    runner: str = _setting("thread", f"one of {', '.join(RUNNERS)}", lambda value: value in RUNNERS)
    """Which runner wakes the worker."""
    paused: bool = _setting(False, "True or False", lambda value: isinstance(value, bool))
    """Is all sending stopped? The environment variable of this name stops it as well."""
    blocked_plugins: Sequence[str] = _setting((), "a list of plugin names", _are_names)
    """Plugins that must not be loaded; those of the environment variable of this name as well."""
    required_plugins: Sequence[str] = _setting((), "a list of plugin names", _are_names)
    """Plugins without which nothing is sent."""
    retry_schedule: Sequence[float] = _setting(
        DEFAULT_SCHEDULE, "a list of seconds, each above zero", _is_list_of(_is_seconds)
    )
    """The waits between the tries of one record."""
    scan_seconds: float = _seconds(30.0)
    """How often the scan looks for what nobody announced."""
    rescan_seconds: float = _seconds(86400.0)
    """How often every datum of a share is compared with what was sent."""
    lease_seconds: float = _seconds(60.0)
    """How long a lease of an outbox lasts without being renewed."""
    call_seconds: float = _seconds(CALL_SECONDS)
    """How long a call of an adapter may say nothing before it is given up."""
    keep_delivered_days: float = _days(90.0)
    """How long the answers and attempts of a delivery are kept after it."""
    keep_attempts_days: float = _days(30.0)
    """How long single attempts are kept, whatever became of them."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a record is tried again."""
        return RetryPolicy(tuple(self.retry_schedule))


def name_of(setting: Field[Any]) -> str:
    """The name of a field in `settings.py`."""
    return f"SHARECORE_{setting.name.upper()}"


def settings() -> Settings:
    """Read them, and the environment."""
    given = {each.name: getattr(django_settings, name_of(each), each.default) for each in fields(Settings)}
    read: dict[str, Any] = {
        each.name: given[each.name] if each.metadata["valid"](given[each.name]) else each.default
        for each in fields(Settings)
    }
    stopped = os.environ.get(PAUSED_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")
    # Whoever writes this setting wants nothing to leave: a slip must not let it out.
    read["paused"] = stopped or bool(given["paused"])
    read["blocked_plugins"] = (*read["blocked_plugins"], *discovery.blocked_plugins(os.environ))
    # A guard that is misnamed guards nothing: what is given wrongly is required as it stands, and missing.
    required = getattr(django_settings, REQUIRED_SETTING, ())
    read["required_plugins"] = tuple(required) if _are_names(required) else (str(required),)
    return Settings(**read)


def problems() -> list[Problem]:
    """Every setting of the app that is not as it must be."""
    given = {
        each: getattr(django_settings, name_of(each))
        for each in fields(Settings)
        if hasattr(django_settings, name_of(each))
    }
    return [
        Problem(where=name_of(each), what=f"is {value!r}", hint=f"Give {each.metadata['rule']}.")
        for each, value in given.items()
        if not each.metadata["valid"](value)
    ]


def tom_name() -> str:
    """The display name of this TOM, which is a setting of tomtoolkit."""
    return str(getattr(django_settings, "TOM_NAME", "") or "TOM")
