"""End waits: a destination is back, a person has corrected a setting, or the site starts anew.

Each takes a fixed number of statements for any number of shares. The worker finds their marks in a second.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from sharecore import delivery
from sharecore.addresses import Address
from sharecore.delivery import State
from tom_integration import clock, conf, site
from tom_integration.models import Activity, Delivery, DestinationHealth, OneTimeShare, Outbox
from tom_integration.outbox import activity, transitions

_A_TRY = timedelta(seconds=60)
"""The time after a try in which the start of a process does not bring the next try forward."""
_LEASED = ~Q(lease="")
"""Select the outboxes at which a worker is at work: it may be about to wait for what has just ended."""


def waiting(destination: str) -> None:
    """Mark the outboxes that wait for a destination, since it is back."""
    waits = Q(next_at__isnull=False) | _LEASED
    Outbox.objects.filter(waits, destination=destination, look_now=False).update(look_now=True)


def at_once(destination: str) -> None:
    """Make everything for a destination due now, with all its tries, since a person has corrected it."""
    now = clock.now()
    transitions.apply(_put_off().filter(destination=destination), delivery.hurry(now=now))
    waits = Q(next_at__isnull=False) | ~Q(problem="") | _LEASED
    Outbox.objects.filter(waits, destination=destination, look_now=False).update(look_now=True)


def of_person(destination: str, user_id: int) -> bool:
    """Make everything of a person for a destination due now, since the key of that person has changed.

    Return True when something waited.
    """
    shares = OneTimeShare.objects.filter(user_id=user_id, outbox__destination=destination)
    mine = Q(one_time_share__in=shares.values("pk")) | Q(one_time_share=None, outbox__creator_id=user_id)
    put_off = _put_off().filter(pk__in=_put_off().filter(mine, destination=destination).values("pk"))
    hurried = transitions.apply(put_off, delivery.hurry(now=clock.now()))
    theirs = Q(creator_id=user_id) | Q(pk__in=shares.values("outbox"))
    waits = Q(next_at__isnull=False) | ~Q(problem="") | _LEASED
    found = Outbox.objects.filter(theirs, waits, destination=destination, look_now=False)
    return bool(found.update(look_now=True) or hurried)


def after_a_change() -> None:
    """Mark outboxes that wait, or have records that are withheld or to approve, after a change of settings or
    plugins.
    """
    kept = Delivery.objects.filter(
        outbox=OuterRef("pk"), state__in=(State.WITHHELD, State.UNSUPPORTED, State.TO_APPROVE)
    )
    known = Outbox.objects.exclude(settings_digest="").order_by("destination")
    for name in known.values_list("destination", flat=True).distinct():
        if (destination := site.destinations().get(name)) is None:
            continue
        others = known.filter(destination=name).exclude(settings_digest=site.settings_digest(destination))
        if others.exists():  # An UPDATE of no rows locks SQLite all the same.
            # A share with a filter may have data that were kept, and go now.
            waits = Q(next_at__isnull=False) | ~Q(existing_to={}) | Exists(kept)
            others.filter(waits, look_now=False).update(look_now=True)
    Outbox.objects.filter(needs_person=True, next_at__isnull=False, look_now=False).update(look_now=True)


def note_changes() -> None:
    """Write which destinations in use have other settings than at the last start."""
    for row in DestinationHealth.objects.filter(topic=None):
        destination = site.destinations().get(row.destination)
        if destination is None or (digest := site.destination_digest(destination)) == row.settings_digest:
            continue
        known = DestinationHealth.objects.filter(pk=row.pk, settings_digest=row.settings_digest)
        if known.update(settings_digest=digest) and row.settings_digest:
            activity.of_destination(Activity.What.SETTINGS_CHANGED, Address(row.destination))


def after_a_start() -> None:
    """Make records due that were put off, without the loss of a try, since a delivering process starts."""
    now = clock.now()
    for row in DestinationHealth.objects.filter(open_until__gt=now):
        known = DestinationHealth.objects.filter(pk=row.pk, open_until=row.open_until)
        known.update(open_until=row.health.resumed(now, failed_at=row.last_error_at).open_until)
    quiet = Q(sent_at__isnull=True) | Q(sent_at__lt=now - _A_TRY)
    transitions.apply(_put_off().filter(quiet), delivery.restart(now=now))
    later = now + timedelta(seconds=conf.settings().scan_seconds)
    Outbox.objects.filter(next_at__gt=later, look_now=False).update(look_now=True)


def _put_off() -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=State.PENDING, failures__gt=0, next_at__gt=clock.now())
