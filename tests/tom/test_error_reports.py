"""Django's error pages and error mails show no credential of a destination."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import RequestFactory, override_settings
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter, get_exception_reporter_class

from sharecore import Secret
from sharecore.secrets import HIDDEN
from tom_integration import checks, error_reports, site

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

HOOK, GATE, PROXY, KEY = "T0123456789/s3cr3tHOOK0123", "s3cr3tGATE", "s3cr3tPROXY", "s3cr3tKEY0123"
ENTRY = {
    "ADAPTER": "webhook",
    "SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "URL": f"https://hooks.slack.com/services/{HOOK}",
    "HEADERS": {"X-Gate": f"{GATE} word", "Cookie": f"sid={GATE}"},
    "PROXIES": {"https": f"http://someone:{PROXY}@proxy.example.org:3128"},
    "HERMES_API_KEY": KEY,
}


class Odd:
    """Nobody can look at it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


def report(fails: Any) -> ExceptionReporter:
    """What Django makes of the exception."""
    try:
        fails()
    except Exception:
        request = RequestFactory().get("/targets/1/")
        return get_exception_reporter_class(request)(request, *sys.exc_info())
    raise AssertionError("it did not fail")


def a_view() -> None:
    """With the variables that code around destinations has."""
    values: Any = settings.DATA_SHARING["partner"]
    url, proxies = values["URL"], values["PROXIES"]
    sent = {"headers": [("X-Gate", values["HEADERS"]["X-Gate"])], "body": b"Token " + KEY.encode()}
    number, secret, odd = 42, Secret(KEY), Odd()
    raise ValueError(f"no such thing: {bool(url and proxies and sent and odd and secret)} {number}")


@pytest.fixture
def partner(tom: Tom) -> Any:
    with override_settings(DATA_SHARING={"partner": ENTRY}, SLACK_HOOK=ENTRY["URL"], DEBUG=True):
        yield


@pytest.mark.parametrize("form", ["get_traceback_html", "get_traceback_text"])
def test_an_error_page_shows_no_credential(partner: None, form: str) -> None:
    page = getattr(report(a_view), form)()
    assert [text for text in (HOOK, GATE, PROXY, KEY) if text in page] == []
    assert "no such thing: True 42" in page
    assert "DATA_SHARING" in page
    if form == "get_traceback_html":
        assert ">42<" in page  # what is no secret is still there


@pytest.mark.parametrize("form", ["get_traceback_html", "get_traceback_text"])
def test_what_an_exception_says_is_looked_at_too(partner: None, form: str) -> None:
    def fails() -> None:
        try:
            raise OSError(f"no answer from {ENTRY['URL']}")
        except OSError as error:
            error.add_note(json.dumps({"key": KEY}))
            raise LookupError(f"the proxy does not know {PROXY!r}") from error

    page = getattr(report(fails), form)()
    assert [text for text in (HOOK, PROXY, KEY) if text in page] == []
    assert HIDDEN in page
    assert "LookupError" in page
    assert "test_error_reports.py" in page


def test_an_error_in_reading_the_settings_shows_none(partner: None) -> None:
    def reads() -> None:
        entries = dict(settings.DATA_SHARING)
        site.forget()
        raise KeyError(len(entries))

    page = report(reads).get_traceback_html()
    assert [text for text in (HOOK, GATE, PROXY, KEY) if text in page] == []


@override_settings(ADMINS=[("Admin", "admin@example.org")])
def test_an_error_mail_shows_none(partner: None) -> None:
    handler = AdminEmailHandler(include_html=True)
    try:
        a_view()
    except ValueError:
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, "Failed", (), sys.exc_info())
        record.request = RequestFactory().get("/")
        handler.emit(record)
    (sent,) = mail.outbox
    told = sent.body + "".join(str(part) for part, _ in sent.alternatives)
    assert [text for text in (HOOK, GATE, PROXY, KEY) if text in told] == []
    assert "ValueError" in sent.body


class Own(SafeExceptionReporterFilter):
    """The filter of a TOM."""


class Derived(error_reports.SecretsFilter):
    """That of a TOM that read the hint."""


@pytest.mark.parametrize(("given", "found"), [(Own, ["sharecore.W013"]), (Derived, [])])
def test_a_filter_of_the_tom_stays_and_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, given: type, found: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "filter_of_the_tom", sys.modules[__name__])
    with override_settings(DEFAULT_EXCEPTION_REPORTER_FILTER=f"filter_of_the_tom.{given.__name__}"):
        error_reports.install()
        assert settings.DEFAULT_EXCEPTION_REPORTER_FILTER.endswith(given.__name__)
        assert [each.id for each in checks.check_reports()] == found
