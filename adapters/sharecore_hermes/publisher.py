"""Publish messages, and set aside the rows that HERMES refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sharecore.exceptions import AuthenticationFailed, DestinationError, Problem, TargetRefused
from sharecore.outcomes import Accepted, Deferred, Outcome, Rejected, Unconfirmed
from sharecore.records import RecordKey
from sharecore_hermes import share_values
from sharecore_hermes.answers import (
    Answer,
    Invalid,
    NotStored,
    Published,
    TooLarge,
    Unknown,
    read_submitted,
    read_validated,
    said,
)
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.errortree import Fault, Tree, faults
from sharecore_hermes.large_data import with_file
from sharecore_hermes.mapping import Entry
from sharecore_hermes.message import Envelope, assemble, references, row_of, size, split
from sharecore_hermes.references import Reference
from sharecore_http import Authorize, Client, NoAnswer, NotSent, form

SUBMIT = "api/v0/submit_message/"
VALIDATE = "api/v0/submit_message/validate/"
ROUNDS = 3
"""Number of times that HERMES is asked for faults: its three rounds of checks hide each other."""

Outcomes = Iterator[tuple[RecordKey, Outcome]]


class Publisher:
    """The sender of messages with one token."""

    def __init__(self, client: Client, authorize: Authorize, config: HermesConfig) -> None:
        self._client = client
        self._authorize = authorize
        self._config = config

    def publish(self, envelope: Envelope, entries: Sequence[Entry]) -> Outcomes:
        """Publish the entries in as few messages as they need.

        A message without an answer stops the call: a server that leaves one message in the dark would leave
        the next ones there.
        """
        for parcel in split(envelope, entries):
            yield from self._parcel(envelope, parcel)

    def announce(self, envelope: Envelope) -> None:
        """Publish the target alone. Raises `TargetRefused` for a failure that must not be tried again by
        itself.
        """
        match self._submit(envelope, ()):
            case Unknown(reason):
                raise TargetRefused(f"{reason}. Look for the message at HERMES before you share it again")
            case TooLarge(reason):
                raise TargetRefused(reason)
            case Invalid(tree):
                if problem := _unknown_reply(envelope, (), faults(tree)):
                    raise TargetRefused(f"{problem.what}. {problem.hint}")
                raise TargetRefused(f"HERMES refuses the message: {_listed(faults(tree))}")

    def faults(self, envelope: Envelope, entries: Sequence[Entry]) -> list[Fault]:
        """Return the complaints of HERMES about a message, without publishing it."""
        return faults(self._validate(envelope, entries))

    def unknown_reply(self, envelope: Envelope) -> list[Problem]:
        """Return the problem where HERMES does not have the message that the share replies to."""
        problem = _unknown_reply(envelope, (), self.faults(envelope, ()))
        return [problem] if problem else []

    def _parcel(self, envelope: Envelope, entries: list[Entry]) -> Outcomes:
        answer = self._submit(envelope, entries)
        if isinstance(answer, Invalid) and _unknown_message(envelope, entries, answer.tree):
            yield from self._parcel(replace(envelope, refers_by_page=True), entries)
        elif isinstance(answer, Invalid):
            yield from self._weed(envelope, entries, answer.tree)
        else:
            yield from self._concluded(envelope, entries, answer)

    def _concluded(self, envelope: Envelope, entries: list[Entry], answer: Answer) -> Outcomes:
        match answer:
            case Published(uuid):
                yield from _all(entries, Accepted(remote_id=uuid))
            case Unknown(reason):
                yield from _all(entries, Unconfirmed(reason=reason))
                raise DestinationError(reason)
            case TooLarge(reason) if len(entries) > 1:
                middle = len(entries) // 2
                yield from self._parcel(envelope, entries[:middle])
                yield from self._parcel(envelope, entries[middle:])
            case TooLarge() if moved := with_file(entries[0]):
                yield from self._parcel(envelope, [moved])
            case NotStored(reason):
                yield from _all(entries, Deferred(reason=reason))
            case TooLarge(reason):
                yield from _all(entries, Rejected(reason=f"alone in its message, {reason}"))
            case Invalid(tree):
                reason = "HERMES refuses other rows of the message again and again: " + _listed(faults(tree))
                refused = _refused(envelope, entries, faults(tree))
                yield from (dict(_all(entries, Deferred(reason=reason))) | refused).items()

    def _weed(self, envelope: Envelope, entries: list[Entry], tree: Tree) -> Outcomes:
        """Set the refused rows aside, ask for those that they hid, and publish the rest."""
        left = entries
        for asked in range(ROUNDS + 1):
            refused = _refused(envelope, left, faults(tree))
            yield from refused.items()
            left = [each for each in left if each.record.key not in refused]
            tree = self._validate(envelope, left) if left and asked < ROUNDS else {}
            if not tree:
                break
        if left:
            yield from self._concluded(envelope, left, self._submit(envelope, left))

    def _submit(self, envelope: Envelope, entries: Sequence[Entry]) -> Answer:
        message, file = assemble(envelope, entries), next((each.file for each in entries if each.file), None)
        content = form({"data": json.dumps(message, allow_nan=False)}, {"files": file}) if file else None
        # A kept connection may be closed by the server at the moment of its next use. After that nobody
        # knows whether a message arrived, so each gets a connection of its own.
        self._client.close()
        try:
            reply = self._client.request(
                "POST", SUBMIT, json=None if file else message, content=content, auth=self._authorize
            )
        except NotSent as error:
            raise DestinationError(f"HERMES was not reached: {error.reason}") from error
        except NoAnswer as error:
            return Unknown(
                f"HERMES gave no answer: {error.reason}. It may still publish the message, for five minutes"
            )
        sent = len(content.body) if content else size(message)
        return read_submitted(
            reply, self._config, sent=sent, topic=envelope.topic, with_file=file is not None
        )

    def _validate(self, envelope: Envelope, entries: Sequence[Entry]) -> Tree:
        try:
            # Asking twice is harmless, so a connection that closes under the question costs nothing.
            reply = self._client.request(
                "POST", VALIDATE, json=assemble(envelope, entries), auth=self._authorize, repeatable=True
            )
        except (NotSent, NoAnswer) as error:
            raise DestinationError(f"HERMES could not be asked about the message: {error.reason}") from error
        return read_validated(reply, self._config)


def _unknown_message(envelope: Envelope, entries: Sequence[Entry], tree: Tree) -> bool:
    """Return whether HERMES does not know a message that the edits replace, as far as it was asked for it."""
    asked = not envelope.refers_by_page and any(each.replaces for each in entries)
    return asked and any(each.path.startswith("data.references") for each in faults(tree))


def _all(entries: Sequence[Entry], outcome: Outcome) -> Outcomes:
    return ((each.record.key, outcome) for each in entries)


def _refused(
    envelope: Envelope, entries: Sequence[Entry], found: Sequence[Fault]
) -> dict[RecordKey, Outcome]:
    """Return the outcomes of the rows that the complaints are about.

    Raises an exception for complaints about the message or its topic instead.
    """
    outcomes: dict[RecordKey, Outcome] = {}
    for fault in found:
        entry = row_of(entries, fault.table, fault.index) if fault.table and fault.index is not None else None
        if entry is not None:
            outcomes.setdefault(
                entry.record.key, Rejected(reason=f"{fault.path}: {fault.text}", field=fault.field)
            )
    if outcomes:
        return outcomes
    if problem := _unknown_reply(envelope, entries, found):
        reason = f"{problem.what}. {problem.hint}"
        return {each.record.key: Rejected(reason=reason, field=problem.where) for each in entries}
    if unknown := _refused_references(envelope, entries, found):
        return unknown
    table = next((each for each in found if each.path.startswith("data.")), None)
    if table is not None:
        concerned = [each for each in entries if table.path == f"data.{each.table}"] or entries
        reason = f"{table.path}: {table.text}"
        return {each.record.key: Rejected(reason=reason, field=table.path) for each in concerned}
    said_so = _listed(found)
    if any(fault.path == "topic" for fault in found):
        raise AuthenticationFailed(
            f"HERMES does not publish on the topic {envelope.topic!r}: {said_so}. Choose another one",
            topic_only=True,
        )
    raise DestinationError(f"HERMES refuses the message: {said_so}. Check {envelope.config.path}")


def _refused_references(
    envelope: Envelope, entries: Sequence[Entry], found: Sequence[Fault]
) -> dict[RecordKey, Outcome]:
    """Return the outcomes of the records whose references are refused; raise for those of the settings."""
    outcomes: dict[RecordKey, Outcome] = {}
    for fault, refused in _references_at_fault(envelope, entries, found):
        if refused in envelope.config.references:
            raise DestinationError(f"HERMES refuses {envelope.config.path}['REFERENCES']: {_listed([fault])}")
        for entry in entries:
            if refused in entry.references:
                reason = f"{fault.path}: {fault.text}"
                outcomes[entry.record.key] = Rejected(reason=reason, field="references")
    return outcomes


def _unknown_reply(envelope: Envelope, entries: Sequence[Entry], found: Sequence[Fault]) -> Problem | None:
    """Return the problem where HERMES complains about the message that the share replies to."""
    for _, refused in _references_at_fault(envelope, entries, found):
        if refused in share_values.reply(envelope.batch, envelope.config):
            return share_values.not_there(refused["citation"])
    return None


def _references_at_fault(
    envelope: Envelope, entries: Sequence[Entry], found: Sequence[Fault]
) -> Iterator[tuple[Fault, Reference]]:
    """Yield each complaint about a reference, and that reference."""
    sent = references(envelope, entries)
    for fault in found:
        number = re.match(r"data\.references\[(\d+)\]", fault.path)
        if number and int(number[1]) < len(sent):
            yield fault, sent[int(number[1])]


def _listed(found: Sequence[Fault]) -> str:
    return said("; ".join(f"{each.path}: {each.text}" for each in found[:5]))
