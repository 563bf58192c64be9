"""Read arguments that several subcommands take."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db.models import BigIntegerField

from tom_integration.pages import form_values


def moment(text: str) -> datetime:
    """Return a time with a time zone."""
    if found := form_values.moment(text):
        return found
    raise ArgumentTypeError(f"{text!r} must be a time with a time zone, as in 2026-03-01T12:00:00Z")


def delivery(text: str) -> int:
    """Return the number of a delivery."""
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= BigIntegerField.MAX_BIGINT):
        raise ArgumentTypeError(f"{text[:20]!r} must be the number of a delivery, as this command lists it")
    return int(text)


def user(name: str) -> Any:
    """Return the user with this user name; a command does no more than that user may.

    Raises:
        CommandError: there is no such active user.
    """
    users = get_user_model()
    found = users._default_manager.filter(**{users.USERNAME_FIELD: name}, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active user {name!r}; --by names who decides, and needs the rights.")
    return found
