"""Logging in: the cheapest way that the receiver really looks at, and clear words when there is none."""

from __future__ import annotations

import json

import pytest

from calling import before, deliver
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Accepted
from sharecore.secrets import HIDDEN

DATA = "api/reduceddatums/"


def authorizations(web):
    """Those with which data were sent."""
    sent = [call.request for call in web.calls if call.request.method == "POST" and DATA in call.request.url]
    return [request.headers.get("Authorization") for request in sent]


def test_a_password_is_exchanged_once_for_a_token(tom_31, web, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(3)))
    deliver(opened, batch(*detections(3)))
    assert len(tom_31.made("POST", "api/token-auth/")) == 1
    assert set(authorizations(web)) == {"Token tok-1"}


def test_a_token_of_the_settings_is_used_as_it_is(tom_31, web, adapter, batch, detections):
    deliver(adapter(API_KEY="tok-1"), batch(*detections(1)))
    assert tom_31.made("POST", "api/token-auth/") == []
    assert set(authorizations(web)) == {"Token tok-1"}


def test_an_expired_token_is_exchanged_again(tom_31, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    tom_31.token = "tok-2"
    outcomes = deliver(opened, batch(*detections(2)))
    assert len(outcomes) == 2
    assert len(tom_31.made("POST", "api/token-auth/")) == 2


def test_where_tokens_are_ignored_the_password_goes_with_each_request(
    tom_232, web, adapter, batch, detections
):
    deliver(adapter(API_KEY="tok-1"), batch(*detections(1)))
    deliver(adapter(), batch(*detections(1)))
    assert set(authorizations(web)) == {"Basic c2VuZGVyOnB3LXNlY3JldA=="}


def test_an_ignored_token_without_a_password_is_refused_not_used_as_nobody(
    tom_232, adapter, batch, detections
):
    opened = adapter(API_KEY="tok-1", USERNAME="", PASSWORD="")
    with pytest.raises(AuthenticationFailed, match="ignores API tokens"):
        deliver(opened, batch(*detections(1)))
    assert tom_232.rows == []
    assert tom_232.made("POST", "api/targets/") == []


@pytest.mark.parametrize("settings", [{"PASSWORD": "bad-secret"}, {"API_KEY": "bad-secret"}])
def test_wrong_credentials_stop_everything_and_are_not_repeated_aloud(
    tom, adapter, batch, detections, settings
):
    if not tom.typed and "API_KEY" in settings:
        settings = {**settings, "PASSWORD": "bad-secret"}
    with pytest.raises(AuthenticationFailed) as caught:
        deliver(adapter(**settings), batch(*detections(1)))
    assert "secret" not in str(caught.value)
    assert before(caught) == {}
    assert tom.rows == []


def test_two_factors_are_named_with_the_mend(tom_31, adapter, batch, detections):
    tom_31.mfa = True
    with pytest.raises(AuthenticationFailed, match=r"two factors.*'API_KEY'"):
        deliver(adapter(), batch(*detections(1)))


def test_a_refusal_in_the_middle_keeps_what_was_decided(tom_31, adapter, batch, detections):
    records = detections(3)
    refusal = (403, {"Content-Type": "application/json"}, '{"detail": "Account disabled."}')
    tom_31.script("POST", "api/reduceddatums/", None, refusal, refusal)
    with pytest.raises(AuthenticationFailed, match="Account disabled") as caught:
        deliver(adapter(), batch(*records))
    assert set(before(caught)) == {records[0].key}


def test_a_locked_site_is_a_refusal_whatever_its_status(tom_31, adapter, batch, detections):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    login = (302, {"Location": "/accounts/login/?next=/api/"}, "")
    tom_31.script("POST", "api/reduceddatums/", login, login)
    with pytest.raises(AuthenticationFailed):
        deliver(opened, batch(*detections(1)))


@pytest.mark.parametrize(
    "location",
    [
        "/maintenance/login/?next=/api/",
        "https://gateway.example.org/accounts/login/",
        "/accounts/login/help/",
        "/accounts/logins",
        "http://[::1/accounts/login/",
        "",
    ],
)
def test_another_redirect_says_nothing_of_our_credentials(tom_31, adapter, batch, detections, location):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    away = (302, {"Location": location}, "")
    tom_31.script("POST", "api/reduceddatums/", away, away)
    with pytest.raises(DestinationError):
        deliver(opened, batch(*detections(1)))


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("name", ["token", "key", "detail"])
def test_a_token_in_the_refusal_of_a_login_is_not_quoted(tom, adapter, batch, detections, status, name):
    given = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
    body = json.dumps({"error": "a second factor is needed", name: f"no: {given}"})
    answer = (status, {"Content-Type": "application/json"}, body)
    tom.script("POST", "api/token-auth/", *[answer] * 5)
    with pytest.raises((AuthenticationFailed, DestinationError)) as caught:
        deliver(adapter(), batch(*detections(1)))
    assert HIDDEN in caught.value.reason
    assert given not in caught.value.reason


def test_a_receiver_that_is_down_at_login_is_not_a_refusal(tom, adapter, batch, detections):
    tom.script("POST", "api/token-auth/", (502, {}, ""))
    tom.script("OPTIONS", DATA, (502, {}, ""))
    with pytest.raises(DestinationError, match="502"):
        deliver(adapter(), batch(*detections(1)))


HTML = (200, {"Content-Type": "text/html"}, "<html>Back in five minutes</html>")
BROKEN = (500, {"Content-Type": "text/html"}, "<h1>Server Error (500)</h1>")
NONSENSE = (200, {"Content-Type": "application/json"}, '{"status": "ok"}')


@pytest.mark.parametrize("trouble", [HTML, BROKEN, NONSENSE])
@pytest.mark.parametrize("number", [0, 1])
def test_a_receiver_in_trouble_does_not_pass_for_one_that_ignores_tokens(
    tom_31, adapter, batch, detections, trouble, number
):
    """That would pause the destination until a person comes, or send the password from then on."""
    tom_31.script("OPTIONS", DATA, *[None] * number, trouble)
    opened = adapter(API_KEY="tok-1", USERNAME="", PASSWORD="")
    with pytest.raises(DestinationError):
        deliver(opened, batch(*detections(1)))
    assert len(deliver(opened, batch(*detections(1)))) == 1


@pytest.mark.parametrize("trouble", [HTML, BROKEN])
def test_trouble_while_a_token_is_asked_for_is_no_reason_to_send_the_password(
    tom_31, web, adapter, batch, detections, trouble
):
    tom_31.script("POST", "api/token-auth/", trouble)
    opened = adapter()
    with pytest.raises(DestinationError):
        deliver(opened, batch(*detections(1)))
    deliver(opened, batch(*detections(1)))
    assert set(authorizations(web)) == {"Token tok-1"}


def test_a_receiver_that_can_list_none_of_its_targets_lets_us_log_in(tom, adapter, batch, detections):
    """One target with a number that JSON lacks makes each list with it an error 500."""
    pk = tom.add_target("SN 2026abc")
    state = {"receiver": "https://tom.example.org/", "target_id": pk, "target_name": "SN 2026abc"}
    tom.script("GET", "api/targets/", *[BROKEN] * 100)
    opened = adapter()
    assert not any(problem.fatal for problem in opened.check())
    assert set(deliver(opened, batch(*detections(1), state=state)).values()) == {Accepted()}


def test_a_check_tests_the_password_of_the_settings_not_the_token_that_it_gave(
    tom_31, adapter, batch, detections
):
    opened = adapter()
    deliver(opened, batch(*detections(1)))
    assert "a token that it gave us for 'PASSWORD'" in opened.describe()
    tom_31.password = "changed"
    (problem,) = opened.check()
    assert problem.where == "DATA_SHARING['b']['PASSWORD']"
    assert len(deliver(opened, batch(*detections(2)))) == 2, "the token is good until it is refused"
    tom_31.password = "pw-secret"
    assert opened.check() == []


def test_it_says_how_it_logs_in(tom_31, adapter):
    opened = adapter(API_KEY="tok-1")
    opened.check()
    assert "We log in with 'API_KEY'." in opened.describe()
