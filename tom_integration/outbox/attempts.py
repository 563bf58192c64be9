"""Write the attempts of a call, and once what was sent and answered in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from django.db import router, transaction

from sharecore.exchanges import Recording
from sharecore.outcomes import Result, Withdrawal
from sharecore.records import RecordKey
from tom_integration import clock
from tom_integration.models import Attempt, Call, Delivery
from tom_integration.outbox import versions
from tom_integration.outbox.bulk_sql import insert_many

logger = logging.getLogger(__name__)


def write(
    rows: Mapping[RecordKey, Delivery],
    results: Mapping[RecordKey, Result | Withdrawal],
    *,
    started: datetime,
    worker: str,
    recording: Recording | None,
) -> None:
    """Store an attempt for each record of one call, and once what was sent and answered in it."""
    if not results:
        return
    outbox_id = next(iter(rows.values())).outbox_id
    same = {"started": started, "finished": clock.now(), "worker": worker}
    with transaction.atomic(using=router.db_for_write(Attempt)):
        versions.renew([outbox_id])  # A page shows the attempts beside the deliveries.
        call = _write_call(recording, outbox_id, started) if recording and recording.number else None
        insert_many(
            Attempt,
            ("delivery_id", "outcome", "reason"),
            [
                (rows[key].pk, type(result).__name__.lower(), getattr(result, "reason", ""))
                for key, result in results.items()
            ],
            constants=same | {"call_id": call},
        )


def _write_call(recording: Recording, outbox_id: int, started: datetime) -> int | None:
    """Return the primary key of the call; None where it cannot be stored: the attempts count more."""
    try:
        columns = {
            "outbox_id": outbox_id,
            "started": started,
            "requests": recording.number,
            "exchanges": [asdict(each) | {"started": each.started.isoformat()} for each in recording.kept()],
        }
        with transaction.atomic(using=router.db_for_write(Call)):
            return int(Call.objects.create(**columns).pk)
    except Exception:
        logger.exception("What was sent and answered in a call could not be stored")
        return None
