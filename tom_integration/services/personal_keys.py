"""Give, remove and test the key of a person; only the person may, and nobody ever sees it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.addresses import Address
from sharecore.data_sharing import Destination
from tom_integration import clock, site
from tom_integration.models import Activity, PersonalKey
from tom_integration.outbox import activity
from tom_integration.worker import end_waits, key_refusals


def give(user: Any, destination: Destination, values: Mapping[str, str]) -> None:
    """Store the key of a user, in place of an earlier one, and make due at once what waited for it.

    Raises:
        ConfigurationError: the plugin refuses the values; the problems name the fields.
    """
    given = {key: values.get(key, "").strip() for key in destination.personal}
    destination.for_user(given, person=str(user.pk))
    PersonalKey.objects.update_or_create(
        user=user,
        destination=destination.name,
        defaults={"secret": json.dumps(given), "changed_at": clock.now()},
    )
    activity.of_destination(Activity.What.KEY_GIVEN, Address(destination.name), by=user)
    key_refusals.end(destination.name, user.pk)
    end_waits.of_person(destination.name, user.pk)


def remove(user: Any, destination: str) -> bool:
    """Delete the key of a user; return False when there was none. Records that wait go on waiting."""
    deleted, _ = PersonalKey.objects.filter(user=user, destination=destination).delete()
    if deleted:
        site.adapters.close(destination)
        activity.of_destination(Activity.What.KEY_REMOVED, Address(destination), by=user)
        key_refusals.end(destination, user.pk)
        end_waits.of_person(destination, user.pk)
    return bool(deleted)
