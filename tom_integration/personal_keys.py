"""Read the keys of people: destinations with `'CREDENTIALS': 'user'` are reached with those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError
from django.db.models import Q

from sharecore import secrets
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, Problem
from tom_integration import site
from tom_integration.models import PersonalKey

_NOT_READABLE = "the key of {} cannot be read any more, since the SECRET_KEY of this site has changed"


class NoKey(ConfigurationError):
    """Nothing can be sent for a person: there is no key, or none that can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Hold the key of one person for one destination."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The values by setting; empty for a key that cannot be read."""
    given_at: datetime | None = None
    """When the person gave it; None for one that other software of the site has."""
    profile: str = ""
    """The model that has it, for people; empty for one that was given here."""

    @property
    def is_readable(self) -> bool:
        """Return False for a key that cannot be decrypted any more."""
        return bool(self.values)


def wanted(destination: str) -> bool:
    """Return True when each person shares to a destination with their own key."""
    known = site.destinations().get(destination)
    return known is not None and bool(known.personal)


def find(destination: Destination, user_id: int) -> Key | None:
    """Return the key of a person, else the one that other software has; None when there is none."""
    mine = Q(user_id=user_id, destination=destination.name)
    try:
        row = PersonalKey.whole.filter(mine).first()
    except InvalidToken:
        row = PersonalKey.objects.filter(mine).first()
    if row is None:
        return _in_a_profile(destination, user_id)
    return Key(values=_values(row), given_at=row.changed_at)


def is_missing(destination: str, user: Any) -> bool:
    """Return True when a user shares to a destination with their own key, and has none that can be used."""
    known = site.destinations().get(destination)
    if known is None or not known.personal:
        return False
    key = find(known, user.pk)
    return key is None or not key.is_readable


def with_key_of(destination: Destination, user_id: int | None) -> Destination:
    """Return a destination as this person reaches it; one that is the same for all is returned as it is.

    From then on the keys of all people for it are known to what hides credentials.

    Raises:
        NoKey: the person has no key for it that can be used.
    """
    if not destination.personal:
        return destination
    _register_all(destination)
    if user_id is None:
        told = "each person shares there with their own key, and the site has none"
        raise _no_key(destination, told, "A user must adopt the share.")
    # Read it for each call: another process may have replaced or removed it since the last one.
    key = find(destination, user_id)
    if key is None:
        told = f"{name_of(user_id)} has given no key for it"
        raise _no_key(destination, told, "Enter it on the profile page.")
    if not key.is_readable:
        told = _NOT_READABLE.format(name_of(user_id))
        raise _no_key(destination, told, "Enter it again on the profile page.")
    try:
        return destination.for_user(key.values, person=str(user_id))
    except ConfigurationError as error:
        raise NoKey(error.problems) from None


def name_of(user_id: int) -> str:
    """Return the user name of a person."""
    user = get_user_model()._default_manager.filter(pk=user_id).first()
    return user.get_username() if user is not None else "a user who was deleted"


def _no_key(destination: Destination, what: str, hint: str) -> NoKey:
    return NoKey([Problem(where=destination.display_name, what=what, hint=hint)])


def _values(row: PersonalKey) -> dict[str, str]:
    try:
        values = json.loads(row.secret)
    except (InvalidToken, ValueError, TypeError):
        return {}
    except PersonalKey.DoesNotExist:  # It was removed after its row was read.
        return {}
    return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}


def _in_a_profile(destination: Destination, user_id: int) -> Key | None:
    """Return the key that the profile of other software has; None where that is not installed."""
    places = {key: each.profile.rsplit(".", 1) for key, each in destination.personal.items()}
    if not all(len(place) == 2 for place in places.values()):
        return None
    values, model = {}, ""
    for key, (model, column) in places.items():
        try:
            rows: Any = apps.get_model(model)._default_manager.filter(user_id=user_id)
            values[key] = rows.values_list(column, flat=True).first()
        except InvalidToken:
            return Key(profile=model)
        except (LookupError, ValueError, FieldError):
            return None
    if not all(values.values()):
        return None
    return Key(values={key: str(value).strip() for key, value in values.items()}, profile=model)


def _register_all(destination: Destination) -> None:
    """Let all keys for a destination be hidden in texts, since its answer to one person may show any."""
    given = PersonalKey.objects.filter(destination=destination.name).values_list("pk", "changed_at")
    new = [pk for pk, changed_at in given if site.known_keys.get(pk) != changed_at]
    for row in PersonalKey.objects.filter(pk__in=new):
        for key, value in _values(row).items():
            if key in destination.personal and destination.personal[key].secret:
                secrets.register(value)
        site.known_keys[row.pk] = row.changed_at
