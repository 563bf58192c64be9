"""The sweep finds what the hints missed: at start, every half minute, and all shares in rotation."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from tom_integration import conf, site
from tom_integration.data.rows import DATUM_MODELS
from tom_integration.models import Channel
from tom_integration.promises import channels, revisions
from tom_integration.promises.difference import behind

OVERLAP = 1000
"""Primary keys below the highest seen that are read again: rows are committed out of order."""
ROTATION = 500
"""Channels compared with their data in full in one sweep."""
SCRUB_ROWS = 2000
"""Rows whose content is compared in one sweep."""


class Sweep:
    """Remembers, for one worker, how far it has read."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def channels(self) -> list[int]:
        """The channels that have work now; those that are new to the app are matched first."""
        channels.match_shares()
        first = not self._highest
        found = set(self.waiting())
        found.update(self._fresh())
        found.update(behind(None if first else self._rotation()))
        return sorted(found)

    @staticmethod
    def waiting() -> list[int]:
        """Channels with a mark, with something whose time has come, or left by a sender that is gone."""
        now = timezone.now()
        work = Q(due=True) | Q(next_at__lte=now) | Q(lease_until__lte=now)
        free = Q(lease="") | Q(lease_until__lte=now)
        return list(Channel.objects.filter(work, free).values_list("pk", flat=True))

    def _fresh(self) -> set[int]:
        """Shared targets that have rows above the highest primary key seen so far, less an overlap."""
        targets: set[int] = set()
        for name, model in DATUM_MODELS.items():
            rows = model._default_manager.all()
            seen = self._highest.get(name)
            if seen is not None:
                fresh = rows.filter(pk__gt=seen - OVERLAP).order_by()
                targets.update(fresh.values_list("target_id", flat=True).distinct())
            self._highest[name] = rows.aggregate(highest=Max("pk"))["highest"] or 0
        candidates = Channel.objects.filter(share_id__isnull=False, target_id__in=targets)
        pks = list(candidates.values_list("pk", flat=True))
        return set(behind(pks)) if pks else set()

    @staticmethod
    def _rotation() -> list[int]:
        """The channels that were not compared with their data for the longest time."""
        shared = Channel.objects.filter(share_id__isnull=False).order_by("swept_at")
        pks = list(shared.values_list("pk", flat=True)[:ROTATION])
        if len(pks) == ROTATION:  # else all are compared each time, and nobody waits for a turn
            Channel.objects.filter(pk__in=pks).update(swept_at=timezone.now())
        return pks

    def scrub(self) -> None:
        """Compare the content of some rows with what was sent: all in `SHARECORE_SCRUB_SECONDS`."""
        now = timezone.now()
        before = now - timedelta(seconds=conf.scrub_seconds())
        old = Q(scrubbed_at__isnull=True, created__lte=before) | Q(scrubbed_at__lte=before)
        channel = Channel.objects.filter(old).order_by("scrubbed_at", "pk").first()
        if channel is None:
            return
        # How far it is stands in the ledger: a worker that runs from cron lives for one portion only.
        after = revisions.scrub(
            channel, origin=site.origin(), now=now, after=channel.scrubbed_to, limit=SCRUB_ROWS
        )
        finished = {} if after else {"scrubbed_at": now, "due": True}
        Channel.objects.filter(pk=channel.pk).update(scrubbed_to=after, **finished)
