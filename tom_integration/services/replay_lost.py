"""Replay deliveries to a destination that has lost records, for example after it was restored from a backup.

Records that were delivered in that time are looked up there, and sent if they are missing. A destination that
cannot be asked gets them without a look-up, and only if a person says that doubles are harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from sharecore import delivery
from sharecore.adapter import Batch
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.exceptions import ConfigurationError
from sharecore.targets import Target
from tom_integration import clock, site
from tom_integration.models import AtAddress, Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.services import shares

REASON = "a person asked for it to be sent again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Select delivered records to be sent again."""

    since: datetime
    """The time of the first delivery, included."""
    until: datetime | None = None
    """The end of the deliveries, excluded; None for no end."""
    share_id: int | None = None
    """The share to replay; None for all."""
    destination: str | None = None
    """The destination to replay, with all its topics; None for all."""

    def counts(self) -> dict[Address, int]:
        """Return the number of records by address.

        Raises:
            LookupError: there is no such share or destination.
        """
        if self.share_id is not None:
            shares.outbox_by_share(self.share_id)
        named = self.destination
        known = {*site.destinations(), *site.destinations().broken}
        if named is not None and named not in known and not Outbox.objects.filter(destination=named).exists():
            raise LookupError(f"There is no destination {named!r}; there are {', '.join(sorted(known))}.")
        by_address = self._deliveries().order_by("destination", "topic").values_list("destination", "topic")
        counted = by_address.annotate(number=Count("pk"))
        return {Address(name, topic): number for name, topic, number in counted}

    def blind(self) -> list[Address]:
        """Return the addresses that cannot be asked which records they have.

        Raises:
            ConfigurationError: a destination cannot be used at all.
        """
        return [address for address in self.counts() if not _can_tell(address)]

    def send_again(self) -> int:
        """Make the records due for a look-up, or to be sent to a `blind` destination; return how many.

        Raises:
            ConfigurationError: a destination cannot be used.
        """
        blind = self.blind()
        return sum(self._send_again(address, can_tell=address not in blind) for address in self.counts())

    def _send_again(self, address: Address, *, can_tell: bool) -> int:
        rows = self._deliveries().at(address)
        outboxes = Outbox.objects.filter(pk__in=rows.order_by().values("outbox").distinct())
        lost = delivery.lost_there(REASON, now=clock.now(), can_tell=can_tell)
        number = 0
        for outbox in outboxes:  # Use one statement for each: on SQLite nobody else can save during it.
            number += transitions.apply(rows.filter(outbox=outbox), lost, delivered_at=None, arrived="")
        shares.wake(outboxes)
        return number

    def _deliveries(self) -> AtAddress[Delivery]:
        """Return the deliveries, without those of shares that were deleted."""
        rows = Delivery.objects.filter(state=State.DELIVERED, delivered_at__gte=self.since)
        if self.destination is not None:
            rows = rows.filter(destination=self.destination)
        if self.until is not None:
            rows = rows.filter(delivered_at__lt=self.until)
        if self.share_id is not None:
            return rows.filter(outbox__share_id=self.share_id)
        return rows.filter(Q(outbox__share_id__isnull=False) | Q(one_time_share__isnull=False))


def _can_tell(address: Address) -> bool:
    """Return False when the destination cannot be asked; an error counts as True, since it is asked again."""
    address, destination = site.destinations().resolve(str(address))
    nothing = Batch(site=site.this_site(), address=address, target=Target(name="nobody"), records=())
    try:
        return site.adapters.get(destination).find(nothing) is not None
    except ConfigurationError:
        raise
    except Exception:
        return True
