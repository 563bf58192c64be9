"""Read values of forms that are not validated."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime


class InUtc(forms.DateTimeField):
    """Read a time that a database can hold."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the time in UTC; a ValidationError before the year 1 and after 9999 in UTC."""
        try:
            read: datetime | None = super().to_python(value)
            return read and read.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


def pk(text: str) -> int | None:
    """Return a primary key, or None for a text that cannot be one."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def pks(texts: Iterable[str]) -> list[int]:
    """Return the texts that are primary keys."""
    return [found for found in map(pk, texts) if found is not None]


def moment(text: str) -> datetime | None:
    """Return a time with a time zone in UTC, or None for another text."""
    try:
        read = parse_datetime(text)
        return read.astimezone(UTC) if read is not None and read.tzinfo is not None else None
    except (ValueError, OverflowError):  # OverflowError: before the year 1 or after 9999 in UTC
        return None


def day(text: str, *, end: bool = False) -> datetime | None:
    """Return the start of a day in UTC, or its end, which is the start of the next; None for another text."""
    try:
        start = datetime.combine(date.fromisoformat(text), time(), UTC)
        return start + timedelta(days=1) if end else start
    except (ValueError, OverflowError):  # OverflowError: after the year 9999
        return None


def has_nul(request: HttpRequest) -> bool:
    """Return True when a field has a NUL: no person types one, and PostgreSQL fails on it."""
    fields = [*request.GET.lists(), *request.POST.lists()]
    return any("\0" in text for name, texts in fields for text in (name, *texts))
