"""Make a target known at a destination: before its records, or alone for a one-time share."""

from __future__ import annotations

from dataclasses import replace

from sharecore.adapter import Batch
from sharecore.dispatch import ensure_target
from sharecore.exceptions import DeliveryError
from sharecore.exchanges import Recording, recorded
from sharecore.records import Alone
from sharecore.texts import one_line
from tom_integration import access, site
from tom_integration.models import OneTimeShare
from tom_integration.worker import leases
from tom_integration.worker.calls import Calls
from tom_integration.worker.write_again import persist

_NOT_ALONE = "a target goes there only with data that a person has approved; share some of its data"


def introduce(calls: Calls, share: OneTimeShare) -> None:
    """Make the target itself known; a title and message go with it only when no data follow."""
    problem = access.creator_objection(share.user_id, calls.target, calls.destination.name)
    followed = calls.lease.outbox.deliveries.filter(one_time_share=share).exists()
    if calls.destination.approval:
        # It is made known with the first record that a person approves.
        problem = problem or ("" if followed else _NOT_ALONE)
    elif not problem:
        batch = calls.batch(share)
        if followed:
            batch = replace(batch, title="", message="")
        with calls.access(batch):
            calls.before_call()
            refused = make_known(calls, batch)
        problem = refused.reason if refused else ""
    OneTimeShare.objects.filter(pk=share.pk).update(introduce=False, problem=one_line(problem))


def make_known(
    calls: Calls, batch: Batch, alone: Alone | None = None, recording: Recording | None = None
) -> DeliveryError | None:
    """Make the target known and store the adapter state at once; return the error when it is refused."""
    refused: DeliveryError | None = None
    with leases.keep_alive(calls.lease):
        try:
            with calls.call("ensure_target"), recorded(recording):
                ensure_target(site.registry(), calls.destination, calls.adapter, batch, alone)
        except DeliveryError as stop:
            refused = stop
        persist(calls.notes(batch, refused))
    calls.heed(refused)
    return refused
