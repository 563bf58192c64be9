"""Keep credentials out of Django's error pages and error mails."""

from __future__ import annotations

from contextlib import suppress
from pprint import pformat
from typing import Any

from django.conf import global_settings, settings
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import (
    ExceptionReporter,
    SafeExceptionReporterFilter,
    get_default_exception_reporter_filter,
)

from sharecore.secrets import hide_secrets, repeats_secret
from tom_integration import site

SETTING = "DEFAULT_EXCEPTION_REPORTER_FILTER"
_REPORTER = "DEFAULT_EXCEPTION_REPORTER"
_WHOLE = frozenset({"DATA_SHARING", "HERMES_CONFIGURATION"})
"""Settings that are hidden as a whole."""


class SecretsFilter(SafeExceptionReporterFilter):
    """Hide what Django's filter hides, `DATA_SHARING`, and all values that repeat a credential.

    A TOM with a filter of its own derives it from this one.
    """

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Hide a setting, a value of `request.META`, or one inside these, if it is not safe."""
        if key in _WHOLE or _unsafe(value):
            return self.cleansed_substitute
        return super().cleanse_setting(key, value)

    def get_safe_settings(self) -> dict[str, Any]:
        with suppress(Exception):
            site.destinations()  # so that their credentials are known
        return super().get_safe_settings()

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        """Return the variables of one frame of a traceback, with unsafe values hidden."""
        with suppress(Exception):
            site.destinations()
        return [
            (name, self.cleansed_substitute if _unsafe(value) else value)
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        ]


class SecretsReporter(ExceptionReporter):
    """Write a report in which no line repeats a credential, the message of the exception included."""

    def get_traceback_html(self) -> SafeString:
        """Return the error page, which is also the HTML part of a mail."""
        return _clean(super().get_traceback_html())

    def get_traceback_text(self) -> SafeString:
        """Return the report as text."""
        return _clean(super().get_traceback_text())


def install() -> None:
    """Set Django's filter and reporter to these, unless the TOM has its own."""
    for setting, ours in ((SETTING, SecretsFilter), (_REPORTER, SecretsReporter)):
        if getattr(settings, setting) == getattr(global_settings, setting):
            setattr(settings, setting, f"{ours.__module__}.{ours.__qualname__}")
    get_default_exception_reporter_filter.cache_clear()  # type: ignore[attr-defined]


def is_installed() -> bool:
    """Return True when reports go through the filter, or one that derives from it."""
    return issubclass(import_string(getattr(settings, SETTING)), SecretsFilter)


def _unsafe(value: object) -> bool:
    try:
        return repeats_secret(pformat(value))
    except Exception:
        return False  # Django shows an error in place of such a value.


def _clean(report: str) -> SafeString:
    return mark_safe("\n".join(map(hide_secrets, report.split("\n"))))  # noqa: S308 - Django has escaped it
