"""The adapter: HERMES as a destination."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sharecore.adapter import Adapter, Batch, Preview, SentTest, Topic
from sharecore.building import before_sending
from sharecore.exceptions import AuthenticationFailed, DestinationError, Problem, TargetRefused
from sharecore.identity import fingerprint
from sharecore.outcomes import Absent, Accepted, Found, Outcome, Present, Unsupported, Withdrawal
from sharecore.records import Record, RecordKey
from sharecore.reports import ReportField
from sharecore_hermes import large_data, share_values
from sharecore_hermes.archive import Archive, CannotTell, FailsNow
from sharecore_hermes.checks import problems
from sharecore_hermes.config import KEEP, MESSAGE, RETRACT, HermesConfig, topic_fault
from sharecore_hermes.converter import load_converter
from sharecore_hermes.look_up import SETTLE_TIME, look_up
from sharecore_hermes.mapping import Mapped, map_batch
from sharecore_hermes.message import Envelope, assemble, row_of, split
from sharecore_hermes.profile import Profile, ask_profile
from sharecore_hermes.publisher import Publisher
from sharecore_hermes.references import message_id, message_url
from sharecore_hermes.retraction import Replaced, withdrawn
from sharecore_hermes.topics import SHARED, TopicCache, offered
from sharecore_http import Client, token

_EDITS = {
    KEEP: "A published message cannot be changed: edits stay here.",
    MESSAGE: "An edit is a new message that refers to the one that it replaces.",
    RETRACT: "An edit is a new message; the old one is retracted once no other record is left in it.",
}


class HermesAdapter(Adapter):
    """The adapter of one HERMES: publishes a batch as one message, or as few as its size allows.

    Messages cannot be changed afterwards: an edit is a message that refers to the one that it replaces.
    `batch_window_seconds` lets new records share a message.
    """

    can_withdraw = True
    takes_tests = True
    settle_time = SETTLE_TIME
    check_tests = "its address, the token, and whether it may write to the topics of the settings"

    def __init__(
        self, config: HermesConfig, *, client: Client | None = None, topic_cache: TopicCache = SHARED
    ) -> None:
        self.config = config
        self.can_update = config.edits != KEEP
        self.max_batch = config.max_rows
        self.batch_window_seconds = config.batch_window_seconds
        self._converter = load_converter(config.converter, config.path)
        self._client = client or Client(config.base_url, config.http, connections=1)
        self._authorize = token(config.token)
        self._publisher = Publisher(self._client, self._authorize, config)
        self._archive = Archive(self._client, self._authorize, config)
        self._topic_cache = topic_cache

    def probe(self, seconds: float) -> bool:
        return self._client.answers("GET", "api/v0/heartbeat/", seconds=seconds)

    def ensure_target(self, batch: Batch) -> None:
        """Publish a target without records, but only with a title or text that a person gave it."""
        if batch.records or not (batch.title or batch.message):
            return
        envelope, mapped = self._ready_to_send(batch)
        if mapped.target is None:
            raise TargetRefused(mapped.problem)
        self._publisher.announce(envelope)

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        envelope, mapped = self._ready_to_send(batch)
        yield from mapped.decided.items()
        with self._retracting(batch) as replaced:
            for key, outcome in self._publisher.publish(envelope, mapped.entries):
                yield key, outcome
                if isinstance(outcome, Accepted):
                    replaced(key, outcome.remote_id)

    def preview(self, batch: Batch) -> Preview:
        """Return the message as JSON, or a list of them where the batch is too large for one."""
        envelope, mapped = self.prepare(batch)
        notes = [
            f"{_named(record)} is left out. {_reason(mapped.decided[record.key])}"
            for record in batch.records
            if record.key in mapped.decided
        ]
        notes += large_data.notes(mapped.entries)
        if mapped.problem and not batch.records:
            notes.append(mapped.problem)
        if fault := topic_fault(envelope.topic):
            notes.insert(0, f"{fault}. {self._which_topic()}")
        messages = [assemble(envelope, parcel) for parcel in split(envelope, mapped.entries)]
        if mapped.target is not None and not batch.records:
            messages = [assemble(envelope, ())]
        body = messages[0] if len(messages) == 1 else messages
        text = json.dumps(body, allow_nan=False, indent=1)
        return Preview(content_type="application/json", body=text, note="\n".join(notes))

    def validate(self, batch: Batch) -> Sequence[Problem]:
        """Ask HERMES for problems of the message, without publishing it; empty when there are none.

        Data that `preview` leaves out are not checked. Raises `AuthenticationFailed`, `DestinationError`.
        """
        envelope, mapped = self.prepare(batch)
        found: list[Problem] = []
        if mapped.target is None:
            return found
        hint = "Correct it, or map it with the settings or a converter; the rest is sent without it."
        parcels = list(split(envelope, mapped.entries)) if batch.records else [[]]
        for parcel in parcels:
            for fault in self._publisher.faults(envelope, parcel):
                entry = row_of(parcel, fault.table or "", -1 if fault.index is None else fault.index)
                where = f"{fault.path} ({_named(entry.record)})" if entry else fault.path
                found.append(Problem(where=where, what=fault.text, hint=hint))
        return found

    def send_test(self, batch: Batch) -> SentTest:
        """Let HERMES examine a message, which it publishes to nobody."""
        envelope, _ = self._ready_to_send(batch)
        found = tuple(self.validate(batch))
        verdict = "would not take it" if found else "would take it"
        return SentTest(
            reply=f"HERMES examined the test for {envelope.topic} and published nothing: it {verdict}.",
            problems=found,
        )

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Look the records up in the archive of the topic; None where the archive cannot be asked for it.

        There, with `RESEND_UNCONFIRMED`, the site accepts duplicates after a call of ours, and only then: not
        of data that are moved, not after a restored backup, nor in a replay, which asks without records.
        """
        topic = self._topic(batch)
        found = self._find(batch, topic) if self.config.ask_archive and not topic_fault(topic) else None
        if found is None and self.config.resend_unconfirmed and not batch.moved:
            return {record.key: Absent() for record in batch.records if record.key in batch.sent_at} or None
        return found

    def _find(self, batch: Batch, topic: str) -> Mapping[RecordKey, Found] | None:
        if batch.records:
            found = look_up(batch, topic, self._archive, self.config.archive_delay)
            with self._retracting(batch) as replaced:
                for record in batch.records:
                    answer = found.get(record.key) if found else None
                    if isinstance(answer, Present) and answer.content == fingerprint(record):
                        replaced(record.key, answer.remote_id)
            return found
        try:
            return {} if self._archive.is_readable(topic) else None
        except CannotTell:
            return None
        except FailsNow as error:
            raise DestinationError(error.reason, retry_after=error.retry_after) from None

    def withdraw(self, batch: Batch, reason: str) -> Iterator[tuple[RecordKey, Withdrawal]]:
        """Retract the messages with the records. The reason stays at the site: HERMES takes none."""
        answers: dict[str, Withdrawal] = {}
        for key, name in batch.previous.items():
            uuid = message_id(name)
            if uuid not in answers:
                answers[uuid] = withdrawn(self._archive, uuid)
            yield key, answers[uuid]

    @contextmanager
    def _retracting(self, batch: Batch) -> Iterator[Callable[[RecordKey, str | None], None]]:
        """Retract in the end the messages that were replaced, if the site chose so.

        Yield a function that takes each record that stands in a new message, and the id of that.
        """
        messages = Replaced(batch.state)

        def replaced(key: RecordKey, uuid: str | None) -> None:
            old = message_id(batch.previous.get(key))
            if self.config.edits == RETRACT and old and old != uuid:
                messages.add(old, key)

        yield replaced
        if self.config.edits == RETRACT:
            messages.retract(self._archive, batch.site.origin)

    def share_fields(self) -> Sequence[ReportField]:
        return share_values.FIELDS

    def check_values(self, batch: Batch) -> Sequence[Problem]:
        """Let HERMES say whether it has the message that the share replies to: it alone knows."""
        found = share_values.unreadable(batch)
        if found or not share_values.replied_to(batch):
            return found
        envelope, _ = self.prepare(batch)
        return self._publisher.unknown_reply(envelope)

    def describe(self) -> str:
        return (
            f"New data are collected for {self.batch_window_seconds:g} s; "
            f"up to {self.max_batch} go in one message. "
            f"{_EDITS[self.config.edits]}"
        )

    def topics(self) -> Sequence[Topic]:
        return offered(self.config, self._profile, self._topic_cache)

    def check(self) -> Sequence[Problem]:
        return problems(self.config, self._profile)

    def link(self, remote_id: str) -> str:
        """Return the page of the message with a delivered record."""
        return message_url(self.config.base_url, remote_id)

    def close(self) -> None:
        self._client.close()

    def _ready_to_send(self, batch: Batch) -> tuple[Envelope, Mapped]:
        with before_sending():
            envelope, mapped = self.prepare(batch)
        if fault := topic_fault(envelope.topic):
            raise AuthenticationFailed(f"{fault}. {self._which_topic()}", topic_only=True)
        return envelope, mapped

    def prepare(self, batch: Batch) -> tuple[Envelope, Mapped]:
        """Return what the messages of a batch have in common, and what its records become. No network."""
        topic = self._topic(batch)
        mapped = map_batch(batch, self.config, self._converter, topic)
        envelope = Envelope(batch, self.config, topic, mapped.target or {})
        return envelope, large_data.fitted(envelope, mapped)

    def _topic(self, batch: Batch) -> str:
        return batch.address.topic or self.config.default_topic

    def _profile(self) -> Profile:
        return ask_profile(self._client, self._authorize, self.config)

    def _which_topic(self) -> str:
        return f"Name a topic in the share's destination, or give {self.config.path}['DEFAULT_TOPIC']"


def _named(record: Record) -> str:
    """Return a name of a record, for people."""
    return (
        f"{record.key.kind.value.capitalize().replace('-', ' ')} of {record.timestamp:%Y-%m-%d %H:%M:%S} UTC"
    )


def _reason(outcome: Outcome) -> str:
    if isinstance(outcome, Unsupported):
        return f"{outcome.feature}: {outcome.reason}"
    return str(getattr(outcome, "reason", "it came from this topic"))
