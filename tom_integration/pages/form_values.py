"""Read values of forms that are not validated."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest


def pk(text: str) -> int | None:
    """Return a primary key, or None for a text that cannot be one."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def pks(texts: Iterable[str]) -> list[int]:
    """Return the texts that are primary keys."""
    return [found for found in map(pk, texts) if found is not None]


def has_nul(request: HttpRequest) -> bool:
    """Return True when a field has a NUL: no person types one, and PostgreSQL fails on it."""
    fields = [*request.GET.lists(), *request.POST.lists()]
    return any("\0" in text for name, texts in fields for text in (name, *texts))
