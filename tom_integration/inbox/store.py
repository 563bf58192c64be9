"""Store a batch in one transaction, with few queries, and answer for each record.

A key that was received before is a duplicate, or a revision when its content is another; content that the
target has already is a duplicate; all else is new. Batches for one target wait for each other, so that two
equal ones store once. Data that another process saves meanwhile make the constraints of the TOM refuse a row.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from tom_targets.models import BaseTarget

from sharecore.records import Record, RecordKey
from tom_integration.inbox.bulk_insert import Newcomer, insert
from tom_integration.inbox.existing import Contents, Keys, contents, difference, model_name_for, ours
from tom_integration.inbox.parse import Arrival, IncomingBatch
from tom_integration.inbox.record_answers import TAKEN, Answer, rejected, told
from tom_integration.inbox.refused import Refused
from tom_integration.inbox.revise import Revision, revise
from tom_integration.inbox.save_signals import Events
from tom_integration.mapping.record_to_row import columns, model_for, objection
from tom_integration.mapping.row_to_record import identity_of, model_name
from tom_integration.mapping.shareable_rows import RowKey
from tom_integration.models import InboxRecord

NOT_OURS = rejected("key", "it says that this TOM observed it, but no such datum is here")


def store(batch: IncomingBatch, target_id: int, *, origin: str, user: Any) -> list[Answer]:
    """Store the records of a batch; return one answer for each, in order.

    Args:
        batch: the batch.
        target_id: the primary key of its target here.
        origin: the origin of this TOM.
        user: the account with which the site sends.
    """
    if not batch.arrivals:
        return []
    with transaction.atomic():
        storing = _Storing(batch, target_id, origin, user)
        answers = storing.run()
    storing.events.tell()
    return answers


class _Storing:
    """Store one batch; keep answers by position in the batch."""

    def __init__(self, batch: IncomingBatch, target_id: int, origin: str, user: Any) -> None:
        self.events = Events()
        self._batch = batch
        self._target_id = target_id
        self._origin = origin
        self._user = user
        self._first: dict[RecordKey, int] = {}
        self._as_first: dict[int, int] = {}
        self._new: dict[str, Newcomer] = {}
        self._revisions: dict[int, Revision] = {}
        self._notes: list[InboxRecord] = []

    def run(self) -> list[Answer]:
        """Store new and revised records; return the answers."""
        _wait_for_others(self._target_id)
        readable = [(each.record, each) for each in self._batch.arrivals if each.record is not None]
        keys = (record.key for record, _ in readable)
        self._keys = Keys(self._target_id, keys, origin=self._batch.site.origin, user=self._user)
        self._own = ours(self._target_id, (each for each, _ in readable if self._is_own(each)), self._user)
        news = [record for record, arrival in readable if not self._keys.has(record.key, arrival.fingerprint)]
        self._contents, self._unseen = contents(self._target_id, news, self._user)
        answers: dict[int, Answer] = {}
        for number, arrival in enumerate(self._batch.arrivals):
            answer = self._look_at(number, arrival)
            if answer is not None:
                answers[number] = answer
        both = (self._contents, self._unseen)
        answers |= revise(self._revisions, self._batch.site, self._user, both, self.events)
        answers |= self._insert()
        for number, first in self._as_first.items():
            answers[number] = answers[first].repeated()
        InboxRecord.objects.filter(pk__in=self._keys.stale).delete()
        InboxRecord.objects.bulk_create(self._notes)
        return told([answers[number] for number in range(len(self._batch.arrivals))], self._batch, self._user)

    def _is_own(self, record: Record) -> bool:
        return record.key.origin == self._origin

    def _look_at(self, number: int, arrival: Arrival) -> Answer | None:
        """Return the answer to one record, or None when the record is to be written first."""
        record = arrival.record
        if record is None:
            return rejected(*arrival.problem)
        if self._is_own(record):
            place = self._own.get(record.key.id) or self._place_of(record)
            return Answer(outcome="duplicate", place=place) if place else NOT_OURS
        first = self._first.setdefault(record.key, number)
        if first != number:
            return self._again(number, arrival, first)
        known = self._keys.get(record.key)
        if known is None:
            return self._look_at_new(number, arrival, record)
        if known.fingerprint == arrival.fingerprint:
            return Answer(outcome="duplicate", place=(known.model, known.datum_pk))
        self._revisions[number] = Revision(record, arrival.fingerprint, known)
        return None

    def _again(self, number: int, arrival: Arrival, first: int) -> Answer | None:
        if arrival.fingerprint != self._batch.arrivals[first].fingerprint:
            return rejected("key", "the batch has this key twice, with other content")
        self._as_first[number] = first
        return None

    def _place_of(self, record: Record) -> RowKey | None:
        found = self._contents.find(record, identity_of(model_name_for(record), record))
        return found[0] if found else None

    def _look_at_new(self, number: int, arrival: Arrival, record: Record) -> Answer | None:
        model = model_for(record)
        identity = identity_of(model_name_for(record), record)
        found = self._contents.find(record, identity)
        if found is not None:
            return self._there(arrival, record, identity, *found)
        if (first := self._new.get(identity)) is not None:
            if field := difference(record, first.record):
                return rejected(field, f"the batch has the same observation with another {field}")
            first.others.append((number, arrival, record))
            return None
        values = columns(record)
        problem = objection(model, values)
        if problem is not None:
            return rejected(*problem)
        if clash := self._contents.clash(model, values):
            field, place = clash
            return rejected(field, TAKEN, place)
        row = model(target_id=self._target_id, **values)
        self._new[identity] = Newcomer(number=number, arrival=arrival, record=record, row=row)
        return None

    def _there(self, arrival: Arrival, record: Record, identity: str, place: RowKey, there: Record) -> Answer:
        """Return the answer to an observation that the target has already."""
        if field := difference(record, there):
            reason = f"the same observation is here with another {field}, and stays as it is"
            return rejected(field, reason, place)
        self._note(arrival, record, place, identity, content="")
        return Answer(outcome="duplicate", place=place)

    def _insert(self) -> dict[int, Answer]:
        """Store the new records; return the answers.

        Compare with data that the account may not view only here, so that no answer before depends on them.
        """
        refusals = self.events.before(new.row for new in self._new.values())
        answers: dict[int, Answer] = {}
        fit: list[tuple[str, Newcomer]] = []
        for identity, new in self._new.items():
            if refusal := refusals.get(id(new.row)):
                answers |= new.all(refusal)
            elif hidden := self._behind(new, identity, self._unseen):
                answers |= hidden
            else:
                fit.append((identity, new))
        refusals = insert([new.row for _, new in fit], self.events)
        for identity, new in fit:
            refusal = refusals.get(id(new.row))
            answers |= self._late(new, identity, refusal) if refusal else self._inserted(new, identity)
        return answers

    def _inserted(self, new: Newcomer, identity: str) -> dict[int, Answer]:
        place = (model_name(new.row), new.row.pk)
        for _, arrival, record in new.keys:
            self._note(arrival, record, place, identity, content=new.arrival.fingerprint)
        answer = Answer(outcome="accepted", place=place)
        return new.all(answer.repeated()) | {new.number: answer}

    def _late(self, new: Newcomer, identity: str, refusal: Answer) -> dict[int, Answer]:
        """Answer for a record that the database refuses, since another process may have saved the same."""
        seen, unseen = contents(self._target_id, [new.record], self._user)
        if found := seen.find(new.record, identity):
            return {
                number: self._there(arrival, record, identity, *found) for number, arrival, record in new.keys
            }
        return self._behind(new, identity, unseen) or new.all(refusal)

    def _behind(self, new: Newcomer, identity: str, there: Contents) -> dict[int, Answer]:
        """Answer for a record that repeats these data or clashes with them; return {} when it does not."""
        found = there.find(new.record, identity)
        clash = None if found else there.clash(type(new.row), columns(new.record))
        if not found and not clash:
            return {}
        answers: dict[int, Answer] = {}
        for number, arrival, record in new.keys:
            if found:
                answers[number] = self._there(arrival, record, identity, *found)
            elif clash:
                answers[number] = rejected(clash[0], TAKEN, clash[1])
            place = answers[number].place
            if answers[number].outcome == "rejected" and place is not None:
                # Note the key, so that the next answer to it does not show that the record was not stored.
                self._note(arrival, record, place, "", content="")
        return answers

    def _note(self, arrival: Arrival, record: Record, place: RowKey, identity: str, *, content: str) -> None:
        """Note a key, with the content of the datum as stored now, or "" for a datum that was here before."""
        model, datum_pk = place
        self._notes.append(
            InboxRecord(
                origin=record.key.origin,
                kind=record.key.kind.value,
                record_id=record.key.id,
                target_id=self._target_id,
                relayed_by=self._batch.site.origin,
                fingerprint=arrival.fingerprint,
                model=model,
                datum_pk=datum_pk,
                identity=identity,
                content=content,
            )
        )


def _wait_for_others(target_id: int) -> None:
    """Let one batch at a time store data of this target; saving a single datum does not wait."""
    # Write first: on SQLite a transaction that has read fails at once while another one writes.
    InboxRecord.objects.filter(pk=0).update(kind="")
    target = BaseTarget.objects.select_for_update(no_key=True).filter(pk=target_id)
    if target.values_list("pk", flat=True).first() is None:
        raise Refused(404, "The target was deleted just now. Send the batch again.", code="no-target")
