"""What ends waits: a destination is back, somebody mended something, or the site starts anew.

Each is one statement for any number of shares. The marks that they leave are found within a second.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from sharecore import delivery
from sharecore.delivery import State
from tom_integration import clock, conf, site
from tom_integration.models import Delivery, DestinationHealth, Outbox
from tom_integration.outbox import transitions

_A_TRY = timedelta(seconds=60)
"""A record that was tried within this time is not tried again only because a process starts."""


def waiting(destination: str) -> None:
    """The destination is back: what waits for it is looked at now."""
    waits = Outbox.objects.filter(destination=destination, next_at__isnull=False, look_now=False)
    waits.update(look_now=True)


def at_once(destination: str) -> None:
    """Somebody mended it: everything for it is due now, with all its tries."""
    now = clock.now()
    transitions.apply(_put_off().filter(destination=destination), delivery.hurry(now=now))
    waits = Q(next_at__isnull=False) | ~Q(problem="")
    Outbox.objects.filter(waits, destination=destination, look_now=False).update(look_now=True)


def after_a_change() -> None:
    """Look at what waits, or was kept here, under settings or plugins that are others now."""
    kept = Delivery.objects.filter(outbox=OuterRef("pk"), state__in=(State.WITHHELD, State.UNSUPPORTED))
    known = Outbox.objects.exclude(rules="").order_by("destination")
    for name, rules in known.values_list("destination", "rules").distinct():
        destination = site.destinations().get(name)
        if destination is not None and rules != site.rules_digest(destination):
            changed = Outbox.objects.filter(destination=name, rules=rules, look_now=False)
            changed.filter(Q(next_at__isnull=False) | Exists(kept)).update(look_now=True)
    Outbox.objects.filter(needs_person=True, next_at__isnull=False, look_now=False).update(look_now=True)


def after_a_start() -> None:
    """A process starts that delivers: what was put off is tried now, at the cost of none of its tries."""
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
