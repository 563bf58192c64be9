"""The adapter: shares to one other TOM, by the best transport that leads there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sharecore.adapter import Adapter, Batch, Preview, SentTest
from sharecore.exceptions import AuthenticationFailed, DeliveryError, DestinationError, Problem
from sharecore.outcomes import Deferred, Duplicate, Found, Outcome
from sharecore.records import DataFile, RecordKey
from sharecore_http.client import Client
from sharecore_tom.api import Api
from sharecore_tom.auth import Scheme
from sharecore_tom.config import TomConfig
from sharecore_tom.receiver import Generation, Receiver, Sharing, discover
from sharecore_tom.receiver_target import Targets
from sharecore_tom.send_file import send_file
from sharecore_tom.transports import Closed, Outcomes, Transport
from sharecore_tom.transports.batches import Batches
from sharecore_tom.transports.files import Files
from sharecore_tom.transports.rest import Rest

_REDISCOVER = 3600.0
"""Seconds after which the software of the receiver is asked for again: it may have been upgraded."""

_OURSELVES = (
    "that TOM has the identity of this one. Is one database a copy of the other? Then give the copy an "
    "identity of its own, in its table sharecore_origin. Or is 'BASE_URL' our own address?"
)
_LOGIN = {
    Scheme.API_KEY: "We log in with 'API_KEY'.",
    Scheme.EXCHANGED: "We log in with a token that it gave us for 'PASSWORD'.",
    Scheme.BASIC: "We log in with 'PASSWORD', which goes with each request.",
}
_NO_FILES_IN_2 = "tomtoolkit 2.x does not keep the columns of a file apart"

logger = logging.getLogger(__name__)


class TomAdapter(Adapter):
    """The adapter of one TOM, with sharecore (in batches) or a stock tomtoolkit 3.x or 2.x (by the REST API).

    Args:
        config: settings.
        client: HTTP client, for tests.
        clock: seconds that pass, for tests.
        now: seconds since 1970, for tests.
    """

    takes_files = True
    check_tests = "its address, the log-in, and the way in which data go there"

    def __init__(
        self,
        config: TomConfig,
        *,
        client: Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self.settle_time = config.settle_seconds
        self._api = Api(config, client)
        self._targets = Targets(self._api, now)
        self._clock, self._now = clock, now
        self._receiver: Receiver | None = None
        self._origin = ""
        self._asked = 0.0
        self._take(Rest(self._api, self._targets, Generation.TYPED))

    def __repr__(self) -> str:
        return f"<TomAdapter {self._config.base_url}>"

    def ready(self) -> None:
        """Ask the receiver for its software, if the last answer is older than an hour."""
        if self._receiver is None or self._clock() - self._asked > _REDISCOVER:
            self._discover()

    def probe(self, seconds: float) -> bool:
        """Make the first request of `discover`: every TOM answers it, and it costs no check of a password
        there.
        """
        return self._api.answers(seconds)

    def knows_target(self, batch: Batch) -> bool:
        return self._transport.knows_target(batch)

    def ensure_target(self, batch: Batch) -> None:
        """Make the target known.

        A separate step, because a stock TOM on SQLite may leave half a target if it stores something else
        meanwhile.
        """
        self._begin(batch)
        try:
            self._transport.ensure_target(batch)
        except Closed as closed:
            self._leave_batches(closed)
            self._transport.ensure_target(batch)

    def deliver(self, batch: Batch) -> Outcomes:
        self._begin(batch)
        decided: set[RecordKey] = set()
        try:
            for key, outcome in self._by(self._transport, batch):
                decided.add(key)
                yield key, outcome
        except Closed as closed:
            self._leave_batches(closed)
        else:
            return
        yield from self._by(self._transport, _without(batch, decided))

    def deliver_file(self, file: DataFile, batch: Batch) -> Outcome:
        self._begin(batch)
        target = self._targets.to_send_to(batch)
        return send_file(self._api, file, target) if isinstance(target, int) else target

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        self.ready()
        self._note(batch)
        if batch.moved and self._receiver:
            return Rest(self._api, self._targets, self._receiver.generation).look(batch)
        return self._transport.find(batch)

    def preview(self, batch: Batch) -> Preview:
        transport = self._transport if self._receiver else self._transport_to(_remembered(batch))
        return transport.preview(batch)

    def describe(self) -> str:
        scheme = self._api.login.scheme
        return f"{self._transport.about} {_LOGIN[scheme]}" if self._receiver and scheme else ""

    def check(self) -> Sequence[Problem]:
        config = self._config
        try:
            self._api.log_in_anew()
            receiver = self._discover()
        except AuthenticationFailed as error:
            key = "API_KEY" if config.token else "PASSWORD"
            hint = "Correct the credentials, or ask for an account there."
            return [Problem.of_setting(config.path, key, error.reason, hint)]
        except DeliveryError as error:
            hint = "Check the address in a browser; if it is right, tell the operator of that TOM."
            return [Problem.of_setting(config.path, "BASE_URL", error.reason, hint)]
        return [*self._about_bulk_upload(receiver), *self._about_login(receiver)]

    def validate(self, batch: Batch) -> Sequence[Problem]:
        """Let a TOM with sharecore examine the batch; a stock TOM cannot do that."""
        self._begin(batch)
        return self._transport.examine(batch) or ()

    def send_test(self, batch: Batch) -> SentTest | None:
        """Let a TOM with sharecore examine the test, as a dry run; a stock TOM would store it."""
        self._begin(batch)
        found = self._transport.examine(batch)
        if found is None:
            self.takes_tests = False
            return None
        verdict = "would not take it" if found else "would take it"
        return SentTest(reply=f"That TOM examined the test and stored nothing: it {verdict}.", problems=found)

    def close(self) -> None:
        self._api.close()

    def _discover(self) -> Receiver:
        receiver = discover(self._api)
        self._asked = self._clock()
        if receiver != self._receiver:
            self._receiver = receiver
            self._take(self._transport_to(receiver))
        if receiver.sharing:
            self._origin = receiver.sharing.origin
        return receiver

    def _take(self, transport: Transport) -> None:
        self._transport = transport
        self.can_update, self.max_batch = transport.can_update, transport.max_batch
        self.takes_tests = transport.can_examine

    def _transport_to(self, receiver: Receiver) -> Transport:
        if receiver.sharing:
            return Batches(self._api, self._targets, receiver.sharing)
        if self._config.bulk_upload and receiver.generation is Generation.TYPED:
            return Files(self._api, self._targets, receiver.note, now=self._now)
        return Rest(self._api, self._targets, receiver.generation, receiver.note)

    def _begin(self, batch: Batch) -> None:
        self.ready()
        self._note(batch)
        if self._origin == batch.site.origin:
            raise DestinationError(_OURSELVES)

    def _by(self, transport: Transport, batch: Batch) -> Outcomes:
        kept = self._at_home(batch) | _edits(batch, transport)
        yield from kept.items()
        left = _without(batch, kept)
        if left.records:
            try:
                yield from transport.deliver(left)
            finally:
                self.max_batch = transport.max_batch

    def _leave_batches(self, closed: Closed) -> None:
        logger.warning("%s: batches cannot be used: %s", self._config.path, closed.reason)
        self._take(Rest(self._api, self._targets, Generation.TYPED))
        self._receiver = None  # asked again before the next call

    def _note(self, batch: Batch) -> None:
        """Note what a preview in another process needs of the receiver."""
        if self._receiver is not None:
            sharing = self._receiver.sharing
            batch.state["generation"] = self._receiver.generation.value
            batch.state["sharecore"] = sharing.version if sharing else ""

    def _at_home(self, batch: Batch) -> dict[RecordKey, Outcome]:
        """Return outcomes for the records that were observed at the receiver, or came from there: it has
        them.
        """
        keys = [record.key for record in batch.records] if self._origin else []
        return {key: Duplicate() for key in keys if self._origin in _origins(batch, key)}

    def _about_bulk_upload(self, receiver: Receiver) -> list[Problem]:
        if not self._config.bulk_upload or isinstance(self._transport, Files):
            return []
        why = "that TOM takes batches, which are faster" if receiver.sharing else _NO_FILES_IN_2
        what, hint = f"is on but not used: {why}", "Remove it."
        return [Problem.of_setting(self._config.path, "BULK_UPLOAD", what, hint, fatal=False)]

    def _about_login(self, receiver: Receiver) -> list[Problem]:
        if self._api.login.scheme is not Scheme.BASIC:
            return []
        return [
            Problem(
                where=self._config.path,
                what=f"that TOM (tomtoolkit {receiver.generation}) takes no tokens: the password goes with "
                "each request and costs it about 0.3 s of hashing",
                hint="Ask its operator to add TokenAuthentication to DEFAULT_AUTHENTICATION_CLASSES.",
                fatal=False,
            )
        ]


def _remembered(batch: Batch) -> Receiver:
    noted, version = batch.state.get("generation"), batch.state.get("sharecore")
    return Receiver(
        generation=Generation.ONE_TABLE if noted == Generation.ONE_TABLE else Generation.TYPED,
        sharing=Sharing(version=str(version)) if version else None,
    )


def _origins(batch: Batch, key: RecordKey) -> tuple[str, str]:
    return key.origin, batch.relayed_by.get(key, "")


def _edits(batch: Batch, transport: Transport) -> dict[RecordKey, Outcome]:
    """Return outcomes for edits that the receiver turned out not to take: at the next try the framework knows
    that.
    """
    if transport.can_update:
        return {}
    edited = batch.previous.keys() & {record.key for record in batch.records}
    reason = "edited since; that TOM cannot change what it has"
    return {key: Deferred(reason=reason) for key in edited}


def _without(batch: Batch, decided: Collection[RecordKey]) -> Batch:
    left = tuple(record for record in batch.records if record.key not in decided)
    return batch if len(left) == len(batch.records) else replace(batch, records=left)
