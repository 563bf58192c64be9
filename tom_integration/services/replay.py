"""Send again: a destination has lost what it had, for example since it was restored from a backup.

What was delivered in that time is looked up there, and sent if it is missing. Where a destination cannot be
asked, it is sent without looking, and only if somebody says that doubles are harmless.
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
    """What is to be sent again: what was delivered since a moment.

    since, until: times of delivery, the first included. share_id, destination: of this share, or this
    destination with all its topics, only.
    """

    since: datetime
    until: datetime | None = None
    share_id: int | None = None
    destination: str | None = None

    def counts(self) -> dict[Address, int]:
        """How many records, by address. Raises LookupError where there is no such share."""
        if self.share_id is not None and not Outbox.objects.filter(share_id=self.share_id).exists():
            raise LookupError(f"There is no share {self.share_id}; `manage.py sharing status` lists them.")
        by_address = self._deliveries().order_by("destination", "topic").values_list("destination", "topic")
        counted = by_address.annotate(number=Count("pk"))
        return {Address(name, topic): number for name, topic, number in counted}

    def blind(self) -> list[Address]:
        """The addresses among them that cannot be asked what they have: there it would be sent in any case.

        Raises `ConfigurationError` where one cannot be used at all.
        """
        return [address for address in self.counts() if not _can_tell(address)]

    def send_again(self, *, doubles: bool = False) -> int:
        """Send again what is missing; how many records are looked up, or sent.

        doubles: send it again, too, where nobody can say whether it is there. Raises `shares.NotPossible`
        where that would be needed, and `ConfigurationError` where a destination cannot be used.
        """
        blind = self.blind()
        if blind and not doubles:
            raise shares.NotPossible(
                f"{', '.join(map(str, blind))} cannot be asked which data it has: "
                "what it has already would be there twice."
            )
        return sum(self._send_again(address, can_tell=address not in blind) for address in self.counts())

    def _send_again(self, address: Address, *, can_tell: bool) -> int:
        rows = self._deliveries().at(address)
        outboxes = Outbox.objects.filter(pk__in=rows.order_by().values("outbox").distinct())
        lost = delivery.lost_there(REASON, now=clock.now(), can_tell=can_tell)
        chosen = list(outboxes)
        # One statement for each target: on SQLite nobody else can save until it is done.
        number = sum(
            transitions.apply(rows.filter(outbox=each), lost, delivered_at=None, arrived="")
            for each in chosen
        )
        shares.wake(chosen)
        return number

    def _deliveries(self) -> AtAddress[Delivery]:
        """Not what a share that is gone had sent: nobody asks for that any more."""
        rows = Delivery.objects.filter(state=State.DELIVERED, delivered_at__gte=self.since)
        if self.destination is not None:
            rows = rows.filter(destination=self.destination)
        if self.until is not None:
            rows = rows.filter(delivered_at__lt=self.until)
        if self.share_id is not None:
            return rows.filter(outbox__share_id=self.share_id)
        return rows.filter(Q(outbox__share_id__isnull=False) | Q(one_time_share__isnull=False))


def _can_tell(address: Address) -> bool:
    """Can the destination be asked what it has? Anything but a plain no counts as yes: it is asked again."""
    address, destination = site.destinations().resolve(str(address))
    try:
        return site.adapters.get(destination).find(_empty(address)) is not None
    except ConfigurationError:
        raise
    except Exception:
        return True


def _empty(address: Address) -> Batch:
    """A question about nothing."""
    return Batch(site=site.this_site(), address=address, target=_NOBODY, records=())


_NOBODY = Target(name="nobody")
