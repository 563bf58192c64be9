"""Store which keys of people a destination refuses: each pauses the records of that person alone."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import AuthenticationFailed
from sharecore.texts import one_line
from tom_integration import clock, personal_keys, signals, site
from tom_integration.models import Activity, KeyRefusal
from tom_integration.outbox import activity
from tom_integration.signals import Event


def refusal(address: Address, destination: Destination) -> str:
    """Return why the key of a person is refused at an address, in a sentence; empty when it is not.

    Args:
        address: the destination and topic.
        destination: the destination as the person reaches it.
    """
    if not destination.person:
        return ""
    digest = site.credentials_digest(destination)
    row = _at(address, int(destination.person)).filter(credentials=digest).first()
    return "" if row is None else sentence(row)


def of_person(destination: Destination, user_id: int) -> list[KeyRefusal]:
    """Return the refusals of the key that a person has now; none for a key that has changed since."""
    rows = list(KeyRefusal.objects.filter(user_id=user_id, destination=destination.name).order_by("pk"))
    digest = _digest_now(destination, user_id) if rows else ""
    return [row for row in rows if row.credentials == digest]


def sentence(row: KeyRefusal) -> str:
    """Return a refusal in a sentence for people."""
    there = site.label(str(Address(row.destination, row.topic or "")))
    return f"{there} refuses the key of {personal_keys.name_of(row.user_id)}: {row.reason}"


def refuse(address: Address, destination: Destination, error: AuthenticationFailed) -> str:
    """Note that a key was refused, and return that in a sentence; empty when it was replaced since."""
    user_id, topic = int(destination.person), address.topic if error.topic_only else None
    reason = one_line(error.reason)
    digest = site.credentials_digest(destination)
    columns = {"credentials": digest, "reason": reason, "since": clock.now()}
    known = site.destinations().get(destination.name, destination)
    if digest != _digest_now(known, user_id):
        return ""
    row, new = KeyRefusal.objects.get_or_create(
        user_id=user_id, destination=address.name, topic=topic, defaults=columns
    )
    if new or (row.credentials, row.reason) != (digest, reason):
        KeyRefusal.objects.filter(pk=row.pk).update(**columns)
        there = Address(address.name, topic or "")
        detail = f"it refuses the key of {personal_keys.name_of(user_id)}: {reason}"
        activity.of_destination(Activity.What.PAUSED, there, detail=detail)
        signals.of_destination(Event.KEY_REFUSED, str(there), detail)
        row.reason = reason
    return sentence(row)


def accepted(address: Address, destination: Destination) -> None:
    """End the refusals of the key of a person, after a call that went through."""
    if destination.person and (rows := _at(address, int(destination.person))).exists():
        rows.delete()  # Look first: most calls find none, and each write of SQLite makes others wait.


def end(destination: str, user_id: int) -> None:
    """End all refusals of the key of a person at a destination."""
    KeyRefusal.objects.filter(user_id=user_id, destination=destination).delete()


def _digest_now(destination: Destination, user_id: int) -> str:
    """Return the digest of the key that a person has now; empty when there is none."""
    try:
        return site.credentials_digest(personal_keys.with_key_of(destination, user_id))
    except personal_keys.NoKey:
        return ""


def _at(address: Address, user_id: int) -> QuerySet[KeyRefusal]:
    both = Q(topic=None) | Q(topic=address.topic)
    return KeyRefusal.objects.filter(both, user_id=user_id, destination=address.name)
