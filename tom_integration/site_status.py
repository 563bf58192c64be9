"""Find out whether somebody delivers, and what the settings lack, for commands, checks and pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Exists, OuterRef, QuerySet
from tom_targets.models import PersistentShare

from sharecore.addresses import Address
from sharecore.delivery import OPEN
from sharecore.exceptions import Problem
from tom_integration import clock, conf, site
from tom_integration.models import Delivery, Outbox, Worker
from tom_integration.outbox.backlog import unseen


def alive() -> QuerySet[Worker]:
    """Return the processes that deliver, by their heartbeats."""
    now, rest = clock.now(), timedelta(seconds=3 * conf.settings().scan_seconds + 30)
    return Worker.objects.filter(seen__range=(now - rest, now + rest)).order_by("name")


def workers() -> tuple[str, ...]:
    """Return the names of the processes that deliver."""
    return tuple(str(each) for each in alive())


def nobody_delivers() -> str:
    """Return what to do when there is work and no worker; empty when all is well."""
    try:
        idle = bool(workers()) or not (
            Outbox.objects.filter(look_now=True).exists()
            or Outbox.objects.filter(Exists(opened())).exists()
            or unseen()  # A save outside of a server leaves no mark with the default runner.
        )
    except DatabaseError:
        return ""  # The tables do not exist yet, which Django reports itself.
    if idle:
        return ""
    return site.halted() or how_to_deliver()


def how_to_deliver() -> str:
    """Return how to start a worker of this TOM."""
    if conf.settings().runner == "thread":
        return "Start the web server and open a page of the TOM, or run `manage.py sharing deliver`."
    if conf.settings().runner == "celery":
        return "Start a worker and the beat of the TOM's Celery app, or run `manage.py sharing deliver`."
    return "Run `manage.py sharing deliver`, or `manage.py sharing deliver --once` from cron."


def opened() -> QuerySet[Delivery]:
    """Return the open deliveries of an outbox: an index has them by outbox, and none has them all."""
    return Delivery.objects.filter(outbox=OuterRef("pk"), state__in=OPEN)


def oldest() -> QuerySet[Delivery, Any]:
    """Return since when the oldest record of an outbox waits that never arrived.

    An edit of a datum that arrived long ago does not wait since then.
    """
    return opened().filter(delivered_at__isnull=True).order_by("created").values("created")[:1]


def without_destination() -> list[Problem]:
    """Return a problem for each address of shares whose destination `DATA_SHARING` does not have."""
    known = {*site.destinations(), *site.destinations().broken}
    shares = PersistentShare.objects.values_list("destination").annotate(number=Count("pk")).order_by()
    try:
        lost = {text: number for text, number in shares if not {text, Address.parse(text).name} & known}
    except DatabaseError:
        return []  # The tables do not exist yet, which Django reports itself.
    return [
        Problem(
            where="DATA_SHARING",
            what=f"has no destination {text!r}, to which {number:,} share{'s go' if number > 1 else ' goes'}",
            hint="Add it again, move the shares to another destination, or delete them. Their data wait.",
        )
        for text, number in sorted(lost.items())
    ]
