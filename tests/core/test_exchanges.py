"""What is kept of the requests of a call: enough to find a fault, and no credential."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from sharecore import exchanges, report_exchange
from sharecore.call_thread import Call
from sharecore.exchanges import MAY_HOLD, MOST_CHARACTERS, Exchange, Recording, recorded
from sharecore.secrets import HIDDEN, register

KEY = "Zq9vT2mXw81LkPd47RsU"
URL = "https://tom.example.org/api/reduceddatums/"


@pytest.fixture(autouse=True)
def known() -> None:
    register(KEY)


def kept(**parts: object) -> Exchange:
    """The exchange that is kept of one that is reported so."""
    given: dict[str, object] = {"method": "POST", "url": URL, "seconds": 0.5, "status": 400} | parts
    into = Recording()
    with recorded(into):
        report_exchange(**given)  # type: ignore[arg-type]
    (exchange,) = into.kept()
    return exchange


def test_a_request_and_its_answer_are_kept_as_text() -> None:
    seen = kept(sent=b'{"bandpass": "\xc3\xa5"}', answered=b"no such\nfilter\x07", status=400)
    assert (seen.method, seen.url, seen.status, seen.seconds) == ("POST", URL, 400, 0.5)
    assert seen.sent == '{"bandpass": "å"}'
    assert seen.answered == "no such\nfilter�"


def test_outside_of_a_call_nothing_happens() -> None:
    report_exchange("GET", URL, seconds=1)
    assert not exchanges.recording()


def test_the_thread_of_a_call_reports_to_the_caller() -> None:
    into = Recording()
    call = Call("deliver", lambda: report_exchange("GET", URL, seconds=1), seconds=5)
    with recorded(into):
        call.run("x")
    assert call.thread is not None
    assert into.number == 1


def test_a_wrong_report_breaks_no_call(caplog: pytest.LogCaptureFixture) -> None:
    into = Recording()
    with recorded(into):
        report_exchange("GET", URL, seconds="soon", status=None)  # type: ignore[arg-type]
    assert into.number == 0
    assert "could not be recorded" in caplog.text


def test_of_many_requests_the_first_the_last_and_failures_between_are_kept_in_order() -> None:
    into = Recording()
    with recorded(into):
        for number in range(100):
            failed = number in (7, 50)
            report_exchange("POST", f"{URL}{number}", seconds=0, status=400 if failed else 201)
    numbers = [int(each.url.rpartition("/")[2]) for each in into.kept()]
    assert numbers == [0, 1, 7, 50, 96, 97, 98, 99]
    assert into.number == 100


def test_however_many_fail_their_number_has_a_limit() -> None:
    into = Recording()
    with recorded(into):
        for _ in range(1000):
            report_exchange("POST", URL, seconds=0, sent=b"x" * 10**6)
    assert len(into.kept()) == 10
    assert sum(len(each.sent) for each in into.kept()) <= 10 * MOST_CHARACTERS


def test_what_is_no_text_is_named_by_type_and_size() -> None:
    seen = kept(sent=bytes(range(256)) * 100, sent_type="image/fits", answered=gzip.compress(b"x" * 999))
    assert seen.sent == "image/fits, 25,600 bytes"
    assert seen.answered.startswith("no type, ")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_of_a_look_up_that_succeeds_the_answer_is_not_kept(method: str) -> None:
    """It may list targets and data of the destination that those who see the attempt may not see."""
    seen = kept(method=method, status=200, answered=b'[{"name": "theirs"}]', answered_type="application/json")
    assert seen.answered == "application/json, 20 bytes"
    assert kept(method=method, status=404, answered=b"not found").answered == "not found"


def each_letter(text: str) -> str:
    return "".join(f"\\u{ord(each):04x}" for each in text)


@pytest.mark.parametrize(
    "form",
    [str, str.lower, quote, each_letter, lambda text: b64encode(f"me:{text}".encode()).decode()],
    ids=["plain", "lower", "percent", "escaped", "base64"],
)
@pytest.mark.parametrize("place", [0, MOST_CHARACTERS - 60, MOST_CHARACTERS - 10, MOST_CHARACTERS - 1])
def test_a_credential_is_not_kept_in_any_form_even_where_the_text_is_cut(
    form: Callable[[str], str], place: int
) -> None:
    text = f"{'.' * place} {form(KEY)} {'.' * 100_000}"
    seen = kept(sent=text.encode(), answered=text, answered_type=f"text/{KEY}", url=f"{URL}?{form(KEY)}")
    assert (seen.sent, seen.answered) == (HIDDEN, HIDDEN)
    assert KEY not in seen.url


def test_a_credential_that_becomes_known_later_in_the_call_is_hidden() -> None:
    into = Recording()
    given = "h7Gt55sKq20PzLmW3e"
    with recorded(into):
        report_exchange("POST", URL, seconds=0, status=200, answered=f"[{given}]")
    register(given)
    assert into.kept()[0].answered == HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"token": "neverSeenBefore1"}),
        json.dumps({"deep": [{"accessToken": "neverSeenBefore1"}]}),
        json.dumps({"said": json.dumps({"api_key": "neverSeenBefore1"})}),
        "user=me&password=neverSeenBefore1",
    ],
)
def test_a_field_that_is_named_like_a_credential_hides_its_text(text: str) -> None:
    """The answer to a login holds a credential that nobody has registered, if the adapter fails just then."""
    assert kept(answered=text).answered == MAY_HOLD


def test_a_refusal_that_names_a_credential_is_shown() -> None:
    for text in ('{"detail": "Invalid token."}', '{"token": ["This field is required."]}'):
        assert kept(answered=text).answered == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://hooks.example.org/services/{KEY}", f"https://hooks.example.org {HIDDEN}"),
        ("https://me:word@tom.example.org/api/", "https://tom.example.org/api/"),
        ("https://tom.example.org/?access_token=abc", f"https://tom.example.org {MAY_HOLD}"),
        (f"https://{KEY}.example.org/{KEY}", f"{HIDDEN} {HIDDEN}"),
    ],
)
def test_of_an_address_with_a_credential_the_host_alone_is_shown(url: str, shown: str) -> None:
    assert kept(url=url).url == shown
