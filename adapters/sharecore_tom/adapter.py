"""The adapter: shares to one other TOM."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sharecore.adapter import Adapter, Batch, Preview
from sharecore.exceptions import (
    AuthenticationFailed,
    DeliveryError,
    DestinationError,
    Problem,
    TargetRefused,
)
from sharecore.outcomes import Duplicate, Outcome, Rejected, Unsupported
from sharecore.records import DataFile, RecordKey
from sharecore_http.client import Client
from sharecore_tom.api import Api
from sharecore_tom.auth import Scheme
from sharecore_tom.config import TomConfig
from sharecore_tom.deliver import Row, send_all
from sharecore_tom.files import send_file
from sharecore_tom.lookup import Targets
from sharecore_tom.payload import row
from sharecore_tom.receiver import Generation, generation
from sharecore_tom.rows import Rows
from sharecore_tom.targets import target_body

_REDISCOVER = 3600.0
"""Seconds after which the receiver is asked again what it runs: it may have been upgraded."""


class TomAdapter(Adapter):
    """Sends to the REST API of a stock tomtoolkit 3.x or 2.x.

    client, clock: for tests.
    """

    can_update: ClassVar[bool] = False
    takes_files = True
    max_batch = 200

    def __init__(
        self,
        config: TomConfig,
        *,
        client: Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self.settle_time = config.settle_seconds
        self._api = Api(config, client)
        self._targets = Targets(self._api)
        self._clock = clock
        self._known: tuple[Generation, float] | None = None

    def __repr__(self) -> str:
        return f"<TomAdapter {self._config.base_url}>"

    def deliver(self, batch: Batch) -> Mapping[RecordKey, Outcome]:
        at = self._generation(batch)
        outcomes, rows = _prepared(batch, at)
        if batch.records and not rows:
            return outcomes
        target = self._targets.find_or_create(batch, at)
        if isinstance(target, Rejected):
            if not batch.records:
                raise TargetRefused(target.reason)
            return outcomes | dict.fromkeys(rows, target)
        try:
            sent, no_target = self._send(rows, target, at)
            outcomes |= sent
            if no_target:
                outcomes |= self._send_again(batch, rows, outcomes, at)
        except (DestinationError, AuthenticationFailed) as error:
            error.decided = outcomes | dict(error.decided)
            raise
        return outcomes

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        at = self._generation(batch)
        target = self._targets.find_or_create(batch, at)
        return target if isinstance(target, Rejected) else send_file(self._api, file, target)

    def find(self, batch: Batch) -> Mapping[RecordKey, Outcome] | None:
        """A 3.x TOM has constraints that make sending again harmless; a 2.x TOM is listed and compared."""
        at = self._generation(batch)
        if at is Generation.TYPED:
            return {}
        target = self._targets.find(batch)
        if not isinstance(target, int):
            return {}
        listed = Rows(self._api, target, at)
        _, rows = _prepared(batch, at)
        return {key: Duplicate() for key, each in rows.items() if listed.has(each)}

    def preview(self, batch: Batch) -> Preview:
        at = self._known[0] if self._known else _remembered(batch)
        left_out, rows = _prepared(batch, at)
        target_id = self._targets.remembered(batch)
        body: dict[str, Any] = {
            "reduceddatums": [{"target": target_id, **each} for each in rows.values()],
        }
        notes = [
            f"{key}: {reason.reason}" for key, reason in left_out.items() if isinstance(reason, Unsupported)
        ]
        if target_id is None:
            body = {"target": target_body(batch, self._targets.lists(batch), at), **body}
            notes.insert(0, "The target is sent only if it is not there yet; its id there is not known yet.")
        return Preview(
            content_type="application/json",
            body=json.dumps(body, indent=2, ensure_ascii=False),
            note="\n".join(notes),
        )

    def check(self) -> Sequence[Problem]:
        config = self._config
        try:
            at = self._generation(None, again=True)
            next(self._api.pages("api/targets/", {}, limit=1))
        except AuthenticationFailed as error:
            key = "API_KEY" if config.token else "PASSWORD"
            mend = "Correct the credentials, or ask for an account there."
            return [Problem(where=f"{config.path}[{key!r}]", what=error.reason, mend=mend)]
        except DeliveryError as error:
            mend = "Check the address in a browser; if it is right, tell the people who run that TOM."
            return [Problem(where=f"{config.path}['BASE_URL']", what=error.reason, mend=mend)]
        if self._api.login.scheme is not Scheme.BASIC:
            return []
        return [
            Problem(
                where=config.path,
                what=f"that TOM (tomtoolkit {at}) takes no tokens: the password goes with each request "
                "and costs it about 0.3 s of hashing",
                mend="Ask its people to add TokenAuthentication to DEFAULT_AUTHENTICATION_CLASSES.",
                fatal=False,
            )
        ]

    def close(self) -> None:
        self._api.close()

    def _generation(self, batch: Batch | None, *, again: bool = False) -> Generation:
        now = self._clock()
        if again or self._known is None or now - self._known[1] > _REDISCOVER:
            self._known = generation(self._api), now
        if batch is not None:
            batch.memory["generation"] = self._known[0].value
        return self._known[0]

    def _send(
        self, rows: Mapping[RecordKey, Row], target: int, at: Generation
    ) -> tuple[dict[RecordKey, Outcome], bool]:
        return send_all(rows, Rows(self._api, target, at).send, concurrency=self._config.concurrency)

    def _send_again(
        self,
        batch: Batch,
        rows: Mapping[RecordKey, Row],
        decided: Mapping[RecordKey, Outcome],
        at: Generation,
    ) -> dict[RecordKey, Outcome]:
        """The receiver did not take the target's id: deleted in this moment, or not ours to change."""
        left = {key: each for key, each in rows.items() if key not in decided}
        target = self._targets.find_or_create(batch, at)
        if isinstance(target, Rejected):
            return dict.fromkeys(left, target)
        no_right = Rejected(
            reason=f"our account may see the target there (id {target}) but not add data to it. "
            "Let it change that target",
            field="target",
        )
        sent, _ = self._send(left, target, at)
        return sent | dict.fromkeys(left.keys() - sent.keys(), no_right)


def _remembered(batch: Batch) -> Generation:
    noted = batch.memory.get("generation")
    return Generation.ONE_TABLE if noted == Generation.ONE_TABLE else Generation.TYPED


def _prepared(batch: Batch, at: Generation) -> tuple[dict[RecordKey, Outcome], dict[RecordKey, Row]]:
    """The records that cannot be expressed there, and the rows of all others."""
    outcomes: dict[RecordKey, Outcome] = {}
    rows: dict[RecordKey, Row] = {}
    for record in batch.records:
        made = row(record, batch.site, at)
        if isinstance(made, Unsupported):
            outcomes[record.key] = made
        else:
            rows[record.key] = made
    return outcomes, rows
