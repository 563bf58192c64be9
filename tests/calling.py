"""Calls of an adapter, as a site makes them."""

from __future__ import annotations

from typing import Any

from sharecore import Adapter, Batch, DataFile, DeliveryError, Outcome, RecordKey, Rejected, TargetRefused


def deliver(adapter: Adapter, batch: Batch) -> dict[RecordKey, Outcome]:
    """What becomes of the records, once their target is known there. Raises what stops it: see `baseline`."""
    said: dict[RecordKey, Outcome] = {}
    try:
        if not batch.records or not adapter.knows_target(batch):
            try:
                adapter.ensure_target(batch)
            except TargetRefused as refused:
                if batch.records:
                    return {
                        each.key: Rejected(reason=refused.reason, field="target") for each in batch.records
                    }
                raise
        for key, outcome in adapter.deliver(batch) if batch.records else ():
            assert key not in said, f"two outcomes for {key}"
            said[key] = outcome
    except DeliveryError as error:
        vars(error)["said"] = said
        raise
    return said


def deliver_file(adapter: Adapter, file: DataFile, batch: Batch) -> Outcome:
    """What becomes of a file, once its target is known there."""
    if not adapter.knows_target(batch):
        adapter.ensure_target(batch)
    return adapter.deliver_file(file, batch)


def before(caught: Any) -> dict[RecordKey, Outcome]:
    """What an adapter had said before it raised what pytest has caught."""
    said: dict[RecordKey, Outcome] = vars(caught.value)["said"]
    return said
