"""The scan finds what the hints missed: at start, every half minute, and all shares in rotation."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Max, Q

from tom_integration import clock, conf, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Outbox, ScanPosition
from tom_integration.outbox import changes, opening
from tom_integration.outbox.backlog import behind
from tom_integration.worker import leases, probe, resume

OVERLAP = 1000
"""Primary keys below the highest seen that are read again: rows are committed out of order."""
ROTATION = 20_000
"""Rows of each model that one scan compares with the ledger, whatever their age."""
MATCHING_SECONDS = 0.5
"""How long shares that were made in bulk are attached before something else has its turn."""
RESCAN_ROWS = 2000
"""Rows whose content is compared in one scan."""


class Scan:
    """How far it has read stands in the ledger: a worker that runs from cron lives for one scan only.

    more_shares: whether shares that were made in bulk are still to be attached, see `match`.
    """

    def __init__(self) -> None:
        self.more_shares = False
        self._began = False

    def outboxes(self) -> list[int]:
        """The outboxes that have work now; shares that are new to the app are matched first."""
        self.match()
        if not self._began:
            resume.after_a_change()  # settings are those of a process, from its start
            self._began = True
        return sorted({*self.waiting(), *self._behind()})

    def match(self) -> None:
        """Attach some of the shares that were made in bulk."""
        self.more_shares = not opening.match_shares(seconds=MATCHING_SECONDS)

    @staticmethod
    def waiting() -> list[int]:
        """Outboxes with a mark, with something whose time has come, or left by a sender that is gone.

        What is further away than any time that is set now was set by a clock that was wrong. Of those that
        wait for a destination that is down it is one, when that is to be tried.
        """
        now = clock.now()
        over = Q(lease_until__lte=now) | Q(lease_until__gt=leases.too_far(now))
        work = (
            Q(look_now=True)
            | Q(next_at__lte=now)
            | Q(next_at__gt=now + conf.settings().retry_policy.longest)
            | over
        )
        free = Q(lease="") | over
        return [*Outbox.objects.filter(work, free).values_list("pk", flat=True), *probe.outboxes()]

    @staticmethod
    def _behind() -> list[int]:
        """Outboxes that lack new data, or some of those compared in rotation. Each gets a mark."""
        known = ScanPosition.objects.in_bulk(field_name="model")
        moved: list[ScanPosition] = []
        found: set[int] = set()
        for name, model in DATUM_MODELS.items():
            rows = model._default_manager.order_by("pk")
            before = known.get(name) or ScanPosition(model=name)
            newest = rows.aggregate(highest=Max("pk"))["highest"] or 0
            portion = rows.filter(pk__gt=before.compared_to).values_list("pk", flat=True)
            end = next(iter(portion[ROTATION - 1 : ROTATION]), None)
            found.update(behind({name: (before.compared_to, end or newest)}))
            if end or before.compared_to:  # else all were compared, the new ones, too
                found.update(behind({name: (min(before.newest, newest) - OVERLAP, newest)}))
            after = ScanPosition(model=name, newest=newest, compared_to=end or 0)
            if (after.newest, after.compared_to) != (before.newest, before.compared_to):
                moved.append(after)
        # First the marks: whoever stops here has forgotten nothing.
        if found:
            Outbox.objects.filter(pk__in=found, look_now=False).update(look_now=True)
        if moved:
            ScanPosition.objects.bulk_create(
                moved,
                update_conflicts=True,
                unique_fields=["model"],
                update_fields=["newest", "compared_to"],
            )
        return sorted(found)

    def rescan(self) -> None:
        """Compare the content of some rows with what was sent: all in `SHARECORE_RESCAN_SECONDS`."""
        now = clock.now()
        before = now - timedelta(seconds=conf.settings().rescan_seconds)
        old = Q(rescanned_at__isnull=True, created__lte=before) | Q(rescanned_at__lte=before)
        outbox = Outbox.objects.filter(old).order_by("rescanned_at", "pk").first()
        if outbox is None:
            return
        # How far it is stands in the ledger: a worker that runs from cron lives for one portion only.
        after = changes.rescan(
            outbox, origin=site.origin(), now=now, after=outbox.rescanned_to, limit=RESCAN_ROWS
        )
        finished = {} if after else {"rescanned_at": now, "look_now": True}
        Outbox.objects.filter(pk=outbox.pk).update(rescanned_to=after, **finished)
