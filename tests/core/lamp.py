"""A lamp: a good adapter over HTTP, written as an author would, and tools to spoil it in one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import requests

from sharecore import (
    Absent,
    Accepted,
    Adapter,
    AuthenticationFailed,
    DestinationError,
    DestinationType,
    FieldType,
    Preview,
    Problem,
    Rejected,
    ReportField,
    ReportForm,
    Secret,
    SentTest,
    Unconfirmed,
)
from sharecore.testing import Bench, FakeServer, Request, Subject, answer
from sharecore.testing.examples import example_report
from sharecore_http import Cause, Client, HttpFailure, HttpSettings, NoAnswer, NotSent, Reply, Verdict, token

LONG = {"CONNECT_TIMEOUT": 20.0, "READ_TIMEOUT": 20.0}
SECRET = "s3cret-of-the-lamp"
PATIENCE = 10.0
"""Seconds within which each call of a lamp has to come back."""
TIME_OUT = 8.0
"""Seconds after which one that talks to its server by itself gives a request up."""


@dataclass(frozen=True)
class LampConfig:
    url: str
    key: Secret
    http: HttpSettings

    @classmethod
    def read(cls, section: Any) -> LampConfig:
        config = cls(section.url(), section.secret("API_KEY", required=True), HttpSettings.read(section))
        if not config.key.reveal().strip().isprintable():
            section.problem("API_KEY", "has line breaks", "Copy it again.")
        section.finish()
        return config


class Lamp(Adapter):
    """A good adapter: a blink per record, named by its key, so that repeating is harmless."""

    takes_tests = True

    def __init__(self, config: Any) -> None:
        self.config = config
        # Tries follow each other at once: no test waits for the pauses between them.
        self.client = Client(config.url, config.http, sleep=lambda seconds: None)

    def deliver(self, batch: Any) -> Any:
        for record in batch.records:
            try:
                reply = self.post(record)
            except NotSent as error:
                raise DestinationError(error.reason) from None
            except NoAnswer as error:
                yield record.key, Unconfirmed(reason=error.reason)
                raise DestinationError(error.reason) from None
            yield record.key, self.read(record, reply)

    def post(self, record: Any) -> Any:
        body = {"name": str(record.key)}
        return self.client.post("blinks/", json=body, auth=token(self.config.key))

    def read(self, record: Any, reply: Any) -> Any:
        if 200 <= reply.status < 300:
            return Accepted()
        if reply.verdict in (Verdict.UNAUTHORIZED, Verdict.FORBIDDEN):
            raise AuthenticationFailed(f"refused: {reply.excerpt}")
        if reply.status in (502, 504):
            return Unconfirmed(reason="a gateway gave up")
        if reply.verdict is Verdict.REFUSED and reply.status not in (408, 425):
            return Rejected(reason=f"refused: {reply.excerpt}")
        raise DestinationError(f"HTTP {reply.status}", retry_after=reply.retry_after)

    def find(self, batch: Any) -> Any:
        return {record.key: Absent() for record in batch.records}

    def check(self) -> Any:
        try:
            reply = self.client.get("blinks/", auth=token(self.config.key))
        except HttpFailure as error:
            raise DestinationError(error.reason) from None
        if reply.status != 200:
            raise DestinationError(f"HTTP {reply.status}")
        return ()

    def send_test(self, batch: Any) -> SentTest:
        self.check()
        return SentTest(reply="The lamp is on.")

    def preview(self, batch: Any) -> Preview:
        return Preview(content_type="text/plain", body=str([str(each.key) for each in batch.records]))

    def close(self) -> None:
        self.client.close()


class Morse(Lamp):
    """A good adapter that takes reports: a blink per report, which it finds by its name."""

    takes_reports = True

    def report_forms(self, batch: Any) -> Any:
        field = ReportField(name="text", label="Text", type=FieldType.TEXT, required=True)
        return [ReportForm(name="morse", label="Morse", fields=(field,))]

    def check_report(self, report: Any, batch: Any) -> Any:
        missing = Problem(where="text", what="is missing", hint="Write it.")
        return () if report.values.get("text") else (missing,)

    def preview_report(self, report: Any, batch: Any) -> Preview:
        return Preview(content_type="text/plain", body=str(report.key))

    def deliver_report(self, report: Any, batch: Any) -> Any:
        return next(Lamp.deliver(self, replace(batch, records=(report,))))[1]

    def find_report(self, report: Any, batch: Any) -> Any:
        return None


def lamp(adapter: Callable[[Any], Any] = Lamp, read: Callable[[Any], Any] = LampConfig.read) -> Any:
    return DestinationType(kind="lamp", summary="Blinks", config=read, open=adapter)


def stage(
    server: FakeServer, kind: Any, time_outs: Mapping[str, float] = LONG, *, doubles: bool = False
) -> Bench:
    """A bench with a server that has one blink for each name (or for each request, for `doubles`)."""
    blinks: list[str] = []

    def blink(request: Request) -> Any:
        if doubles or request.json["name"] not in blinks:
            blinks.append(request.json["name"])
        return answer(201, {"id": len(blinks)})

    server.on("POST", "/blinks/", blink)

    def forget(request: Request) -> Any:
        blinks.clear()
        return answer(204)

    server.on("GET", "/blinks/", answer(200, []))
    server.on("DELETE", "/blinks/", forget)
    settings = {"BASE_URL": server.url, "API_KEY": SECRET, **time_outs}
    return Bench(
        Subject(
            type=kind,
            settings=settings,
            secrets=[SECRET],
            report=example_report(form="morse", values={"text": "sos"}),
            stored=lambda: blinks,
            server=server,
            patience=PATIENCE,
        )
    )


def with_method(name: str, body: Callable[..., Any]) -> Any:
    return lamp(type("Bad", (Lamp,), {name: body}))


def with_read(change: Callable[[Any, Any], Any]) -> Any:
    """Reads some replies in a way of its own: `change` says what it makes of one, if anything."""
    return with_method(
        "read", lambda self, record, reply: change(record, reply) or Lamp.read(self, record, reply)
    )


def saying(outcome: Any) -> Callable[[Any, Any], Any]:
    """Says the same of each record, and sends nothing."""
    return lambda self, batch: ((record.key, outcome) for record in batch.records)


def plainly(self: Any, record: Any) -> Any:
    """POST with `requests` alone."""
    headers = {"Authorization": f"Token {self.config.key.reveal()}"}
    url = self.config.url + "blinks/"
    reply = requests.post(url, json={"name": str(record.key)}, headers=headers, timeout=TIME_OUT)
    return as_reply(reply)


def as_reply(reply: Any) -> Any:
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return Reply(status=reply.status_code, headers=headers, body=reply.content)


def caught(post: Callable[[Any, Any], Any]) -> Any:
    """Whatever it raises counts as no answer."""

    def careful(self: Any, record: Any) -> Any:
        try:
            return post(self, record)
        except requests.RequestException:
            raise NoAnswer(Cause.RESET) from None

    return with_method("post", careful)
