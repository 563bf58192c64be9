"""Ask for replays of whole outboxes by one statement, and carry them out later, one outbox at a time.

A destination with 10,000 outboxes and a million deliveries is marked within a request; a worker that has the
lease of an outbox does the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat, Substr

from sharecore import delivery
from sharecore.delivery import State
from tom_integration import access, clock
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.models import OUTDATED, Delivery, Outbox
from tom_integration.outbox import transitions

REASON = "a person asked for it to be sent again"
PORTION = 2000
"""Deliveries of one statement: on SQLite nobody else can save during it."""
_ASKED = Q(outbox__share_id__isnull=False) | Q(one_time_share_id__isnull=False)
"""Select deliveries that somebody wants to be there: not those of shares that were deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Say which delivered records of an outbox are sent again, where they are missing."""

    since: datetime | None = None
    """The time of the first delivery, included; None for all."""
    until: datetime
    """The end of the deliveries, excluded."""
    user_id: int | None = None
    """The user who may see the data; None for all data."""
    entry: int | None = None
    """The entry of the activity that tells of it, which then tells what came of it."""
    can_tell: bool = True
    """False where the destination cannot be asked what it has: the records are sent without a look-up."""

    def rows(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the deliveries that the destination may have lost.

        Those with old values there are left out: they would stand beside the new ones if they are not lost.
        """
        return self._seen(self._arrived(deliveries).exclude(OUTDATED))

    def edited(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the deliveries that are left out, since the destination got other values than are here."""
        return self._seen(self._arrived(deliveries).filter(OUTDATED))

    def _seen(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.user_id is None:
            return rows
        return access.of_visible_data(access.find_creator(self.user_id), rows)

    def _arrived(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        # The columns of an index, in its order. A report is never sent again by itself.
        rows = deliveries.filter(_ASKED, state=State.DELIVERED, next_at=None, delivered_at__lt=self.until)
        rows = rows.exclude(model=REPORT_MODEL)
        return rows if self.since is None else rows.filter(delivered_at__gte=self.since)

    def as_line(self) -> str:
        """Return the order as a line of ASCII text."""
        return json.dumps(
            {
                "since": self.since and self.since.isoformat(),
                "until": self.until.isoformat(),
                "user": self.user_id,
                "entry": self.entry,
                "can_tell": self.can_tell,
            }
        )

    @classmethod
    def of_line(cls, line: str) -> Self:
        """Return the order of a line."""
        said = json.loads(line)
        return cls(
            since=datetime.fromisoformat(said["since"]) if said["since"] else None,
            until=datetime.fromisoformat(said["until"]),
            user_id=said["user"],
            entry=said["entry"],
            can_tell=said["can_tell"],
        )


def ask_for(outboxes: QuerySet[Outbox], order: Order) -> int:
    """Ask for a replay of those of the outboxes that have something to send again; return how many."""
    lost = order.rows(Delivery.objects.filter(outbox=OuterRef("pk"))).order_by()
    # Added to what others have asked for, which a worker may be carrying out at this moment.
    return outboxes.filter(Exists(lost)).update(
        replay=Concat("replay", Value(f"{order.as_line()}\n"), output_field=TextField()),
        look_now=True,
        next_at=None,
    )


def carry_out(outbox: Outbox) -> None:
    """Make the deliveries due that are to be sent again, for the worker that has the lease of the outbox."""
    for line in outbox.replay.splitlines():
        order = Order.of_line(line)
        rows = order.rows(outbox.deliveries.all()).order_by()
        while pks := list(rows.values_list("pk", flat=True)[:PORTION]):
            lost = delivery.lost_there(REASON, now=clock.now(), can_tell=order.can_tell)
            # Those that another worker has sent again meanwhile are left out.
            rows_of = order.rows(Delivery.objects.filter(pk__in=pks)).order_by()
            transitions.apply(rows_of, lost, delivered_at=None, arrived="", replayed_id=order.entry)
    # An order that came meanwhile stays, with its mark; after the loss of the lease, all may have come since.
    left = Substr("replay", len(outbox.replay) + 1)
    Outbox.objects.filter(pk=outbox.pk, lease=outbox.lease).update(replay=left)
    outbox.replay = ""
