"""Send backlogs of photometry as files to a stock tomtoolkit 3.x, through `api/dataproducts/`
('BULK_UPLOAD').

The receiver runs its own data processor over a file, so that nothing is believed: the rows made from the file
are listed and compared. The rest goes by single requests, which answer exactly. One of those that stores a
row which the file should have stored shows that files cannot be used here: then the rows of the file are
deleted.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sharecore.adapter import Batch, Preview
from sharecore.building import before_sending
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.identity import fingerprint
from sharecore.outcomes import Accepted, Duplicate, Found, Outcome
from sharecore.records import Kind, RecordKey
from sharecore.texts import one_line
from sharecore_http.content import File
from sharecore_http.failures import Cause, NoAnswer
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.in_flight import Row
from sharecore_tom.listing import photometry_since
from sharecore_tom.receiver import Generation
from sharecore_tom.receiver_target import Targets
from sharecore_tom.refusals import not_able, refused_fields, words
from sharecore_tom.table import holds, table
from sharecore_tom.transports import Outcomes, Transport, unconfirmed
from sharecore_tom.transports.rest import Rest, prepared

PRODUCTS = "api/dataproducts/"
AT_LEAST = 200
"""Smallest file, in rows; fewer are sent one by one, so that a receiver does not fill with small files."""
SAMPLE = 20
"""Rows of the first file to a target. Its result decides whether more go this way."""
_PROBES = 3
_TRY_AGAIN = 24 * 3600.0
"""Seconds after which a receiver whose files could not be used gets another."""

logger = logging.getLogger(__name__)


class _NoFiles(Exception):
    """Raised when files cannot be used at this receiver. Records without an outcome are not there."""


class Files(Transport):
    """The transport that sends backlogs of photometry as files, and everything else as `Rest` does."""

    def __init__(
        self, api: Api, targets: Targets, why: str = "", *, now: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._targets = targets
        self._rest = Rest(api, targets, Generation.TYPED, why)
        self._now = now
        self._refused = ""
        self._until = 0.0

    @property
    def max_batch(self) -> int:  # type: ignore[override]
        return self._rest.max_batch if self._objection({}) else 1000

    @property
    def about(self) -> str:  # type: ignore[override]
        return self._about({})

    def knows_target(self, batch: Batch) -> bool:
        return self._rest.knows_target(batch)

    def ensure_target(self, batch: Batch) -> None:
        self._rest.ensure_target(batch)

    def deliver(self, batch: Batch) -> Outcomes:
        outcomes, rows = prepared(batch, Generation.TYPED)
        filed = _filed(rows)
        if len(filed) < AT_LEAST or self._objection(batch.state):
            yield from self._rest.deliver(batch)
            return
        yield from outcomes.items()
        with before_sending():
            target = self._targets.to_send_to(batch)
        if not isinstance(target, int):
            yield from ((key, target) for key in rows)
            return
        try:
            for portion in _portions(filed, batch.state):
                for key, outcome in self._send(batch, portion, target):
                    del rows[key]
                    yield key, outcome
        except _NoFiles as no:
            self._refuse(batch, str(no))
        yield from self._rest.send(batch, rows, target)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        return self._rest.find(batch)

    def preview(self, batch: Batch) -> Preview:
        shown = self._rest.preview(batch)
        note = shown.note.removeprefix(self._rest.about).strip()
        about = self._about(batch.state)
        return Preview(content_type=shown.content_type, body=shown.body, note=f"{about}\n{note}".strip())

    def _about(self, state: Mapping[str, Any]) -> str:
        objection = self._objection(state)
        if objection:
            return f"{self._rest.about} 'BULK_UPLOAD' is on, but files cannot be used now: {objection}."
        return (
            f"{self._rest.about} Of photometry, {AT_LEAST} data and more go as a file: 'BULK_UPLOAD' is on."
        )

    def _objection(self, state: Mapping[str, Any]) -> str:
        """Return the reason why files are not used now: known of this receiver in this process, or noted with
        the target.
        """
        if self._refused and self._now() < self._until:
            return self._refused
        noted = state.get("files")
        if isinstance(noted, Mapping) and noted.get("refused") and self._now() < noted.get("until", 0):
            return str(noted["refused"])
        return ""

    def _refuse(self, batch: Batch, reason: str) -> None:
        self._refused, self._until = one_line(reason, 300), self._now() + _TRY_AGAIN
        batch.state["files"] = {"refused": self._refused, "until": self._until}
        logger.warning("%s: files cannot be used: %s", self._api.config.path, self._refused)

    def _send(self, batch: Batch, rows: Mapping[RecordKey, Row], target: int) -> Outcomes:
        """Send one file; return the outcomes of those of its rows that are there. Raises `_NoFiles`."""
        name = _product_id(batch, rows, target)
        try:
            reply = self._upload(name, rows, target)
        except NoAnswer as error:
            if error.cause is Cause.READ_TIMEOUT:
                self._refuse(batch, f"a file of {len(rows)} rows: {error.reason}")
            yield from unconfirmed(rows, error.reason)
            raise DestinationError(f"sending a file: {error.reason}") from None
        if unclear := _unclear(reply):
            yield from unconfirmed(rows, unclear)
        new = self._made(reply)
        try:
            there = self._there(rows, target)
        except (DestinationError, AuthenticationFailed) as stop:
            yield from unconfirmed(rows, f"sent as a file, not listed: {stop.reason}")
            raise
        missing = [key for key in rows if key not in there]
        # A row that another keeps out is missing as well; wrong rows of ours would keep out the right ones.
        withdrawn = bool(new and missing and not _proved(batch.state) and self._withdraw(reply))
        stored: Outcome = Accepted() if new else Duplicate()
        known = {} if withdrawn else dict.fromkeys(there, stored)
        probes = _probes(known) if new else []
        asked = {key: row for key, row in rows.items() if key not in known or key in probes}
        answers: dict[RecordKey, Outcome] = {}
        try:
            for key, outcome in self._rest.send(batch, asked, target):
                answers[key] = outcome
                if key not in known:
                    yield key, outcome
        except (DestinationError, AuthenticationFailed):
            yield from ((key, answers.get(key, stored)) for key in known)
            raise
        lacking = [key for key in (*missing, *probes) if isinstance(answers.get(key), Accepted)]
        if new and lacking:
            yield from ((key, answers[key]) for key in probes)
            if not withdrawn:
                self._withdraw(reply)
            raise _NoFiles(f"of {len(rows)} rows in a file, {len(lacking)} or more were not there as sent")
        batch.state["files"] = {"proved": True}
        yield from known.items()

    def _upload(self, name: str, rows: Mapping[RecordKey, Row], target: int) -> Reply:
        file = File(name=f"{name}.csv", body=table(rows.values()), media_type="text/csv")
        fields = {"target": str(target), "product_id": name, "data_product_type": "photometry"}
        try:
            return self._api.upload(PRODUCTS, fields, {"file": file})
        except AuthenticationFailed as error:
            raise _NoFiles(error.reason) from None  # single rows show whether it is us that are refused

    def _made(self, reply: Reply) -> bool:
        """Return whether the file was taken now; False when it had been before."""
        if (product := _product(reply)) is not None:
            return reply.status == 201 and not product.get("already_exists")
        if 200 <= reply.status < 300:
            raise DestinationError(f"the answer to a file is not that of a TOM: {_unclear(reply)}")
        passing = reply.verdict in (Verdict.THROTTLED, Verdict.REDIRECT) or reply.status in (502, 503, 504)
        if passing:
            raise not_able(reply, "sending a file")
        raise _NoFiles("its target is gone" if "target" in refused_fields(reply) else words(reply))

    def _there(self, rows: Mapping[RecordKey, Row], target: int) -> dict[RecordKey, Row]:
        """Return those of the rows that the receiver lists as they were sent, as far as it shows them."""
        listed = photometry_since(self._api, target, rows.values())
        return {key: row for key, row in rows.items() if listed.has(row)}

    def _withdraw(self, reply: Reply) -> bool:
        """Delete the product that was just made, and with it its rows; return whether that was done."""
        pk = reply.json["id"]  # type: ignore[index]
        try:
            gone = self._api.send("DELETE", f"{PRODUCTS}{pk}/", {})
            said = "" if gone.status in (200, 204, 404) else words(gone)
        except (NoAnswer, DestinationError, AuthenticationFailed) as error:
            said = error.reason
        if said:
            logger.error(
                "%s: the data product %s should be deleted there: %s", self._api.config.path, pk, said
            )
        return not said


def _filed(rows: Mapping[RecordKey, Row]) -> dict[RecordKey, Row]:
    """Return the rows that a file can hold; none where there are too few for one."""
    if len(rows) < AT_LEAST:
        return {}
    return {
        key: row for (key, row), fits in zip(rows.items(), holds(list(rows.values())), strict=True) if fits
    }


def _proved(state: Mapping[str, Any]) -> bool:
    """Return whether a file to this target has had the right result there."""
    noted = state.get("files")
    return isinstance(noted, Mapping) and bool(noted.get("proved"))


def _portions(rows: Mapping[RecordKey, Row], state: Mapping[str, Any]) -> Iterable[Mapping[RecordKey, Row]]:
    """Yield all rows, at the first time after a sample of those with the most values."""
    if _proved(state):
        return [rows]
    sample = dict(sorted(rows.items(), key=lambda each: (len(each[1]["value"]), str(each[0])))[-SAMPLE:])
    limits = [key for key in rows if key.kind is Kind.PHOTOMETRY_LIMIT][:_PROBES]
    sample |= {key: rows[key] for key in limits}
    rest = {key: row for key, row in rows.items() if key not in sample}
    return [sample, rest] if rest else [sample]


def _probes(keys: Iterable[RecordKey]) -> list[RecordKey]:
    """Return some of the rows, to be sent once more: that they are known shows what no listing does.

    Limits first: a receiver recognises a row by its limit.
    """
    return sorted(keys, key=lambda key: key.kind is not Kind.PHOTOMETRY_LIMIT)[:_PROBES]


def _product_id(batch: Batch, rows: Mapping[RecordKey, Row], target: int) -> str:
    """Return the name of the file, the same for the same content, so that a repeated file is recognised
    there.
    """
    prints = {record.key: fingerprint(record) for record in batch.records if record.key in rows}
    text = "\n".join([batch.site.origin, str(target), *(f"{key} {prints[key]}" for key in rows)])
    return f"sharecore-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _product(reply: Reply) -> Mapping[str, Any] | None:
    """Return the data product that an answer describes."""
    said = reply.json if reply.status in (200, 201) else None
    return said if isinstance(said, dict) and isinstance(said.get("id"), int) else None


def _unclear(reply: Reply) -> str:
    """Return the reason why the fate of a file is unknown after this answer; empty where it is known."""
    if reply.status in (502, 504):
        return f"HTTP {reply.status} from a gateway"
    if 200 <= reply.status < 300 and _product(reply) is None:
        return f"HTTP {reply.status} with {reply.excerpt}"
    return ""
