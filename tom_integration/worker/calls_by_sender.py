"""Make the calls for one outbox, for each person with their own key where people share with these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sharecore.adapter import Adapter
from sharecore.addresses import Address
from sharecore.destination import Destination
from sharecore.exceptions import ConfigurationError, DeliveryError
from tom_integration import clock, conf, personal_keys, site
from tom_integration.worker.calls import Calls
from tom_integration.worker.leases import Lease
from tom_integration.worker.senders import Sender
from tom_integration.worker.waits import LOOK_AGAIN, Wait


@dataclass(slots=True, kw_only=True)
class CallsBySender:
    """Hold the calls for the senders of one leased outbox."""

    lease: Lease
    target: Any
    """The target as a row of the TOM."""
    address: Address
    destination: Destination
    """The destination, the same for all senders."""
    adapter: Adapter
    """Its adapter; without the key of a person where people share with their own."""
    stop: Callable[[], bool]
    """Return True when nothing new may begin."""
    _now: dict[Sender, Calls] = field(default_factory=dict)
    _made: list[Calls] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        """Return how many records have arrived."""
        return sum(each.arrived for each in self._made)

    @property
    def objection(self) -> str:
        """Return the reason why the ledger cannot store the adapter state; empty when it can."""
        return next((each.objection for each in self._made if each.objection), "")

    def largest(self, sender: Sender) -> int:
        """Return the largest number of records in one call."""
        known = self._now.get(sender)
        return (known.adapter if known else self.adapter).max_batch

    def of(self, sender: Sender) -> Calls:
        """Return the calls of a sender, with the key that the person has now.

        Raises:
            Wait: the person has no key that can be used.
        """
        known = self._now.get(sender)
        if known is not None and not sender.alone:
            return known
        destination, adapter = self._reached_by(sender) if sender.alone else (self.destination, self.adapter)
        if known is not None and known.adapter is adapter:
            return known
        self._now[sender] = made = Calls(
            lease=self.lease,
            target=self.target,
            address=self.address,
            destination=destination,
            adapter=adapter,
            sender=sender,
            policy=conf.settings().retry_policy,
            stop=self.stop,
        )
        self._made.append(made)
        return made

    def _reached_by(self, sender: Sender) -> tuple[Destination, Adapter]:
        try:
            destination = personal_keys.with_key_of(self.destination, sender.user_id)
            return destination, site.adapters.get(destination)
        except (ConfigurationError, DeliveryError) as error:
            raise Wait(clock.now() + LOOK_AGAIN, str(error), needs_person=True) from None
