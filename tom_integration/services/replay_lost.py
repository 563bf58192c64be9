"""Replay deliveries to a destination that has lost records, for example after it was restored from a backup.

Records that were delivered in that time are looked up there, and sent if they are missing. A destination that
cannot be asked gets them without a look-up, and only if a person says that doubles are harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from sharecore.adapter import Batch
from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from sharecore.targets import Target
from sharecore.texts import listed
from tom_integration import access, clock, site, wake_up
from tom_integration.models import Activity, Delivery, Outbox, ShareRule
from tom_integration.outbox import activity, replays
from tom_integration.services import shares

HINTED = 100
"""Targets that a worker in this process is told of at once; it finds all others in its next scan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """Hold what a replay does, before it is done."""

    counts: Mapping[Address, int]
    """Records by address."""
    blind: tuple[Address, ...]
    """The addresses that cannot be asked which records they have, and may have them twice then."""
    edited: int
    """Records that are left: the destination takes no edits, and got other values than are here now."""
    left: int
    """Shares that are left: the user may see, but not change them."""

    @property
    def number(self) -> int:
        """Return the number of records."""
        return sum(self.counts.values())

    @property
    def doubles(self) -> int:
        """Return the number of records that the destinations may have twice then."""
        return sum(self.counts[address] for address in self.blind)


class MayDouble(Exception):
    """Refuse a plan with destinations that cannot be asked what they have, until a person accepts doubles."""

    def __init__(self, plan: ReplayPlan) -> None:
        names = listed([str(address) for address in plan.blind])
        super().__init__(f"{names} cannot be asked which records it has, and would have some twice.")
        self.plan = plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Select delivered records to be sent again."""

    since: datetime | None = None
    """The time of the first delivery, included; None for all."""
    until: datetime | None = None
    """The end of the deliveries, excluded; None for no end."""
    share_id: int | None = None
    """The share to replay; None for all."""
    rule_id: int | None = None
    """The rule whose shares to replay; None for all."""
    destination: str | None = None
    """The destination to replay, with all its topics; None for all."""
    by: Any = None
    """The user, who replays what they may view and change; None for the operator of the site."""

    def plan(self) -> ReplayPlan:
        """Count the records, and ask the destinations whether they can tell what they have.

        Raises:
            shares.NotPossible: there is no such share, rule or destination.
            ConfigurationError: a destination cannot be used at all.
        """
        self._find()
        order, chosen = self._order(), self._deliveries(self._outboxes("change"))
        by_address = order.rows(chosen).order_by("destination", "topic").values_list("destination", "topic")
        counts = {
            Address(name, topic): number for name, topic, number in by_address.annotate(number=Count("pk"))
        }
        return ReplayPlan(
            counts=counts,
            blind=tuple(address for address in counts if not _can_tell(address)),
            edited=order.edited(chosen).count(),
            left=self._left(order),
        )

    def send_again(self, *, doubles: bool = False) -> ReplayPlan:
        """Let workers look the records up, or send them where none can be looked up; return the plan.

        Args:
            doubles: a person accepts that destinations that cannot be asked may have records twice.

        Raises:
            MayDouble: nobody accepts it.
            shares.NotPossible: as `plan`.
            ConfigurationError: as `plan`.
        """
        plan = self.plan()
        if plan.blind and not doubles:
            raise MayDouble(plan)
        chosen, entries = self._outboxes("change"), self._note(plan)
        for address in plan.counts:
            meant = chosen.filter(destination=address.name, topic=address.topic)
            order = self._order(can_tell=address not in plan.blind, entry=entries[address].pk)
            replays.ask_for(meant, order)
        for target_id in set(chosen.exclude(replay="").values_list("target_id", flat=True)[:HINTED]):
            wake_up.hint(target_id, {})
        return plan

    def _note(self, plan: ReplayPlan) -> Mapping[Address, Activity]:
        """Write who sends how many records again, and of what; return the row of each address."""
        what, by = Activity.What.REPLAYED, self.by
        detail = activity.counted(plan.number)
        if self.share_id is not None and plan.number:
            outbox = shares.outbox_by_share(self.share_id)
            (row,) = activity.of_shares(what, [outbox], detail=detail, by=by)
        elif self.rule_id is not None and plan.number:
            row = activity.of_rule(what, ShareRule.objects.get(pk=self.rule_id), detail=detail, by=by)
        else:
            return {
                address: activity.of_destination(what, address, detail=activity.counted(number), by=by)
                for address, number in plan.counts.items()
            }
        return dict.fromkeys(plan.counts, row)

    def _find(self) -> None:
        if self.share_id is not None:
            shares.outbox_by_share(self.share_id)
        if self.rule_id is not None and not ShareRule.objects.filter(pk=self.rule_id).exists():
            raise shares.NotPossible(
                f"There is no rule {self.rule_id}; `manage.py sharing rules` lists them."
            )
        named = self.destination
        known = {*site.destinations(), *site.destinations().broken}
        if named is not None and named not in known and not Outbox.objects.filter(destination=named).exists():
            raise shares.NotPossible(
                f"There is no destination {named!r}; there are {', '.join(sorted(known))}."
            )

    def _order(self, *, can_tell: bool = True, entry: int | None = None) -> replays.Order:
        # What arrives from now on is not meant.
        until = self.until or clock.now() + timedelta(microseconds=1)
        user_id = None if self.by is None else self.by.pk
        return replays.Order(since=self.since, until=until, user_id=user_id, entry=entry, can_tell=can_tell)

    def _outboxes(self, action: access.Action) -> QuerySet[Outbox]:
        """Return the outboxes in question on which the user has this right, and may view."""
        outboxes: QuerySet[Outbox] = Outbox.objects.all()
        if self.by is not None:
            viewed = access.outboxes_for(self.by, "view").values("pk")
            outboxes = access.outboxes_for(self.by, action).filter(pk__in=viewed)
        if self.share_id is not None:
            outboxes = outboxes.filter(share_id=self.share_id)
        if self.rule_id is not None:
            outboxes = outboxes.filter(rule=self.rule_id, share_id__isnull=False)
        if self.destination is not None:
            outboxes = outboxes.filter(destination=self.destination)
        return outboxes

    def _deliveries(self, outboxes: QuerySet[Outbox]) -> QuerySet[Delivery]:
        return Delivery.objects.filter(outbox__in=outboxes.values("pk"))

    def _left(self, order: replays.Order) -> int:
        if self.by is None:
            return 0
        lost = order.rows(Delivery.objects.filter(outbox=OuterRef("pk"))).order_by()
        viewed = self._outboxes("view").exclude(pk__in=self._outboxes("change").values("pk"))
        return viewed.filter(Exists(lost)).count()


def _can_tell(address: Address) -> bool:
    """Return False when the destination cannot be asked; an error counts as True, since it is asked again."""
    address, destination = site.destinations().resolve(str(address))
    if destination.personal:
        return True
    nothing = Batch(site=site.this_site(), address=address, target=Target(name="nobody"), records=())
    try:
        return site.adapters.get(destination).find(nothing) is not None
    except ConfigurationError:
        raise
    except Exception:
        return True
