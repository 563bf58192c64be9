"""The adapter: posts one text for each batch, through the library apprise."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from apprise import Apprise, AppriseAsset, NotifyFormat

from sharecore import (
    Absent,
    Accepted,
    Adapter,
    Batch,
    ConfigurationError,
    DestinationError,
    Found,
    Outcome,
    Preview,
    Problem,
    RecordKey,
    Secret,
    SentTest,
    Unconfirmed,
    before_sending,
)
from sharecore_notify import credentials, texts
from sharecore_notify.config import NotifyConfig


class NotifyAdapter(Adapter):
    """The adapter of one service.

    The library does not tell a refusal from a lost answer. A text that failed, or whose call was cut short,
    is posted again when the service works, and so may be shown twice; where the site does not want that, a
    person decides.
    """

    takes_tests = True

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self.batch_window_seconds = config.batch_window_seconds
        asset = AppriseAsset(storage_mode="memory")
        asset.http_redirects = False
        with _Silence():  # It may log a token that is not known as one yet.
            service = Apprise.instantiate(config.url.reveal(), asset=asset)
        if not service:
            what = "is not an address that apprise knows"
            hint = "Find its form at https://github.com/caronc/apprise/wiki."
            raise ConfigurationError([Problem.of_setting(config.path, "URL", what, hint)])
        for part in credentials.parts(config.url.reveal(), service):
            Secret(part)
        self._service = service

    def __repr__(self) -> str:
        return f"<NotifyAdapter {self._name}>"

    def ensure_target(self, batch: Batch) -> None:
        """Post the text of a person about a target without records."""
        if batch.records or not (batch.title or batch.message):
            return
        with before_sending():
            title, body = texts.title(batch), texts.body(batch)
        if reason := self._post(title, body):
            raise DestinationError(reason)

    def deliver(self, batch: Batch) -> Iterator[tuple[RecordKey, Outcome]]:
        if not batch.records:
            return
        with before_sending():
            title, body = texts.title(batch), texts.body(batch)
        reason = self._post(title, body)
        if not reason:
            yield from ((record.key, Accepted()) for record in batch.records)
            return
        if not self._config.resend_unconfirmed:
            yield from ((record.key, Unconfirmed(reason=reason)) for record in batch.records)
        raise DestinationError(reason)

    def find(self, batch: Batch) -> Mapping[RecordKey, Found] | None:
        """Answer that texts of unknown fate are absent, to be posted again, where the site wants that.

        A chat cannot be asked. The site has accepted a second text only after a call of ours: not of data
        that moved to another target, not after a restored backup, nor in a replay (no records).
        """
        if not self._config.resend_unconfirmed or batch.moved:
            return None
        return {record.key: Absent() for record in batch.records if record.key in batch.sent_at} or None

    def preview(self, batch: Batch) -> Preview:
        return Preview(content_type="text/plain", body=f"{texts.title(batch)}\n\n{texts.body(batch)}")

    def describe(self) -> str:
        again = "is posted again" if self._config.resend_unconfirmed else "waits for a person"
        return f"Data that come together go to {self._name} as one text; one that failed {again}."

    def check(self) -> Sequence[Problem]:
        """Return a warning: a chat cannot be asked without a text."""
        return (
            Problem(
                where=self._config.path,
                what=f"{self._name} cannot be asked whether it works",
                hint="Send a test, and look whether it arrives.",
                fatal=False,
            ),
        )

    def send_test(self, batch: Batch) -> SentTest:
        """Post a text that says that it is a test."""
        self.tell(f"{batch.site.name}: a test of sharing", "This is a test, without data. Please ignore it.")
        return SentTest(reply=f"{self._name} took the text.")

    def tell(self, title: str, text: str) -> bool:
        if reason := self._post(texts.plain(title), "\n".join(map(texts.plain, text.splitlines()))):
            raise DestinationError(reason)
        return True

    @property
    def _name(self) -> str:
        """Return the name of the service, such as Slack."""
        return str(self._service.service_name)

    def _post(self, title: str, body: str) -> str:
        """Post a text; return why it may not have arrived, empty when it has."""
        # Not by `Apprise.notify`, which leaves threads behind.
        with _Complaints() as complaints:
            if self._service.notify(title=title, body=body or title, body_format=NotifyFormat.TEXT):
                return ""
        return f"{self._name} did not take the text: {complaints.last or 'the library gives no reason'}"


class _Complaints(logging.Handler):
    """Hear what the library logs in this thread, which is all that it tells of a failure."""

    last = ""

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.levelno >= logging.WARNING:
            self.last = record.getMessage()


class _Silence(logging.Filter):
    """Drop what the library logs in this thread."""

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        logging.getLogger("apprise").addFilter(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger("apprise").removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread
