"""Examine the records of a batch without storing them."""

from __future__ import annotations

from tom_integration.inbox.parse import Arrival, IncomingBatch
from tom_integration.inbox.record_answers import Answer, rejected
from tom_integration.mapping.record_to_row import columns, model_for, objection


def examine(batch: IncomingBatch) -> list[Answer]:
    """Return an answer for each record, in order: accepted where this TOM could store it.

    Nothing is compared with the data of the target, so the answers show nothing of them.
    """
    return [_examine(each) for each in batch.arrivals]


def _examine(arrival: Arrival) -> Answer:
    if arrival.record is None:
        return rejected(*arrival.problem)
    problem = objection(model_for(arrival.record), columns(arrival.record))
    return Answer(outcome="accepted") if problem is None else rejected(*problem)
