"""Ask destinations for their topics now and then in a worker, so that forms only read the database."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from sharecore.adapter import Topic
from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError
from tom_integration import clock, site
from tom_integration.models import DestinationHealth

logger = logging.getLogger(__name__)

FRESH = timedelta(minutes=10)
"""The time after which a destination is asked again."""


def stale() -> list[Destination]:
    """Return the destinations that are to be asked now."""
    now = clock.now()
    # A time in the future was written by a clock that was wrong.
    asked = DestinationHealth.objects.filter(topics_at__gt=now - FRESH, topics_at__lte=now)
    fresh = set(asked.values_list("destination", flat=True))
    # Each person may see other topics: 'USER_TOPICS' names those of a destination with personal keys.
    return [each for name, each in site.destinations().items() if name not in fresh and not each.personal]


def ask(destination: Destination) -> None:
    """Ask a destination for its topics and store them; keep the former ones when it does not answer."""
    now = clock.now()
    row, _ = DestinationHealth.objects.get_or_create(destination=destination.name, topic=None)
    noted = DestinationHealth.objects.filter(pk=row.pk)
    try:
        topics = site.adapters.get(destination).topics()
    except (ConfigurationError, DeliveryError) as error:
        logger.warning("%s did not tell its topics: %s", destination.name, error)
        noted.update(topics_at=now)
        return
    noted.update(topics_at=now, topics=[{"name": each.name, "note": each.note} for each in topics])


def offered(destination: Destination) -> tuple[Topic, ...]:
    """Return the topics that a share can name, from the destination or else from the settings."""
    row = DestinationHealth.objects.filter(destination=destination.name, topic=None).first()
    if row is not None and row.topics:
        return tuple(Topic(name=each["name"], note=each["note"]) for each in row.topics)
    return tuple(Topic(name=name) for name in destination.user_topics)


def choices() -> Iterable[tuple[str, str | tuple[tuple[str, str], ...]]]:
    """Yield the choices of a form field, in the shape of tomtoolkit's `get_sharing_destination_options`.

    A destination that takes reports alone is none.
    """
    for name, destination in site.destinations().items():
        if site.refusal_of_records(name):
            continue
        topics = tuple((str(Address(name, each.name)), each.name) for each in offered(destination))
        yield (destination.display_name, topics) if topics else (name, destination.display_name)
