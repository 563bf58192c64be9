"""Read the settings of the app as one value."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.signals import setting_changed
from django.core.validators import validate_email

from sharecore import discovery
from sharecore.exceptions import Problem
from sharecore.guarded_calls import CALL_SECONDS
from sharecore.retry_schedule import DEFAULT_SCHEDULE, RetryPolicy

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


def _is_minutes(value: object) -> bool:
    return _is_seconds(value) and value <= 525_600  # type: ignore[operator]  # a year


def _is_recipient(value: object) -> bool:
    """Return True for an e-mail address, or a name without @, which may be that of a destination."""
    if isinstance(value, str) and value and names_destination(value):
        return True
    try:
        validate_email(value if isinstance(value, str) else None)
    except ValidationError:
        return False
    return True


def _is_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    return value == "" or (whole and not (parts.query or parts.fragment or parts.username))


_are_names = _is_list_of(lambda value: isinstance(value, str))


def _setting(default: Any, rule: str, valid: Callable[[Any], bool]) -> Any:
    """Return a field for a setting, with a rule in words and a function that checks a value by it."""
    return field(default=default, metadata={"rule": rule, "valid": valid})


_SECONDS = ("a number of seconds above zero", _is_seconds)
_DAYS = ("a number of days above zero", _is_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold a field for each `SHARECORE_...` in `settings.py`, with the default in place of invalid values."""

    runner: str = _setting("thread", f"one of {', '.join(RUNNERS)}", lambda value: value in RUNNERS)
    """The runner that wakes the worker."""
    paused: bool = _setting(False, "True or False", lambda value: isinstance(value, bool))
    """True to stop all sending, as the environment variable of this name does as well."""
    blocked_plugins: Sequence[str] = _setting((), "a list of plugin names", _are_names)
    """Plugins that must not be loaded; those of the environment variable of this name as well."""
    required_plugins: Sequence[str] = _setting((), "a list of plugin names", _are_names)
    """Plugins without which nothing is sent."""
    retry_schedule: Sequence[float] = _setting(
        DEFAULT_SCHEDULE, "a list of seconds, each above zero", _is_list_of(_is_seconds)
    )
    """The waits between the tries of one record."""
    scan_seconds: float = _setting(30.0, *_SECONDS)
    """The time between two scans for data that no hint announced."""
    rescan_seconds: float = _setting(86400.0, *_SECONDS)
    """The time in which every datum of a share is compared with what was sent."""
    lease_seconds: float = _setting(60.0, *_SECONDS)
    """The time after which a lease of an outbox ends unless it is renewed."""
    call_seconds: float = _setting(CALL_SECONDS, *_SECONDS)
    """The time after which a call of an adapter without a sign of life is given up."""
    own_sources: Sequence[str] = _setting((), "a list of names of sources", _are_names)
    """Further sources (`source_name`) whose data are this TOM's own."""
    keep_delivered_days: float = _setting(90.0, *_DAYS)
    """The time for which the answers and attempts of a delivery are kept after it."""
    keep_attempts_days: float = _setting(30.0, *_DAYS)
    """The time for which single attempts are kept, with any outcome."""
    keep_exchanges: bool = _setting(True, "True or False", lambda value: isinstance(value, bool))
    """True to keep what each call sent and was answered, as long as its attempts."""
    keep_activity_days: float = _setting(730.0, *_DAYS)
    """The time for which it is kept who did what with shares, rules and destinations."""

    notify: Sequence[str] = _setting(
        (), "a list of e-mail addresses and names of destinations", _is_list_of(_is_recipient)
    )
    """The operators who are told of every trouble by mail, and the chats; see `tom_integration.notices`."""
    notify_after_minutes: float = _setting(60.0, "a number of minutes above zero, up to a year", _is_minutes)
    """The time for which a destination does not answer until a mail says so."""
    site_url: str = _setting(
        "", "the address of this TOM, as 'https://tom.example.org', without ? and #", _is_url
    )
    """The address of this TOM, for links in mails."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """Return the rule for the times of retries."""
        return RetryPolicy(tuple(self.retry_schedule))


def name_of(setting: Field[Any]) -> str:
    """Return the name of a field in `settings.py`."""
    return f"SHARECORE_{setting.name.upper()}"


def settings() -> Settings:
    """Return the settings, with what the environment adds to them."""
    stopped = os.environ.get(PAUSED_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")
    return _read(stopped, discovery.blocked_plugins(os.environ))


@cache
def _read(stopped: bool, blocked: frozenset[str]) -> Settings:
    given = _given()
    read: dict[str, Any] = {
        each.name: given[each.name] if each.metadata["valid"](given[each.name]) else each.default
        for each in fields(Settings)
    }
    # Any value of this setting shows the wish that nothing leaves, so an invalid one must pause, too.
    read["paused"] = stopped or bool(given["paused"])
    read["blocked_plugins"] = (*read["blocked_plugins"], *blocked)
    # Require an invalid value as if it named a plugin: it is missing, so nothing leaves without the guard.
    required = given["required_plugins"]
    read["required_plugins"] = tuple(required) if _are_names(required) else (str(required),)
    return Settings(**read)


def _on_setting_changed(*, setting: str, **_: object) -> None:
    if setting.startswith("SHARECORE_"):
        _read.cache_clear()


setting_changed.connect(_on_setting_changed, dispatch_uid="sharecore.conf")


def names_destination(recipient: str) -> bool:
    """Return True when an entry of `SHARECORE_NOTIFY` names a destination, such as a chat."""
    return "@" not in recipient


def problems() -> list[Problem]:
    """Return a problem for each invalid setting of the app."""
    given = _given()
    return [
        Problem(where=name_of(each), what=f"is {given[each.name]!r}", hint=f"Give {each.metadata['rule']}.")
        for each in fields(Settings)
        if not each.metadata["valid"](given[each.name])
    ]


def _given() -> dict[str, Any]:
    return {each.name: getattr(django_settings, name_of(each), each.default) for each in fields(Settings)}


def tom_name() -> str:
    """Return the display name of this TOM, which is a setting of tomtoolkit."""
    return str(getattr(django_settings, "TOM_NAME", "") or "TOM")
