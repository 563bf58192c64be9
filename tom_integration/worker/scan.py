"""Scan for data that the hints missed: at start, every half minute, and all data in rotation."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Q

from tom_integration import clock, conf, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import Outbox, ScanPosition
from tom_integration.outbox import changes, open_outboxes, rules
from tom_integration.outbox.backlog import behind
from tom_integration.worker import end_waits, leases, probe

OVERLAP = 1000
"""Primary keys below the highest seen one that are read again, since rows are committed out of order."""
ROTATION = 20_000
"""Rows of each model that one scan compares with the ledger, whatever their age."""
MATCHING_SECONDS = 0.5
"""Seconds that one look spends on attaching shares that were made in bulk, and on applying rules."""
RESCAN_ROWS = 2000
"""Rows whose content is compared in one scan."""


class Scan:
    """Scan the database, from the position stored there: a worker under cron lives for one scan only."""

    def __init__(self) -> None:
        self.more_shares = False
        """True while shares are still to be attached, or made by a rule, see `match`."""
        self._began = False
        self._rules_since: datetime | None = None

    def outboxes(self) -> list[int]:
        """Return the outboxes that have work now; attach shares that are new to the app first."""
        self._rules_since = clock.now()
        self.match()
        if not self._began:
            # Settings change only with the start of a process.
            end_waits.after_a_change()
            end_waits.note_changes()
            self._began = True
        return sorted({*self.waiting(), *self._behind()})

    def match(self) -> None:
        """Attach some of the shares that were made in bulk, and apply some of the rules."""
        matched = open_outboxes.match_shares(seconds=MATCHING_SECONDS)
        applied = rules.apply_rules(since=self._rules_since, seconds=MATCHING_SECONDS)
        self.more_shares = not (matched and applied)

    def match_if_asked(self) -> None:
        """Go on with what is left to match, or with a rule that was made or changed."""
        if self.more_shares or rules.asked():
            self.match()

    @staticmethod
    def waiting() -> list[int]:
        """Return the outboxes with a mark, with a due time, or with a lease that has ended.

        A time further away than the app sets was set by a clock that was wrong, and counts as due. Add one
        outbox for each destination that is down and due for a try.
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
        """Mark and return the outboxes with a backlog, in the new data and the next portion of all data."""
        known = ScanPosition.objects.in_bulk(field_name="model")
        moved: list[ScanPosition] = []
        found: set[int] = set()
        for name, model in DATUM_MODELS.items():
            rows = model._default_manager.order_by("pk")
            before = known.get(name) or ScanPosition(model=name)
            newest = rows.aggregate(highest=Max("pk"))["highest"] or 0
            end = None
            if newest - before.compared_to > ROTATION:  # else fewer rows are left than a portion
                portion = rows.filter(pk__gt=before.compared_to).values_list("pk", flat=True)
                end = next(iter(portion[ROTATION - 1 : ROTATION]), None)
            if newest > before.compared_to:
                found.update(behind({name: (before.compared_to, end or newest)}))
            if end or before.compared_to:  # else the portion was all data, the new ones included
                found.update(behind({name: (min(before.newest, newest) - OVERLAP, newest)}))
            after = ScanPosition(model=name, newest=newest, compared_to=end or 0)
            if (after.newest, after.compared_to) != (before.newest, before.compared_to):
                moved.append(after)
        # Write the marks before the position: a worker that dies in between forgets nothing.
        if found:
            Outbox.objects.filter(pk__in=found, look_now=False).update(look_now=True)
        if moved:
            changed = ["newest", "compared_to"]
            ScanPosition.objects.bulk_create(
                moved, update_conflicts=True, unique_fields=["model"], update_fields=changed
            )
        return sorted(found)

    def rescan(self) -> None:
        """Compare the content of some rows with what was sent: all in `SHARECORE_RESCAN_SECONDS`.

        A time in the future was written by a clock that was wrong, and counts as long ago.
        """
        now = clock.now()
        before = now - timedelta(seconds=conf.settings().rescan_seconds)
        never = Q(rescanned_at__isnull=True)
        made = Q(created__lte=before) | Q(created__gt=now)
        old = never & made | Q(rescanned_at__lte=before) | Q(rescanned_at__gt=now)
        outbox = Outbox.objects.filter(old).order_by("rescanned_at", "pk").first()
        if outbox is None:
            return
        # The position is stored in the ledger: a worker under cron lives for one portion only.
        after = changes.rescan(
            outbox, origin=site.origin(), now=now, after=outbox.rescanned_to, limit=RESCAN_ROWS
        )
        finished = {} if after else {"rescanned_at": now, "look_now": True}
        # Other workers may have gone on meanwhile: to set them back would let the next rescan skip rows.
        mine = Outbox.objects.filter(
            pk=outbox.pk, rescanned_to=outbox.rescanned_to, rescanned_at=outbox.rescanned_at
        )
        if not mine.update(rescanned_to=after, **finished):
            Outbox.objects.filter(pk=outbox.pk, look_now=False).update(look_now=True)  # for what was found
