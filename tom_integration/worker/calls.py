"""Make calls of an adapter for one leased outbox: the batch to begin with, and what a call leaves behind.

No transaction is open during a call, and the lease is renewed meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from sharecore.adapter import Batch
from sharecore.adapter_answers import GivenUp, Stop
from sharecore.outcomes import Found, Result
from sharecore.retry_schedule import Retry, RetryPolicy
from tom_integration import access, clock, site
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import OneTimeShare, Outbox
from tom_integration.outbox import target_keys
from tom_integration.worker import breaker, target_name
from tom_integration.worker.adapter_state import state_objection
from tom_integration.worker.preconditions import Preconditions, chance
from tom_integration.worker.senders import Sender

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Calls(Preconditions):
    """Hold what the calls for one sender of one outbox have in common."""

    target: Any
    """The target as a row of the TOM."""
    policy: RetryPolicy
    sender: Sender
    """The person whose records are sent, or the site."""
    arrived: int = 0
    """Records that have arrived so far."""
    objection: str = ""
    """The reason why the ledger cannot store the adapter state; empty when it can."""

    def retry(self) -> Retry:
        """Return the time of the next try of the records of one call."""
        return Retry(now=clock.now(), policy=self.policy, chance=chance())

    def batch(self, share: OneTimeShare | None) -> Batch:
        """Return a batch without records, for the continuous share or for a one-time share."""
        outbox, sender = self.lease.outbox, self.sender
        whose = share.user_id if share else sender.user_id if sender.alone else outbox.creator_id
        user = access.find_creator(whose)
        return Batch(
            site=site.this_site(),
            address=self.address,
            target=target_of(self.target, lists=share.lists if share else ()),
            records=(),
            shared_by=user.get_username() if user else "",
            state=deepcopy(self.lease.outbox.adapter_state),
            target_keys=target_keys.keys_of(self.target),
            title=share.title if share else "",
            message=share.message if share else "",
            values=dict(share.values) if share else {},
        )

    def notes(
        self,
        batch: Batch,
        stopped: Stop | None = None,
        answers: Iterable[Result | Found] = (),
        *,
        sent_from: int | None = None,
    ) -> Callable[[], None]:
        """Return a function that writes what a call left beside its outcomes, to be called where these are
        written: the adapter state, the name of the target there, and the delay before the next call.

        Args:
            batch: the batch of the call.
            stopped: the error that stopped it.
            answers: the answers about its records.
            sent_from: the outbox of the target of the batch, where that is not the leased one.
        """
        # The adapter state of another target does not belong in the leased outbox.
        state = _nothing if batch.moved else self._state(batch, stopped)
        name_there = target_name.name_in(answers)
        delay = self.delay

        def write() -> None:
            state()
            target_name.keep(sent_from or self.lease.outbox.pk, name_there)
            if delay:
                breaker.delay(self.address.name, delay)

        return write

    def _state(self, batch: Batch, stopped: Stop | None) -> Callable[[], None]:
        """Return a function that writes the adapter state."""
        outbox = self.lease.outbox
        if isinstance(stopped, GivenUp):
            return _nothing  # The thread of the call that was given up may still change the state.
        noted = dict(batch.state)
        self.objection = state_objection(noted)
        if self.objection:
            logger.error("The adapter of %s noted what cannot be kept: %s", outbox, self.objection)
        if self.objection or noted == outbox.adapter_state:
            return _nothing
        outbox.adapter_state = noted = deepcopy(noted)  # The next step of the call may change the state.

        def write() -> None:
            Outbox.objects.filter(pk=outbox.pk, lease=self.lease.token).update(adapter_state=noted)

        return write


def _nothing() -> None:
    """Write nothing."""
