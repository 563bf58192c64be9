"""Log and count the outcomes of each call of an adapter, with a text for people and fields for programs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from sharecore.outcomes import Result
from sharecore.records import RecordKey
from tom_integration import telemetry
from tom_integration.models import Delivery, Outbox

logger = logging.getLogger("tom_integration.deliveries")


def of_call(outbox: Outbox, rows: Mapping[RecordKey, Delivery], results: Mapping[RecordKey, Result]) -> None:
    """Log and count the outcomes of one call of an adapter.

    The log record has the fields `share_id` (None for a one-time share), `destination`, `target_id`,
    `delivery_ids` and `outcomes` (the number of each).
    """
    outcomes = Counter(type(result).__name__.lower() for result in results.values())
    if unsent := len(rows) - len(results):
        outcomes["unsent"] = unsent
    telemetry.count(outbox.address, outcomes)
    logger.info(
        "%s: %s",
        outbox,
        ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())),
        extra={
            "share_id": outbox.share_id,
            "destination": str(outbox.address),
            "target_id": outbox.target_id,
            "delivery_ids": sorted(row.pk for row in rows.values()),
            "outcomes": dict(outcomes),
        },
    )
