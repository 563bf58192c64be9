"""The adapter: tells one web address."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
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
    Unconfirmed,
    Unsupported,
    before_sending,
    build_each,
)
from sharecore_http import Client, NoAnswer, NotSent, Reply, Verdict, no_credentials
from sharecore_webhook.config import Template, WebhookConfig
from sharecore_webhook.messages import Message, event, events, forget, text
from sharecore_webhook.signing import signed

_PASSING = frozenset({404, 405, 408, 425})
"""Refusals that are not about the message: a wrong address, or a receiver that is not ready."""


class WebhookAdapter(Adapter):
    """Posts each record as a signed event, or each batch as a text.

    can_update: an edit is a further event (`photometry.updated`) about the same `record.key`.
    settle_time: short where sending again is harmless, since each try of a message has the same id.
    """

    can_update = True

    def __init__(self, config: WebhookConfig, *, client: Client | None = None) -> None:
        self._config = config
        self.clock = time.time
        self._slack = config.template is Template.SLACK
        self._client = client or Client(config.url, config.http, connections=1)
        self.batch_window_seconds = config.batch_window_seconds
        self.settle_time = 60.0 if self._slack else 5.0

    def __repr__(self) -> str:
        return f"<WebhookAdapter {urlsplit(self._config.url.reveal()).hostname}>"

    def deliver(self, batch: Batch) -> Mapping[RecordKey, Outcome]:
        """Send in order of time. The first message without a good end stops the call."""
        outcomes: dict[RecordKey, Outcome] = {}
        if self._slack:
            with before_sending():
                messages = text(batch)
        else:
            built: dict[RecordKey, Message]
            built, outcomes = build_each(batch.records, partial(event, batch))
            messages = list(built.values())
        for message in messages:
            outcomes |= self._send(message, outcomes)
            forget(batch, message)
        return outcomes

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Receivers know a message by its id, so that it may be sent again; Slack knows none.

        Neither does anybody know a datum that has moved: the id names the target.
        """
        if (self._slack or batch.moved) and not self._config.resend_unconfirmed:
            return None
        return {record.key: Absent() for record in batch.records}

    def preview(self, batch: Batch) -> Preview:
        messages = self._messages(batch)
        notes = [f"{m.records[0].key}: {self._too_large(m)}" for m in messages if m.size > self._limit]
        body = [message.body for message in messages]
        if not self._slack:
            notes.append("Each event is one request, with its id, time and signature in the headers.")
        shown = body[0] if len(body) == 1 else body
        return Preview(
            content_type="application/json",
            body=json.dumps(shown, indent=2, ensure_ascii=False),
            note="\n".join(notes),
        )

    def describe(self) -> str:
        if self._slack:
            again = "may be posted twice" if self._config.resend_unconfirmed else "waits for a person"
            return f"Data that come together go as one text; one that got no answer {again}."
        return "Each datum goes as a signed event, in a request of its own; an edit is a further event."

    def check(self) -> Sequence[Problem]:
        """A receiver of webhooks cannot be asked without being told something."""
        return (
            Problem(
                where=self._config.path,
                what="a webhook cannot be asked whether it works",
                hint="Share one datum, and look whether it arrives.",
                fatal=False,
            ),
        )

    def close(self) -> None:
        self._client.close()

    @property
    def _limit(self) -> int:
        return self._config.max_bytes

    def _messages(self, batch: Batch) -> list[Message]:
        return text(batch) if self._slack else events(batch)

    def _too_large(self, message: Message) -> str:
        return (
            f"its message has {message.size} bytes, more than the {self._limit} that "
            f"{self._config.path}['MAX_BYTES'] allows. Raise it if the receiver takes more"
        )

    def _send(self, message: Message, before: Mapping[RecordKey, Outcome]) -> dict[RecordKey, Outcome]:
        keys = [record.key for record in message.records]
        if message.size > self._limit:
            reason = self._too_large(message)
            return dict.fromkeys(keys, Unsupported(feature="message-size", reason=reason))
        sign = signed(message.id, self._config.keys, self.clock) if self._config.keys else no_credentials
        try:
            reply = self._client.post("", json=message.body, auth=sign)
        except NotSent as error:
            raise DestinationError(error.reason, decided=before) from None
        except NoAnswer as error:
            lost = dict.fromkeys(keys, Unconfirmed(reason=error.reason))
            raise DestinationError(error.reason, decided={**before, **lost}) from None
        return dict.fromkeys(keys, self._read(reply, message, before))

    def _read(self, reply: Reply, message: Message, before: Mapping[RecordKey, Outcome]) -> Outcome:
        """Standard Webhooks 1.0.0: 2xx is success, 410 ends it, 429, 502 and 504 ask to slow down."""
        if 200 <= reply.status < 300:
            return Accepted(remote_id=message.id)
        said = f"HTTP {reply.status}, {reply.excerpt}"
        if reply.status in (401, 403):
            raise AuthenticationFailed(f"the receiver refuses us: {said}", decided=before)
        if reply.status == 410:
            reason = (
                "the receiver wants nothing more (HTTP 410). Ask its people, then correct "
                f"{self._config.path} or remove the shares that use it"
            )
            raise AuthenticationFailed(reason, decided=before)
        if reply.status in (502, 504):
            lost = dict.fromkeys([r.key for r in message.records], Unconfirmed(reason=said))
            raise DestinationError(said, retry_after=reply.retry_after, decided={**before, **lost})
        if reply.verdict is Verdict.REDIRECT:
            hint = f"redirects are not followed: correct {self._config.path}['URL']"
            raise DestinationError(f"HTTP {reply.status}: {hint}", decided=before)
        if reply.status == 429 or reply.status >= 500 or reply.status in _PASSING:
            raise DestinationError(said, retry_after=reply.retry_after, decided=before)
        return Rejected(reason=f"refused: {said}")
