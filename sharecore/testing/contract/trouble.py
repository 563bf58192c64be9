"""Trouble that the rules of HTTP make for an adapter, and the judgement of its answers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from sharecore.adapter import Adapter, Batch
from sharecore.exceptions import AuthenticationFailed, DeliveryError
from sharecore.outcomes import Accepted, Deferred, Duplicate, Rejected, Submitted, Unconfirmed
from sharecore.records import Report
from sharecore.testing.answers import Answer, Fault, Request
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.subject import Call

BROKEN = (
    Fault.RESET, Fault.LOST, Fault.HANG, Fault.TRUNCATED, Fault.GARBAGE, Fault.BAD_GZIP, Fault.BAD_CHUNK,
)  # fmt: skip
MALFORMED = (
    b"", b"null", b"[]", b"{}", b'"text"', b"12", b"true", b"NaN", b'{"id": ', b"\xff\xfe\x00", b"[" * 5000,
    b'{"id": null, "uuid": 7, "results": 3, "data": []}', b"<html><h1>Welcome</h1></html>",
)  # fmt: skip
REQUESTS_EXCEPTIONS = (
    "RequestException", "HTTPError", "ConnectionError", "ProxyError", "SSLError", "Timeout", "ConnectTimeout",
    "ReadTimeout", "URLRequired", "TooManyRedirects", "MissingSchema", "InvalidSchema", "InvalidURL",
    "InvalidHeader", "InvalidProxyURL", "ChunkedEncodingError", "ContentDecodingError",
    "StreamConsumedError", "RetryError", "UnrewindableBodyError", "InvalidJSONError",
)  # fmt: skip
MAY_HAVE_ARRIVED = frozenset({
    "RequestException", "ConnectionError", "Timeout", "ReadTimeout", "ChunkedEncodingError",
    "ContentDecodingError",
})  # fmt: skip

_INVENTED = (
    306, 419, 420, 430, 440, 444, 449, 450, 460, 463, 464, 494, 495, 496, 497, 498, 499, 509, 520, 521, 522,
    523, 524, 525, 526, 527, 529, 530, 540, 561, 598, 999,
)  # fmt: skip
"""Statuses that no registry has, and that proxies and servers answer all the same."""

STATUSES = sorted({*_INVENTED, 299, 399, 499, 599, *(each.value for each in HTTPStatus if each >= 200)})
"""Statuses of an answer: those of the registry, those that are invented, and the last of each hundred, as an
example of all others: RFC 9110, section 15, has them understood as the first of their hundred."""


def with_status(bench: Bench, status: int, **headers: str) -> Callable[[Request], Answer | Fault]:
    """Return the usual behaviour of the server under another status (0: its own)."""

    def changed(request: Request) -> Answer | Fault:
        if 300 <= status < 400:
            return Answer(status=status, headers={"Location": bench.server.url + "elsewhere/"})
        well = bench.server.well(request) if status < 300 else Answer(body=b'{"detail": "no"}')
        if isinstance(well, Fault):
            return well
        return replace(well, status=status or well.status, headers={**well.headers, **headers})

    return changed


def misread(status: int, call: Call, outcome: object) -> str:
    """Return the fault in the answer of the adapter to a status; empty for none."""
    waits = isinstance(outcome, Deferred) or (outcome is None and call.stopped is not None)
    if 200 <= status < 300:
        taken = isinstance(outcome, Accepted | Duplicate | Submitted | Unconfirmed)
        return "" if taken else "2xx says that it was taken"
    if isinstance(outcome, Accepted | Submitted) or (isinstance(outcome, Duplicate) and status != 409):
        return "it is not there"
    if status in (401, 403) and not isinstance(call.stopped, AuthenticationFailed):
        return "refused credentials have to raise AuthenticationFailed"
    if status in (408, 425, 429) and not waits:
        return "this passes by itself, so the record has to wait"
    if status in (502, 504) and not isinstance(outcome, Unconfirmed):
        return "a gateway does not know what the server behind it did"
    if not 400 <= status < 500 and isinstance(outcome, Rejected):
        return "the record is not to blame"
    return ""


def ask_everything(adapter: Adapter, batch: Batch, report: Report | None) -> None:
    """Ask a destination every question. Fails when an exception other than a `DeliveryError` leaves the
    adapter.

    Args:
        adapter: adapter under test.
        batch: batch of the questions.
        report: report of the subject, where there is one.
    """
    tickets = {record.key: "no-such-ticket" for record in batch.records}
    questions: tuple[Callable[[], object], ...] = (
        adapter.ready,
        lambda: adapter.probe(1.0),
        adapter.check,
        adapter.topics,
        lambda: adapter.find(batch),
        lambda: list(adapter.follow(replace(batch, records=()), tickets)),
        lambda: adapter.validate(batch),
        lambda: adapter.check_values(replace(batch, records=())),
        lambda: adapter.report_forms(batch),
    )
    if report is not None:
        questions += (
            lambda: adapter.similar_reports(report, batch),
            lambda: adapter.find_report(report, batch),
        )
    for ask in questions:
        with suppress(DeliveryError):
            ask()


@contextmanager
def raising(name: str, text: str, where: Callable[[Request], bool]) -> Iterator[list[Request]]:
    """Raise the exception of `requests` of this name in place of each answer; yield the requests that got it.

    The adapter under test imports `requests`, or does without: this module needs it neither way.
    """
    library: Any = sys.modules.get("requests")
    raised: list[Request] = []
    if library is None:
        yield raised
        return
    send = library.Session.send

    def send_or_raise(self: Any, prepared: Any, **options: Any) -> Any:
        body = prepared.body or b""
        request = Request(
            method=prepared.method,
            path=urlsplit(prepared.url).path,
            headers={key.lower(): value for key, value in prepared.headers.items()},
            body=body.encode() if isinstance(body, str) else body,
        )
        if not where(request):
            return send(self, prepared, **options)
        raised.append(request)
        raise getattr(library.exceptions, name)(text, request=prepared)

    with mock.patch.object(library.Session, "send", send_or_raise):
        yield raised


@contextmanager
def interrupting(error: type[BaseException]) -> Iterator[list[str]]:
    """Interrupt each connection by this exception; yield the destinations of those that were."""
    interrupted: list[str] = []

    def interrupt(self: socket.socket, address: object) -> None:
        interrupted.append(str(address))
        self.close()
        raise error

    with mock.patch.object(socket.socket, "connect", interrupt):
        yield interrupted
