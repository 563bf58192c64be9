"""Send batches: many records of one target in one request (docs/reference/batch-protocol.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sharecore.adapter import Batch, Preview, Site
from sharecore.building import before_sending, build_each
from sharecore.exceptions import DestinationError, Problem, TargetRefused
from sharecore.identity import fingerprint
from sharecore.outcomes import Absent, Accepted, Duplicate, Found, Outcome, Rejected, Unconfirmed, Unsupported
from sharecore.records import Record, RecordKey
from sharecore.wire import key_as_wire, record_as_wire, target_as_wire
from sharecore_http.content import Content, compressed
from sharecore_http.failures import NoAnswer
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.receiver import PROTOCOL, Sharing
from sharecore_tom.receiver_target import Targets
from sharecore_tom.refusals import NO_RIGHT, code, not_able, words
from sharecore_tom.transports import Closed, Outcomes, Transport, unconfirmed

BATCH = "api/sharing/batch/"
TEST = "api/sharing/test/"
_MAX_BATCH = 1000
_OF_THE_TARGET = frozenset({NO_RIGHT, "no-target", "several-targets", "target-refused"})
"""Codes of refusals of the target: a person has to act there, or here."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A record as it leaves."""

    key: RecordKey
    """Key of the record."""
    text: str
    """JSON of the record."""


class Batches(Transport):
    """The transport to `api/sharing/batch/`. The same batch again changes nothing there."""

    can_update = True
    can_examine = True

    def __init__(self, api: Api, targets: Targets, sharing: Sharing) -> None:
        self._api = api
        self._targets = targets
        self._sharing = sharing
        self.max_batch = min(_MAX_BATCH, sharing.max_records)
        self.about = (
            f"Up to {self.max_batch} data go in one request: that TOM runs sharecore {sharing.version}."
        )

    def knows_target(self, batch: Batch) -> bool:
        """Return True for records, which bring their target along; a file needs a target that is there."""
        return bool(batch.records) or self._targets.paired.remembered(batch) is not None

    def ensure_target(self, batch: Batch) -> None:
        """Send a target without records as a batch of its own."""
        if not batch.records:
            for _ in self._send(batch, self._head(batch), ()):
                pass

    def deliver(self, batch: Batch) -> Outcomes:
        def item(record: Record) -> _Item | Outcome:
            if record.key.kind not in self._sharing.kinds:
                return Unsupported(reason=f"that TOM takes no {record.key.kind}", feature="kind")
            return _item(record, batch.site)

        with before_sending():
            head = self._head(batch)
        built: dict[RecordKey, _Item]
        built, outcomes = build_each(batch.records, item)
        yield from outcomes.items()
        for portion in _portions(list(built.values()), self._sharing, len(head)):
            yield from self._send(batch, head, portion)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found]:
        """Answer that sending again is harmless: the receiver knows each record by key and fingerprint."""
        return {record.key: Absent() for record in batch.records}

    def examine(self, batch: Batch) -> tuple[Problem, ...] | None:
        """Let the receiver examine a batch without storing it; None where it is too old."""
        items = [_item(record, batch.site) for record in batch.records]
        body = Content(body=_body(self._head(batch), items), media_type="application/json")
        try:
            reply = self._api.send("POST", TEST, body)
        except NoAnswer as error:
            raise DestinationError(f"examining a batch: {error.reason}") from None
        if reply.status == 404 and code(reply) != "no-target":
            return None
        where, hint = self._api.config.path, "Correct it here, or ask the operator of that TOM."
        if code(reply) in _OF_THE_TARGET or reply.status == 400:
            return (Problem(where=where, what=words(reply), hint=hint),)
        outcomes = _outcomes(items, reply.json.get("records") if isinstance(reply.json, dict) else None)
        if reply.status != 200 or outcomes is None:
            raise not_able(reply, "examining a batch")
        reasons = [each.reason for each in outcomes.values() if isinstance(each, Rejected | Unconfirmed)]
        return tuple(Problem(where=where, what=reason, hint=hint) for reason in reasons)

    def preview(self, batch: Batch) -> Preview:
        items = [_item(record, batch.site) for record in batch.records]
        body = json.loads(_body(self._head(batch), items))
        return Preview(
            content_type="application/json",
            body=json.dumps(body, indent=2, ensure_ascii=False),
            note=self.about,
        )

    def _head(self, batch: Batch) -> str:
        """Return the JSON of a batch up to its records."""
        members: dict[str, Any] = {
            "protocol": PROTOCOL,
            "site": {"origin": batch.site.origin, "name": batch.site.name},
            "shared_by": batch.shared_by,
            "target": target_as_wire(batch.target),
            "target_lists": self._targets.lists(batch),
            "create_target": self._api.config.create_targets,
            "target_id": self._targets.paired.remembered(batch),
        }
        told = (batch.site.origin, self._sharing.origin)  # what other sites call it is their affair
        keys = {origin: key for origin, key in batch.target_keys.items() if origin in told}
        if self._sharing.origin and (key := self._targets.paired.key(batch)):
            keys.setdefault(self._sharing.origin, key)
        if keys:
            members["target_keys"] = keys
        return _dumps(members)[:-1]

    def _send(self, batch: Batch, head: str, items: Sequence[_Item]) -> Outcomes:
        body = _body(head, items)
        if items and len(body) > self._sharing.max_bytes:
            yield _too_large(items[0], len(body), f"that TOM takes {self._sharing.max_bytes / 1e6:g} MB")
            return
        try:
            reply = self._api.send(
                "POST", BATCH, compressed(Content(body=body, media_type="application/json"))
            )
        except NoAnswer as error:
            yield from unconfirmed(_keys(items), error.reason)
            raise DestinationError(f"sending a batch: {error.reason}") from None
        if 200 <= reply.status < 300:
            yield from self._stored(batch, items, reply)
        elif reply.status == 413 and len(items) > 1:
            half = len(items) // 2
            yield from self._send(batch, head, items[:half])
            yield from self._send(batch, head, items[half:])
        else:
            yield from self._refused(batch, items, reply, len(body))

    def _stored(self, batch: Batch, items: Sequence[_Item], reply: Reply) -> Outcomes:
        said = reply.json if isinstance(reply.json, dict) else {}
        target, records = said.get("target"), said.get("records")
        outcomes = _outcomes(items, records)
        if outcomes is None or not isinstance(target, dict) or not isinstance(target.get("id"), int):
            reason = f"HTTP {reply.status} with {'unexpected JSON' if reply.is_json else reply.excerpt}"
            yield from unconfirmed(_keys(items), reason)
            raise DestinationError(f"the answer to a batch is not understood: {reason}")
        self._targets.paired.note(batch, target["id"], batch.target.name)
        yield from outcomes.items()

    def _refused(self, batch: Batch, items: Sequence[_Item], reply: Reply, size: int) -> Outcomes:
        said = words(reply)
        if code(reply) in _OF_THE_TARGET:
            reason = str(reply.json.get("detail") or said)  # type: ignore[attr-defined]
            if code(reply) == "no-target":
                reason += " 'CREATE_TARGETS' is False: create it there, or change the setting"
            if not batch.records:
                raise TargetRefused(reason)
            yield from ((key, Rejected(reason=reason, field="target")) for key in _keys(items))
            return
        if reply.status == 413 and items:
            yield _too_large(items[0], size, f"the receiver refused it: {said}")
            return
        if reply.status in (502, 504):
            # A gateway that got no answer: what is behind it may have stored the batch.
            yield from unconfirmed(_keys(items), f"HTTP {reply.status} from a gateway")
            raise not_able(reply, "sending a batch")
        passing = reply.verdict in (Verdict.THROTTLED, Verdict.REDIRECT) or reply.status in (408, 425, 503)
        if passing or code(reply) == "same-origin":
            raise not_able(reply, "sending a batch")
        raise Closed(said)


def _item(record: Record, site: Site) -> _Item:
    """Fill in the source of the record where the observing site leaves it blank, as all transports do."""
    if record.key.origin == site.origin and not (record.source_name and record.source_location):
        record = replace(
            record,
            source_name=record.source_name or site.name,
            source_location=record.source_location or f"shared from {site.name}",
        )
    return _Item(record.key, _dumps(record_as_wire(record) | {"fingerprint": fingerprint(record)}))


def _portions(items: Sequence[_Item], sharing: Sharing, head: int) -> Iterator[Sequence[_Item]]:
    """Yield as many records at a time as the receiver takes."""
    room = sharing.max_bytes - head - len(',"records":[]}')
    portion: list[_Item] = []
    size = 0
    for item in items:
        length = len(item.text) + 1
        if portion and (len(portion) >= sharing.max_records or size + length > room):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += length
    if portion:
        yield portion


def _outcomes(items: Sequence[_Item], answers: object) -> dict[RecordKey, Outcome] | None:
    """Return one outcome per record, in order; None for an answer of another form."""
    if not isinstance(answers, list) or len(answers) != len(items):
        return None
    outcomes: dict[RecordKey, Outcome] = {}
    for item, answer in zip(items, answers, strict=True):
        if not isinstance(answer, dict) or answer.get("key") != key_as_wire(item.key):
            return None
        outcomes[item.key] = _outcome(answer)
    return outcomes


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    name = str(answer.get("id") or "") or None
    match answer.get("outcome"):
        case "accepted" | "revised":
            return Accepted(remote_id=name)
        case "duplicate":
            return Duplicate(remote_id=name)
        case "rejected":
            reason = str(answer.get("reason") or "refused without a reason")
            return Rejected(reason=reason, field=str(answer.get("field") or "") or None)
        case other:
            return Unconfirmed(reason=f"an outcome that we do not know: {other}")


def _too_large(item: _Item, size: int, why: str) -> tuple[RecordKey, Outcome]:
    return item.key, Rejected(reason=f"it has {size / 1e6:.1f} MB; {why}")


def _keys(items: Sequence[_Item]) -> list[RecordKey]:
    return [item.key for item in items]


def _body(head: str, items: Sequence[_Item]) -> bytes:
    return f'{head},"records":[{",".join(item.text for item in items)}]}}'.encode()


def _dumps(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
