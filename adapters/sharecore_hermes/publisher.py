"""Publishing: one message out, its answer in, and what to do when HERMES refuses some of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from sharecore.exceptions import AuthenticationFailed, DeliveryError, DestinationError, TargetRefused
from sharecore.outcomes import Accepted, Deferred, Outcome, Rejected, Unconfirmed, Unsupported
from sharecore.records import RecordKey
from sharecore_hermes.answers import (
    Answer,
    Invalid,
    Published,
    TooLarge,
    Unknown,
    read_submitted,
    read_validated,
    said,
)
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.errortree import Fault, Tree, faults
from sharecore_hermes.mapping import Entry
from sharecore_hermes.message import MAX_BYTES, Envelope, assemble, row_of, size, split
from sharecore_http import Authorize, Client, NoAnswer, NotSent

SUBMIT = "api/v0/submit_message/"
VALIDATE = "api/v0/submit_message/validate/"
ROUNDS = 3
"""How often HERMES is asked for faults: its three rounds of checks hide each other."""

Outcomes = dict[RecordKey, Outcome]


class Publisher:
    """Sends messages with one token."""

    def __init__(self, client: Client, authorize: Authorize, config: HermesConfig) -> None:
        self._client = client
        self._authorize = authorize
        self._config = config

    def publish(self, envelope: Envelope, entries: Sequence[Entry]) -> Outcomes:
        """Publish the entries in as few messages as they need.

        What stops the call travels in a `DeliveryError`, with what was decided before. A message without an
        answer stops it too: a server that leaves one message in the dark would leave the next ones there.
        """
        outcomes: Outcomes = {}
        try:
            for parcel in split(envelope, entries):
                outcomes |= self._parcel(envelope, parcel)
        except DeliveryError as error:
            error.decided = {**outcomes, **error.decided}
            raise
        return outcomes

    def announce(self, envelope: Envelope) -> None:
        """Publish the target alone. Raises `TargetRefused` for what is not to be tried again by itself."""
        match self._submit(envelope, ()):
            case Unknown(reason) | TooLarge(reason):
                raise TargetRefused(reason)
            case Invalid(tree):
                raise TargetRefused(f"HERMES refuses the message: {_listed(faults(tree), self._config)}")

    def faults(self, envelope: Envelope, entries: Sequence[Entry]) -> list[Fault]:
        """What HERMES says to a message without publishing it."""
        return faults(self._validate(envelope, entries))

    def _parcel(self, envelope: Envelope, entries: list[Entry]) -> Outcomes:
        if len(entries) == 1 and size(assemble(envelope, entries)) > MAX_BYTES:
            reason = f"its row is larger than the {MAX_BYTES} bytes that a message can have"
            return {entries[0].record.key: Unsupported(feature="message-size", reason=reason)}
        answer = self._submit(envelope, entries)
        if isinstance(answer, Invalid):
            return self._weed(envelope, entries, answer.tree)
        return self._concluded(envelope, entries, answer)

    def _concluded(self, envelope: Envelope, entries: list[Entry], answer: Answer) -> Outcomes:
        match answer:
            case Published(uuid):
                return {each.record.key: Accepted(remote_id=uuid) for each in entries}
            case Unknown(reason):
                lost: Outcomes = {each.record.key: Unconfirmed(reason=reason) for each in entries}
                raise DestinationError(reason, decided=lost)
            case TooLarge(reason) if len(entries) > 1:
                return self._halves(envelope, entries)
            case TooLarge(reason):
                return {
                    each.record.key: Rejected(reason=f"alone in its message, {reason}") for each in entries
                }
            case Invalid(tree):
                reason = "HERMES refuses other rows of the message again and again: " + _listed(
                    faults(tree), self._config
                )
                refused = _refused(envelope, entries, faults(tree))
                return {each.record.key: Deferred(reason=reason) for each in entries} | refused

    def _halves(self, envelope: Envelope, entries: list[Entry]) -> Outcomes:
        middle = len(entries) // 2
        outcomes = self._parcel(envelope, entries[:middle])
        try:
            return outcomes | self._parcel(envelope, entries[middle:])
        except DeliveryError as error:
            error.decided = {**outcomes, **error.decided}
            raise

    def _weed(self, envelope: Envelope, entries: list[Entry], tree: Tree) -> Outcomes:
        """Set the refused rows aside, ask for those that they hid, and publish the rest."""
        refused: Outcomes = {}
        left = entries
        try:
            for _ in range(ROUNDS):
                found = _refused(envelope, left, faults(tree))
                refused |= found
                left = [each for each in left if each.record.key not in found]
                if not left:
                    return refused
                tree = self._validate(envelope, left)
                if not tree:
                    break
            else:
                found = _refused(envelope, left, faults(tree))
                refused |= found
                left = [each for each in left if each.record.key not in found]
            return refused | (self._concluded(envelope, left, self._submit(envelope, left)) if left else {})
        except DeliveryError as error:
            error.decided = {**refused, **error.decided}
            raise

    def _submit(self, envelope: Envelope, entries: Sequence[Entry]) -> Answer:
        message = assemble(envelope, entries)
        # A kept connection may be closed by the server at the moment of its next use. After that nobody
        # knows whether a message arrived, so each gets a connection of its own.
        self._client.close()
        try:
            reply = self._client.post(SUBMIT, json=message, auth=self._authorize)
        except NotSent as error:
            raise DestinationError(f"HERMES was not reached: {error.reason}") from error
        except NoAnswer as error:
            return Unknown(
                f"HERMES gave no answer: {error.reason}. It may still publish the message, for five "
                "minutes. Look for it at HERMES, then mark it as sent or send it again"
            )
        return read_submitted(reply, self._config, sent=size(message), topic=envelope.topic)

    def _validate(self, envelope: Envelope, entries: Sequence[Entry]) -> Tree:
        try:
            # Asking twice is harmless, so a connection that closes under the question costs nothing.
            reply = self._client.request(
                "POST", VALIDATE, json=assemble(envelope, entries), auth=self._authorize, repeatable=True
            )
        except (NotSent, NoAnswer) as error:
            raise DestinationError(f"HERMES could not be asked about the message: {error.reason}") from error
        return read_validated(reply, self._config)


def _refused(envelope: Envelope, entries: Sequence[Entry], found: Sequence[Fault]) -> Outcomes:
    """The rows that the complaints are about.

    Raises where they are about the message or its topic instead.
    """
    outcomes: Outcomes = {}
    for fault in found:
        entry = row_of(entries, fault.table, fault.index) if fault.table and fault.index is not None else None
        if entry is not None:
            outcomes.setdefault(
                entry.record.key, Rejected(reason=f"{fault.path}: {fault.text}", field=fault.field)
            )
    if outcomes:
        return outcomes
    table = next((each for each in found if each.path.startswith("data.")), None)
    if table is not None:
        concerned = [each for each in entries if table.path == f"data.{each.table}"] or entries
        reason = f"{table.path}: {table.text}"
        return {each.record.key: Rejected(reason=reason, field=table.path) for each in concerned}
    said_so = _listed(found, envelope.config)
    if any(fault.path == "topic" for fault in found):
        raise AuthenticationFailed(
            f"HERMES does not publish on the topic {envelope.topic!r}: {said_so}. Choose another one",
            topic_only=True,
        )
    raise DestinationError(f"HERMES refuses the message: {said_so}. Check {envelope.config.path}")


def _listed(found: Sequence[Fault], config: HermesConfig) -> str:
    return said("; ".join(f"{each.path}: {each.text}" for each in found[:5]), config)
