"""The sweep finds what the hints missed: at start, every half minute, and all shares in rotation."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import F, Max, Q

from tom_integration import clock, conf, site
from tom_integration.data.rows import DATUM_MODELS
from tom_integration.models import Channel
from tom_integration.promises import channels, revisions
from tom_integration.promises.difference import behind
from tom_integration.sending import claims, resume, trying

OVERLAP = 1000
"""Primary keys below the highest seen that are read again: rows are committed out of order."""
ROTATION = 50
"""Channels compared with their data in full by one query."""
ROTATION_SECONDS = 0.2
"""How long one sweep goes on with that; at least one query is made."""
SCRUB_ROWS = 2000
"""Rows whose content is compared in one sweep."""


class Sweep:
    """Remembers, for one worker, how far it has read."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def channels(self) -> list[int]:
        """The channels that have work now; those that are new to the app are matched first."""
        channels.match_shares()
        if not self._highest:
            resume.after_a_change()  # settings are those of a process, from its start
        found = set(self.waiting())
        if self._highest:
            found.update(behind(above={name: seen - OVERLAP for name, seen in self._look().items()}))
            found.update(self._in_rotation())
        else:
            self._look()
            found.update(behind())
        return sorted(found)

    @staticmethod
    def waiting() -> list[int]:
        """Channels with a mark, with something whose time has come, or left by a sender that is gone.

        What is further away than any time that is set now was set by a clock that was wrong. Of those that
        wait for a destination that is down it is one, when that is to be tried.
        """
        now = clock.now()
        over = Q(lease_until__lte=now) | Q(lease_until__gt=claims.too_far(now))
        work = Q(due=True) | Q(next_at__lte=now) | Q(next_at__gt=now + conf.retry_policy().longest) | over
        free = Q(lease="") | over
        return [*Channel.objects.filter(work, free).values_list("pk", flat=True), *trying.channels()]

    def _look(self) -> dict[str, int]:
        """Note the highest primary keys of now; those that were noted last time."""
        seen = self._highest
        highest = {
            name: model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0
            for name, model in DATUM_MODELS.items()
        }
        self._highest = highest
        return seen

    @staticmethod
    def _in_rotation() -> set[int]:
        """Channels with work among those that were not compared with their data for the longest time.

        Which is to say as many of them as can be compared in a moment.
        """
        shared = Channel.objects.filter(share_id__isnull=False).order_by(
            F("swept_at").asc(nulls_first=True), "pk"
        )
        pks = list(shared.values_list("pk", flat=True))
        found: set[int] = set()
        compared = 0
        began = time.monotonic()
        while compared < len(pks) and (not compared or time.monotonic() - began < ROTATION_SECONDS):
            found.update(behind(pks[compared : compared + ROTATION]))
            compared += ROTATION
        if compared < len(pks):  # else all are compared each time, and nobody waits for a turn
            Channel.objects.filter(pk__in=pks[:compared]).update(swept_at=clock.now())
        return found

    def scrub(self) -> None:
        """Compare the content of some rows with what was sent: all in `SHARECORE_SCRUB_SECONDS`."""
        now = clock.now()
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
