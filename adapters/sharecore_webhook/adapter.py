"""The adapter: posts to one web address."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from sharecore import (
    Absent,
    Accepted,
    Adapter,
    AuthenticationFailed,
    Batch,
    DestinationError,
    Found,
    Outcome,
    Preview,
    Problem,
    RecordKey,
    Rejected,
    SentTest,
    Unconfirmed,
    Unsupported,
    build_each,
)
from sharecore_http import Client, NoAnswer, NotSent, Reply, Verdict
from sharecore_webhook.config import WebhookConfig
from sharecore_webhook.messages import Message, event, events, forget, test
from sharecore_webhook.signing import signed

_PASSING = frozenset({404, 405, 408, 425})
"""Statuses of refusals that are not about the message: a wrong address, or a receiver that is not ready."""


class WebhookAdapter(Adapter):
    """The adapter of one webhook: posts each record as a signed event.

    An edit is a further event (`photometry.updated`) about the same `record.key` (`can_update`).
    `settle_time` is short where sending again is harmless, since each try of a message has the same id.
    """

    can_update = True
    takes_tests = True
    settle_time = 5.0

    def __init__(self, config: WebhookConfig, *, client: Client | None = None) -> None:
        self._config = config
        self.clock = time.time
        self._client = client or Client(config.url, config.http, connections=1)
        self.batch_window_seconds = config.batch_window_seconds

    def __repr__(self) -> str:
        return f"<WebhookAdapter {urlsplit(self._config.url.reveal()).hostname}>"

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        """Send in order of time. The first message that fails stops the call."""
        built: dict[RecordKey, Message]
        built, outcomes = build_each(batch.records, partial(event, batch))
        yield from outcomes.items()
        for key, message in built.items():
            for outcome in self._send(message):
                yield key, outcome
            forget(batch, message)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Answer that a message may be sent again, since receivers know it by its id.

        After a move of the datum no receiver knows it: the id names the target.
        """
        if batch.moved:
            return None
        return {record.key: Absent() for record in batch.records}

    def preview(self, batch: Batch) -> Preview:
        messages = events(batch)
        notes = [f"{m.record.key}: {self._too_large(m)}" for m in messages if m.size > self._limit]
        notes.append("Each event is one request, with its id, time and signature in the headers.")
        body = [message.body for message in messages]
        shown = body[0] if len(body) == 1 else body
        return Preview(
            content_type="application/json",
            body=json.dumps(shown, indent=2, ensure_ascii=False),
            note="\n".join(notes),
        )

    def describe(self) -> str:
        return "Each datum goes as a signed event, in a request of its own; an edit is a further event."

    def check(self) -> Sequence[Problem]:
        """Return a warning: a receiver of webhooks cannot be asked without a message."""
        return (
            Problem(
                where=self._config.path,
                what="a webhook cannot be asked whether it works",
                hint="Send a test, and look whether it arrives.",
                fatal=False,
            ),
        )

    def send_test(self, batch: Batch) -> SentTest:
        """Post an event that says that it is a test."""
        problems: list[Problem] = []
        for outcome in self._send(test(batch)):
            if isinstance(outcome, Rejected | Unsupported):
                hint = "Ask the operator of the receiver."
                problems.append(Problem(where=self._config.path, what=outcome.reason, hint=hint))
        verdict = "refused" if problems else "took"
        return SentTest(reply=f"The receiver {verdict} the event of the type test.", problems=tuple(problems))

    def close(self) -> None:
        self._client.close()

    @property
    def _limit(self) -> int:
        return self._config.max_bytes

    def _too_large(self, message: Message) -> str:
        return (
            f"its message has {message.size} bytes, more than the {self._limit} that "
            f"{self._config.path}['MAX_BYTES'] allows. Raise it if the receiver takes more"
        )

    def _send(self, message: Message) -> Iterator[Outcome]:
        """Send a message, and yield the outcome of its record."""
        if message.size > self._limit:
            yield Unsupported(feature="message-size", reason=self._too_large(message))
            return
        sign = signed(message.id, self._config.keys, self.clock)
        try:
            reply = self._client.post("", json=message.body, auth=sign)
        except NotSent as error:
            raise DestinationError(error.reason) from None
        except NoAnswer as error:
            yield Unconfirmed(reason=error.reason)
            raise DestinationError(error.reason) from None
        said = f"HTTP {reply.status}, {reply.excerpt}"
        if 200 <= reply.status < 300:
            yield Accepted(remote_id=message.id)
            return
        if reply.status in (502, 504):
            yield Unconfirmed(reason=said)
        self._heed(reply, said)
        yield Rejected(reason=f"refused: {said}")

    def _heed(self, reply: Reply, said: str) -> None:
        """Raise the exception that stops the call, if the answer asks for it.

        Standard Webhooks 1.0.0: 410 ends it; 429, 502 and 504 ask to slow down.
        """
        if reply.status in (401, 403):
            raise AuthenticationFailed(f"the receiver refuses us: {said}")
        if reply.status == 410:
            raise AuthenticationFailed(
                "the receiver wants nothing more (HTTP 410). Ask its operator, then correct "
                f"{self._config.path} or remove the shares that use it"
            )
        if reply.verdict is Verdict.REDIRECT:
            hint = f"redirects are not followed: correct {self._config.path}['URL']"
            raise DestinationError(f"HTTP {reply.status}: {hint}")
        if reply.status == 429 or reply.status >= 500 or reply.status in _PASSING:
            raise DestinationError(said, retry_after=reply.retry_after)
