"""Rules of a guest that talks to a web API: servers that it trusts, and secrets that it keeps."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from unittest import mock

import pytest

from sharecore.outcomes import Rejected, Unconfirmed
from sharecore.plugin_errors import Escaped
from sharecore.testing.answers import Answer, Request
from sharecore.testing.contract.bench import Bench
from sharecore.testing.contract.delivering import TAKEN
from sharecore.testing.contract.trouble import (
    MAY_HAVE_ARRIVED,
    REQUESTS_EXCEPTIONS,
    ask_everything,
    interrupting,
    raising,
    with_status,
)
from sharecore.testing.server import FakeServer

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that make `requests` verify certificates in any case, where they are set."""


class OverHttp:
    """Secrets, certificates, redirects, cookies, and interruptions."""

    @pytest.mark.parametrize("name", REQUESTS_EXCEPTIONS)
    def test_every_exception_of_requests_is_caught(self, bench: Bench, name: str) -> None:
        """Catch each exception of `requests`, raised in place of the answer to a delivery (for adapters that
        use it).
        """
        adapter = bench.open()
        secret = next(iter(bench.subject.secrets), "a-secret")
        with (
            bench.shown() as texts,
            raising(name, f"https://x/?key={secret}", bench.subject.delivers) as raised,
        ):
            call = bench.call(adapter, bench.batch(bench.record))
        outcome = call.of(bench.record)
        if not raised:
            assert "requests" not in sys.modules or isinstance(outcome, TAKEN), (
                f"no delivery was seen: {call}"
            )
            return
        assert not isinstance(outcome, (*TAKEN, Rejected)), f"{name}: {outcome}"
        if name in MAY_HAVE_ARRIVED:
            assert isinstance(outcome, Unconfirmed), f"after {name} nobody knows whether it arrived: {call}"
        shown = bench.leaks(texts, quoting=True)
        assert not shown, "a secret is shown"

    def test_trouble_shows_no_secret(self, bench: Bench) -> None:
        """Show no secret, also when a server sends back the request, as pages for debugging do."""

        def echo(status: int, request: Request) -> Answer:
            # Those first that hold a secret: adapters cut what they quote.
            secrets = bench.subject.secrets
            values = sorted(
                request.headers.values(), key=lambda value: not any(each in value for each in secrets)
            )
            body = " ".join(values).encode() + b"\n" + request.body
            return Answer(status=status, body=body, headers={"Content-Type": "text/plain"})

        with bench.shown() as texts:
            for status in (200, 302, 400, 401, 403, 404, 429, 500, 503):
                for where in (bench.subject.delivers, lambda request: True):
                    bench.server.recover()
                    bench.server.will(partial(echo, status), where=where)
                    adapter, batch = bench.open(), bench.batch(bench.record, state={})
                    bench.call(adapter, batch)
                    repr(adapter)
                    ask_everything(adapter, batch, bench.subject.report)
                    texts.append(repr(batch.state))
            bench.server.close()
            bench.call(bench.open(), bench.batch(bench.record, state={}))
        shown = bench.leaks(texts, quoting=True)
        assert not shown, "a secret is shown"

    def test_it_says_who_it_is_and_keeps_no_cookies(self, bench: Bench) -> None:
        """Send a `User-Agent` with each request, and no cookie."""
        bench.server.will(with_status(bench, 0, **{"Set-Cookie": "sessionid=1; Path=/"}))
        adapter = bench.open()
        for _ in range(2):
            bench.call(adapter, bench.batch(bench.record))
        assert bench.server.requests
        for request in bench.server.requests:
            assert request.headers.get("user-agent"), "User-Agent tells the people there whom to ask"
            assert "cookie" not in request.headers, "a cookie is a state that nobody asked for"

    def test_a_certificate_that_nobody_signed_is_refused(self, bench: Bench) -> None:
        """Verify TLS: without it anybody on the way reads the credentials, and answers."""
        with FakeServer(untrusted=True) as impostor, mock.patch.dict(os.environ):
            for name in BUNDLES:
                os.environ.pop(name, None)
            other = bench.behind(impostor)
            adapter, batch = other.open(), other.batch(bench.record)
            call = other.call(adapter, batch)
            ask_everything(adapter, batch, bench.subject.report)
            other.close()
            assert not impostor.requests, "it talks to a server whose certificate nobody signed; verify TLS"
            assert not isinstance(call.of(bench.record), (Unconfirmed, *TAKEN)), f"nothing was sent: {call}"

    def test_credentials_go_nowhere_else(self, bench: Bench) -> None:
        """Send no credentials to another server that a redirect names."""
        with FakeServer() as elsewhere:
            for status in (301, 302, 307, 308):
                there = Answer(status=status, headers={"Location": elsewhere.url})
                for where in (bench.subject.delivers, lambda request: True):
                    bench.server.recover()
                    bench.server.will(there, where=where)
                    adapter, batch = bench.open(), bench.batch(bench.record, state={})
                    bench.call(adapter, batch)
                    ask_everything(adapter, batch, bench.subject.report)
            told = [f"{each.headers} {each.query} {each.body!r}" for each in elsewhere.requests]
            assert not bench.leaks(told), "it followed a redirect to another server, with its credentials"

    def test_two_destinations_are_two(self, bench: Bench) -> None:
        """Share no address, session or state between adapters: a site opens one for each destination."""
        with FakeServer() as second:
            other = bench.behind(second)
            adapters = {"first": (bench, bench.open()), "second": (other, other.open())}
            for name, (its, adapter) in adapters.items():
                arrivals = {each: b.arrivals() for each, (b, _) in adapters.items()}
                # A record for each: both servers show one store, and some adapters look before they send.
                key = replace(bench.record.key, id=f"{bench.record.key.id} for the {name}")
                its.call(adapter, its.batch(replace(bench.record, key=key), state={}))
                got = [each for each, of in arrivals.items() if of.requests]
                assert got == [name], f"what was for the {name} of two destinations went to: {got or 'none'}"
            other.close()

    def test_whoever_interrupts_it_is_heard(self, bench: Bench) -> None:
        """Let `KeyboardInterrupt` and `SystemExit` pass: never write `except:` or `except BaseException`."""
        for error in (KeyboardInterrupt, SystemExit):
            adapter = bench.open()
            with interrupting(error) as interrupted:
                try:
                    bench.call(adapter, bench.batch(bench.record, state={}))
                except AssertionError as failure:
                    if isinstance(failure.__cause__, Escaped):
                        continue
                    raise
            assert not interrupted, f"deliver swallows {error.__name__}; catch what you expect"
