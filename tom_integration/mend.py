"""What a person does when something is wrong: ask a destination, try again."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from sharecore.delivery import REPLAYABLE, State
from sharecore.destinations import Destination
from sharecore.exceptions import Problem
from tom_integration import site
from tom_integration.models import Channel, Delivery, DestinationHealth


def check(destination: Destination) -> Sequence[Problem]:
    """Ask a destination whether it would take our data; when it would, a pause ends."""
    problems = site.adapters.get(destination).check()
    if not any(problem.fatal for problem in problems):
        paused = DestinationHealth.objects.filter(address=destination.name)
        paused.update(paused="", failures=0, open_until=None)
        _wake(Channel.objects.filter(destination=destination.name).values_list("pk", flat=True))
        topics = Channel.objects.filter(destination__startswith=f"{destination.name}:")
        _wake(topics.values_list("pk", flat=True))
    return problems


def retry(share_id: int | None = None) -> int:
    """Try again what was refused, withheld, unsupported or given up; how many records.

    share_id: those of one share; of all when None. Raises LookupError when there is no such share.
    """
    channels = Channel.objects.all() if share_id is None else Channel.objects.filter(share_id=share_id)
    chosen = list(channels)
    if share_id is not None and not chosen:
        raise LookupError(f"There is no share {share_id}; `manage.py sharing status` lists them.")
    number = 0
    for channel in chosen:
        rows = Delivery.objects.filter(destination=channel.destination, target_id=channel.target_id)
        replayed = rows.filter(state__in=REPLAYABLE - {State.CANCELLED})
        number += replayed.update(state=State.DUE, failures=0, next_at=timezone.now(), reason="", field="")
    _wake(channel.pk for channel in chosen)
    return number


def _wake(channel_ids: object) -> None:
    Channel.objects.filter(pk__in=list(channel_ids)).update(due=True, next_at=None)  # type: ignore[call-overload]
