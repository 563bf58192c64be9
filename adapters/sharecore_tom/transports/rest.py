"""Send one row per request, to `api/reduceddatums/`: every TOM has that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.adapter import Batch, Preview
from sharecore.building import before_sending, build_each
from sharecore.exceptions import TargetRefused
from sharecore.outcomes import Absent, Deferred, Found, Outcome, Present, Rejected, Unsupported
from sharecore.records import RecordKey
from sharecore_tom.api import Api
from sharecore_tom.in_flight import Row, send_all
from sharecore_tom.payload import row
from sharecore_tom.receiver import Generation
from sharecore_tom.receiver_target import Targets
from sharecore_tom.send_row import Rows
from sharecore_tom.target_body import target_body
from sharecore_tom.transports import Outcomes, Transport


class Rest(Transport):
    """The transport to the REST API of a tomtoolkit 3.x or 2.x."""

    def __init__(self, api: Api, targets: Targets, at: Generation, why: str = "") -> None:
        self._api = api
        self._targets = targets
        self._at = at
        self.about = (
            f"Each datum goes in a request of its own, as tomtoolkit {at} takes it.{why and f' {why}.'}"
        )

    def knows_target(self, batch: Batch) -> bool:
        return not self._api.config.create_targets or self._targets.paired.remembered(batch) is not None

    def ensure_target(self, batch: Batch) -> None:
        """Find the target or make it, if anything can go to it.

        Where records follow, `deliver` answers for a failure that passes by itself.
        """
        if batch.records and not prepared(batch, self._at)[1]:
            return
        target = self._targets.find_or_create(batch, self._at)
        if isinstance(target, Rejected) or (isinstance(target, Deferred) and not batch.records):
            raise TargetRefused(target.reason)

    def deliver(self, batch: Batch) -> Outcomes:
        outcomes, rows = prepared(batch, self._at)
        yield from outcomes.items()
        if not rows:
            return
        with before_sending():
            target = self._targets.to_send_to(batch)
        if isinstance(target, int):
            yield from self.send(batch, rows, target)
        else:
            yield from ((key, target) for key in rows)

    def send(self, batch: Batch, rows: Mapping[RecordKey, Row], target: int) -> Outcomes:
        """Send rows to the target with this id there, which is looked for again when it is gone."""
        left = dict(rows)
        yield from self._fly(left, target)
        if left:
            yield from self._send_again(batch, left)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """Look records up: a 3.x TOM has constraints that make sending again harmless; a 2.x TOM is listed
        and compared.
        """
        if self._at is Generation.TYPED:
            return {record.key: Absent() for record in batch.records}
        return self.look(batch)

    def look(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """List the data of each target there that may be meant, and compare."""
        absent: dict[RecordKey, Found] = {record.key: Absent() for record in batch.records}
        targets = self._targets.candidates(batch)
        if isinstance(targets, Deferred):
            return dict.fromkeys(absent, targets)
        listed = [Rows(self._api, target, self._at) for target in targets]
        _, rows = prepared(batch, self._at)
        known = (record for record in batch.records if record.key in rows)
        there = (record for record in known if any(each.has(rows[record.key]) for each in listed))
        return absent | {record.key: Present(content=record) for record in there}

    def preview(self, batch: Batch) -> Preview:
        left_out, rows = prepared(batch, self._at)
        target_id = self._targets.paired.remembered(batch)
        body: dict[str, Any] = {"reduceddatums": [{"target": target_id, **each} for each in rows.values()]}
        notes = [
            f"{key}: {reason.reason}" for key, reason in left_out.items() if isinstance(reason, Unsupported)
        ]
        if target_id is None:
            body = {"target": target_body(batch, self._targets.lists(batch), self._at), **body}
            notes.insert(0, "The target is sent only if it is not there yet; its id there is not known yet.")
        return Preview(
            content_type="application/json",
            body=json.dumps(body, indent=2, ensure_ascii=False),
            note="\n".join([self.about, *notes]),
        )

    def _fly(self, rows: dict[RecordKey, Row], target: int) -> Outcomes:
        there = Rows(self._api, target, self._at)
        return send_all(rows, there.send, concurrency=self._api.config.concurrency)

    def _send_again(self, batch: Batch, left: dict[RecordKey, Row]) -> Outcomes:
        """Send the rest after the receiver refused the id of the target: deleted in this moment, or not ours
        to change.
        """
        target = self._targets.to_send_to(batch)
        if not isinstance(target, int):
            yield from ((key, target) for key in left)
            return
        yield from self._fly(left, target)
        if left:
            refused = self._targets.without_rights(
                batch,
                f"our account may see the target there (id {target}) but not add data to it. "
                "Let it change that target",
                target,
            )
            yield from ((key, refused) for key in left)


def prepared(batch: Batch, at: Generation) -> tuple[dict[RecordKey, Outcome], dict[RecordKey, Row]]:
    """Return the outcomes of records that cannot be expressed there, and the rows of all others."""
    rows: dict[RecordKey, Row]
    rows, outcomes = build_each(batch.records, lambda record: row(record, batch.site, at))
    return outcomes, rows
