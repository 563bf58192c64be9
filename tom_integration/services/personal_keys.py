"""Give, remove and test the key of a person; only the person may, and nobody ever sees it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, Problem
from sharecore.secrets import register
from tom_integration import clock, site
from tom_integration.models import Activity, PersonalKey
from tom_integration.outbox import activity
from tom_integration.worker import end_waits, key_refusals

SHORTEST = 16
"""Characters of a key at the least. Every text that repeats a key is hidden, so a key must be no word."""


def read(destination: Destination, values: Mapping[str, str]) -> dict[str, str]:
    """Return what a person gave for a destination, by setting; from then on no text shows it.

    Raises:
        ConfigurationError: a key is too short.
    """
    given = {key: values.get(key, "").strip() for key in destination.personal}
    secret = {key: each.label for key, each in destination.personal.items() if each.secret}
    what, hint = f"must have {SHORTEST} characters or more, and a digit", "Copy the whole key."
    if short := [label for key, label in secret.items() if not _is_key(given[key])]:
        raise ConfigurationError([Problem(where=each, what=f"{each!r} {what}", hint=hint) for each in short])
    for key in secret:
        register(given[key])
    return given


def give(user: Any, destination: Destination, values: Mapping[str, str]) -> bool:
    """Store the key of a user, in place of an earlier one, and make due at once what waited for it.

    Return True when something waited.

    Raises:
        ConfigurationError: a key is too short, or the plugin refuses the values; the problems name fields.
    """
    given = read(destination, values)
    destination.for_user(given, person=str(user.pk))
    PersonalKey.objects.update_or_create(
        user=user,
        destination=destination.name,
        defaults={"secret": json.dumps(given), "changed_at": clock.now()},
    )
    activity.of_destination(Activity.What.KEY_GIVEN, Address(destination.name), by=user)
    key_refusals.end(destination.name, user.pk)
    return end_waits.of_person(destination.name, user.pk)


def remove(user: Any, destination: str) -> bool:
    """Delete the key of a user; return False when there was none. Records that wait go on waiting."""
    deleted, _ = PersonalKey.objects.filter(user=user, destination=destination).delete()
    if deleted:
        site.adapters.close(destination)
        activity.of_destination(Activity.What.KEY_REMOVED, Address(destination), by=user)
        key_refusals.end(destination, user.pk)
        end_waits.of_person(destination, user.pk)
    return bool(deleted)


def _is_key(value: str) -> bool:
    return len(value) >= SHORTEST and any(each.isdigit() for each in value)
