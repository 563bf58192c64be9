"""What a browser sent, before anything is believed of it."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest


def pk(text: str) -> int | None:
    """A primary key; None for what no row of any database can have."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def pks(texts: Iterable[str]) -> list[int]:
    """Those of these that are primary keys."""
    return [found for found in map(pk, texts) if found is not None]


def has_nul(request: HttpRequest) -> bool:
    """Is there a NUL in its fields? No person types one, and PostgreSQL cannot even look for one."""
    fields = [*request.GET.lists(), *request.POST.lists()]
    return any("\0" in text for name, texts in fields for text in (name, *texts))
