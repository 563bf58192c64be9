"""What the HTTP client promises its callers, against `responses` where no socket matters."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import format_datetime

import pytest
import responses
from requests import exceptions as rq
from urllib3 import exceptions as u3

from sharecore.secret import Secret
from sharecore.secrets import HIDDEN, repeats_secret
from sharecore.testing import FakeClock
from sharecore_http import (
    Cause,
    Client,
    File,
    HttpFailure,
    HttpSettings,
    NoAnswer,
    NotSent,
    Reply,
    Verdict,
    basic,
    compressed,
    form,
    json_content,
    parse_retry_after,
    token,
)
from sharecore_http.client import MAX_ANSWER

BASE = "https://tom.example.org/"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(clock: FakeClock) -> Iterator[Client]:
    client = Client(BASE, sleep=clock.sleep, clock=clock)
    yield client
    client.close()


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        yield web


def refused() -> rq.ConnectionError:
    return rq.ConnectionError(u3.MaxRetryError(None, "/", u3.NewConnectionError(None, "refused")))  # type: ignore[arg-type]


def reset() -> rq.ConnectionError:
    return rq.ConnectionError(u3.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")))


def test_a_query_is_encoded_so_that_names_arrive_whole(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE + "api/targets/", json={})
    client.get("api/targets/", params={"name": "a&b+c#d é"})
    assert web.calls[0].request.url == BASE + "api/targets/?name=a%26b%2Bc%23d+%C3%A9"


def test_a_form_arrives_with_its_fields_and_files(client: Client, web: responses.RequestsMock) -> None:
    file = File(name="/home/me/secret-night/r.csv", body=b"time,band\n1,\xff\n", media_type="text/csv")
    web.post(BASE + "api/dataproducts/", status=201, json={})
    client.request("POST", "api/dataproducts/", content=form({"target": "12", "tag": "é"}, {"file": file}))
    request = web.calls[0].request
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = {
        part.get_param("name", header="content-disposition"): part
        for part in message_from_bytes(head + request.body).get_payload()
    }
    assert parts["target"].get_payload(decode=True) == b"12"
    assert parts["tag"].get_payload(decode=True) == "é".encode()
    assert parts["file"].get_payload(decode=True) == file.body
    assert (parts["file"].get_filename(), parts["file"].get_content_type()) == ("r.csv", "text/csv")


def test_json_can_travel_compressed(client: Client, web: responses.RequestsMock) -> None:
    web.post(BASE, json={})
    client.request("POST", "", content=compressed(json_content({"a": [1.5, "é"]})))
    request = web.calls[0].request
    assert (request.headers["Content-Type"], request.headers["Content-Encoding"]) == (
        "application/json",
        "gzip",
    )
    assert json.loads(gzip.decompress(request.body)) == {"a": [1.5, "é"]}


def test_credentials_and_headers_go_with_the_request_and_into_no_repr(
    web: responses.RequestsMock,
) -> None:
    settings = HttpSettings(
        headers={"X-Gate": Secret("gate-secret")}, proxies={"http": Secret("http://u:pw@p")}
    )
    client = Client(BASE, settings)
    web.get(BASE, json={})
    client.get("", auth=token(Secret("tok-secret")))
    client.get("", auth=basic("ü", Secret("p:w")))
    sent = [call.request.headers for call in web.calls]
    assert sent[0]["Authorization"] == "Token tok-secret"
    assert sent[1]["Authorization"] == "Basic w7w6cDp3"
    assert sent[0]["X-Gate"] == "gate-secret"
    assert sent[0]["User-Agent"].startswith("sharecore")
    shown = repr(client) + repr(settings) + repr(token(Secret("tok-secret")))
    assert "secret" not in shown.replace("Secret(…)", "")
    assert "pw" not in shown


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_are_answers(client: Client, web: responses.RequestsMock, method: str) -> None:
    web.add(method, BASE, status=302, headers={"Location": "/accounts/login/"})
    reply = client.request(method, "", json={} if method == "POST" else None)
    assert reply.verdict is Verdict.REDIRECT
    assert len(web.calls) == 1


def test_no_cookie_comes_back(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE, json={}, headers={"Set-Cookie": "sessionid=1; Path=/"})
    client.get("")
    client.get("")
    assert "Cookie" not in web.calls[1].request.headers


def test_what_was_not_sent_is_tried_three_times(
    client: Client, web: responses.RequestsMock, clock: FakeClock
) -> None:
    web.post(BASE, body=refused())
    with pytest.raises(NotSent) as caught:
        client.post("", json={})
    assert caught.value.cause is Cause.REFUSED
    assert len(web.calls) == 3
    assert clock.slept == [0.5, 1.0]


def test_a_post_that_may_have_arrived_is_never_repeated(client: Client, web: responses.RequestsMock) -> None:
    web.post(BASE, body=reset())
    with pytest.raises(NoAnswer):
        client.post("", json={})
    assert len(web.calls) == 1


def test_a_get_is_repeated_after_a_lost_answer(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE, body=reset())
    web.get(BASE, json={"ok": True})
    assert client.get("").json == {"ok": True}


def test_a_short_retry_after_is_waited_for_once_and_a_long_one_is_the_callers(
    client: Client, web: responses.RequestsMock, clock: FakeClock
) -> None:
    web.post(BASE, status=429, headers={"Retry-After": "2"})
    web.post(BASE, status=201, json={})
    assert client.post("", json={}).status == 201
    assert clock.slept == [2.0]
    web.post(BASE + "busy", status=503, headers={"Retry-After": "60"})
    reply = client.post("busy", json={})
    assert (reply.status, reply.retry_after) == (503, 60.0)
    assert clock.slept == [2.0]


def test_asked_to_wait_for_no_stated_time_is_the_callers(
    client: Client, web: responses.RequestsMock, clock: FakeClock
) -> None:
    web.post(BASE, status=429)
    assert client.post("", json={}).status == 429
    assert clock.slept == []


def test_trying_again_ends_after_ten_seconds(clock: FakeClock, web: responses.RequestsMock) -> None:
    client = Client(BASE, sleep=clock.sleep, clock=clock)

    def slow(_: object) -> tuple[int, dict[str, str], str]:
        clock.advance(9.8)
        raise rq.ConnectTimeout(u3.MaxRetryError(None, "/", u3.ConnectTimeoutError("slow")))  # type: ignore[arg-type]

    web.add_callback("POST", BASE, slow)
    with pytest.raises(NotSent) as caught:
        client.post("", json={})
    assert caught.value.cause is Cause.CONNECT_TIMEOUT
    assert len(web.calls) == 1


def test_an_answer_without_end_is_not_read_to_its_end(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE, body=b" " * (MAX_ANSWER + 1))
    with pytest.raises(NoAnswer) as caught:
        client.get("")
    assert caught.value.cause is Cause.TOO_LARGE
    assert len(web.calls) == 1
    assert client.get("", max_answer=MAX_ANSWER + 1).status == 200


@pytest.mark.parametrize(
    ("error", "expected", "cause"),
    [
        (refused(), NotSent, Cause.REFUSED),
        (rq.ConnectionError(u3.NameResolutionError("h", None, OSError())), NotSent, Cause.NAME),  # type: ignore[arg-type]
        (rq.ProxyError("http://user:secret@proxy"), NotSent, Cause.PROXY),
        (rq.ReadTimeout(), NoAnswer, Cause.READ_TIMEOUT),
        (rq.ChunkedEncodingError(), NoAnswer, Cause.TRUNCATED),
        (reset(), NoAnswer, Cause.RESET),
        (rq.SSLError("bad record after the handshake"), NoAnswer, Cause.RESET),
        (rq.InvalidHeader("secret"), NotSent, Cause.INVALID),
    ],
)
def test_each_failure_says_whether_it_can_have_had_an_effect_and_nothing_secret(
    client: Client, web: responses.RequestsMock, error: Exception, expected: type[HttpFailure], cause: Cause
) -> None:
    web.post(BASE, body=error)
    with pytest.raises(expected) as caught:
        client.post("", json={})
    assert caught.value.cause is cause
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None, "a traceback would show the text of the library"


def test_a_failure_does_not_inherit_the_cause_of_the_one_being_handled(
    client: Client, web: responses.RequestsMock
) -> None:
    web.post(BASE, body=reset())
    try:
        raise refused()
    except rq.ConnectionError:
        with pytest.raises(NoAnswer):
            client.post("", json={})


def test_what_was_sent_may_come_back(client: Client, web: responses.RequestsMock) -> None:
    long = "x" * (MAX_ANSWER + 1)
    web.post(BASE, json={"value": long})
    assert client.post("", json=long).json == {"value": long}


def test_numbers_that_json_does_not_have_are_refused_here(client: Client) -> None:
    with pytest.raises(ValueError, match="JSON"):
        client.post("", json={"x": float("nan")})


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, {}, "{}", Verdict.OK),
        (204, {}, "", Verdict.OK),
        (200, {}, "<html></html>", Verdict.NOT_JSON),
        (301, {"Location": "/x/"}, "", Verdict.REDIRECT),
        (401, {}, "{}", Verdict.UNAUTHORIZED),
        (403, {}, "{}", Verdict.FORBIDDEN),
        (404, {}, "", Verdict.NOT_FOUND),
        (410, {}, "", Verdict.NOT_FOUND),
        (429, {}, "", Verdict.THROTTLED),
        (400, {}, "{}", Verdict.REFUSED),
        (500, {}, "", Verdict.SERVER_ERROR),
        (503, {}, "", Verdict.SERVER_ERROR),
        (503, {"Retry-After": "3000"}, "", Verdict.THROTTLED),
    ],
)
def test_verdicts(
    client: Client,
    web: responses.RequestsMock,
    status: int,
    headers: dict[str, str],
    body: str,
    expected: Verdict,
) -> None:
    web.get(BASE, status=status, headers=headers, body=body)
    assert client.get("").verdict is expected


NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 86400.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        (format_datetime(NOW + timedelta(days=90), usegmt=True), 86400.0),
        ("-5", None),
        ("soon", None),
        ("1.5", 1.5),
        ("0000000000030", 30.0),
        ("30, 60", 60.0),
        ("30, soon", None),
        (", ".join(format_datetime(NOW + timedelta(seconds=s), usegmt=True) for s in (90, 30)), 90.0),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=2), timedelta(days=-2)])
def test_a_date_to_come_back_is_read_by_the_clock_that_wrote_it(late: timedelta) -> None:
    """Whatever ours says: a clock two days ahead there would else stop the destination for a day."""
    theirs = datetime.now(UTC) + late
    headers = {
        "retry-after": format_datetime(theirs + timedelta(seconds=90), usegmt=True),
        "date": format_datetime(theirs, usegmt=True),
    }
    assert Reply(status=429, headers=headers, body=b"").retry_after == 90.0


def test_without_a_date_of_the_answer_ours_counts() -> None:
    headers = {"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True), "date": "today"}
    assert Reply(status=429, headers=headers, body=b"", received=NOW).retry_after == 90.0


def test_an_excerpt_is_short_plain_and_never_html(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE + "page", body="<!doctype html><html><script>evil()</script>", content_type="text/html")
    web.get(BASE + "text", body="a\r\n\x1b[31mred" + "x" * 5000)
    assert client.get("page").excerpt == "an HTML page"
    text = client.get("text").excerpt
    assert text.startswith("a [31mred")
    assert len(text) <= 200


def test_deep_json_is_no_crash(client: Client, web: responses.RequestsMock) -> None:
    web.get(BASE, body="[" * 100_000)
    assert client.get("").verdict is Verdict.NOT_JSON


def test_a_body_is_compact_json(client: Client, web: responses.RequestsMock) -> None:
    web.post(BASE, json={})
    client.post("", json={"a": [1, 0.1]})
    assert json.loads(web.calls[0].request.body or "") == {"a": [1, 0.1]}
    assert web.calls[0].request.headers["Content-Type"] == "application/json"


def test_a_quote_that_repeats_our_credentials_is_not_shown(
    client: Client, web: responses.RequestsMock
) -> None:
    web.get(f"{BASE}debug", body='{"HTTP_AUTHORIZATION": "Token tok-\\u0073ecret"}', status=400)
    reply = client.get("debug", auth=token(Secret("tok-secret")))
    assert reply.excerpt == HIDDEN
    assert reply.json == {"HTTP_AUTHORIZATION": "Token tok-secret"}


def test_the_proxy_of_the_environment_is_a_credential_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:pr0xy-pass@proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,tom.example.org")
    Client(BASE).close()
    assert repeats_secret("407 someone:pr0xy-pass is not allowed here")
    assert not repeats_secret("localhost and tom.example.org are reached without one")
