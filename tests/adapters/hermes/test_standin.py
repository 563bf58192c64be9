"""The stand-in beyond the recorded answers: what the contract says of HERMES' transport."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

TOKEN = {"Authorization": "Token 0123456789abcdef0123456789abcdef01234567"}
MESSAGE = {"title": "T", "topic": "hermes.test", "submitter": "S"}
SUBMIT, VALIDATE = "api/v0/submit_message/", "api/v0/submit_message/validate/"


def ask(method: str, server: Any, path: str, **given: Any) -> requests.Response:
    given.setdefault("headers", TOKEN)
    return requests.request(method, server.base_url + path, timeout=10, allow_redirects=False, **given)


@pytest.mark.parametrize("path", ["api/v0/submit_message", "api/v0/submit_message/validate"])
def test_the_trailing_slash_is_required(path: str, server: Any) -> None:
    reply = ask("POST", server, path, json=MESSAGE)
    assert reply.status_code == 301
    assert reply.headers["Location"].endswith(f"/{path}/")
    assert not server.published()


@pytest.mark.parametrize("path", [SUBMIT, VALIDATE])
def test_a_get_is_help_and_success_by_its_status_alone(path: str, server: Any) -> None:
    assert set(ask("GET", server, path).json()) == {"message"}
    assert ask("PUT", server, path, json=MESSAGE).status_code == 405


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer 0123456789abcdef0123456789abcdef01234567", 200),
        ("token 0123456789abcdef0123456789abcdef01234567", 200),
        ("Token " + "f" * 40, 403),
        ("Token", 403),
        ("Token a b", 403),
    ],
)
def test_tokens(header: str, status: int, server: Any) -> None:
    reply = ask("GET", server, "api/v0/heartbeat/", headers={"Authorization": header})
    assert reply.status_code == status
    if status == 200:
        assert reply.json()["is_authenticated"] is header.startswith("token")


def test_profile_and_topics(start_hermes: Any) -> None:
    server = start_hermes("b.topic", "a.topic")
    assert ask("GET", server, "api/v0/profile/").json()["writable_topics"] == ["b.topic", "a.topic"]
    assert ask("GET", server, "api/v0/profile/", headers={}).status_code == 403
    assert "a.topic" in ask("GET", server, "api/v0/topics/").json()["topics"]


def test_an_anonymous_message_is_checked_and_not_published(server: Any) -> None:
    assert "error" in ask("POST", server, SUBMIT, json=MESSAGE, headers={}).json()
    assert ask("POST", server, SUBMIT, json={}, headers={}).status_code == 400
    assert not server.published()


@pytest.mark.parametrize(
    ("topic", "code"),
    [("gcn.circulars", "TOPIC_AUTHORIZATION_FAILED"), ("no.such", "UNKNOWN_TOPIC_OR_PART")],
)
def test_topics_are_checked_by_the_broker_only(topic: str, code: str, server: Any) -> None:
    message = MESSAGE | {"topic": topic}
    assert ask("POST", server, VALIDATE, json=message).json() == {}
    assert f"code={code} " in ask("POST", server, SUBMIT, json=message).json()["error"]


def test_sizes(server: Any) -> None:
    large = MESSAGE | {"message_text": "x" * 1_000_000}
    assert "MSG_SIZE_TOO_LARGE" in ask("POST", server, SUBMIT, json=large).json()["error"]
    huge = ask("POST", server, SUBMIT, json=MESSAGE | {"message_text": "x" * 2_700_000})
    assert (huge.status_code, huge.headers["Content-Type"]) == (400, "text/html")
    assert not server.published()


def test_text_that_says_nan_is_published_and_then_fails(server: Any) -> None:
    row = {
        "target_name": "x", "date_obs": "60000.5", "telescope": "T", "bandpass": "r", "brightness": 18.0,
        "brightness_error": "nan",
    }  # fmt: skip
    data = {"targets": [{"name": "x", "ra": 1, "dec": 1}], "photometry": [row]}
    assert ask("POST", server, SUBMIT, json=MESSAGE | {"data": data}).status_code == 500
    assert len(server.published()) == 1


def test_the_form_of_bodies_and_answers(server: Any) -> None:
    text = TOKEN | {"Content-Type": "text/plain"}
    assert ask("POST", server, SUBMIT, data=json.dumps(MESSAGE), headers=text).status_code == 415
    assert (
        ask("POST", server, SUBMIT, json=MESSAGE, headers=TOKEN | {"Accept": "application/xml"}).status_code
        == 406
    )
    assert not server.published()
    page = ask("POST", server, SUBMIT, json=MESSAGE, headers=TOKEN | {"Accept": "text/html"})
    assert page.headers["Content-Type"] == "text/html"
    assert len(server.published()) == 1


def test_a_published_message_can_be_read_back(server: Any) -> None:
    uuid = ask("POST", server, SUBMIT, json=MESSAGE).json()["uuid"]
    assert ask("GET", server, f"api/v0/query/message/{uuid}/").json()["message"]["title"] == "T"
    assert ask("GET", server, "api/v0/query/message/none/").status_code == 404


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        (
            {
                "photometry": [
                    {
                        "target_name": "y",
                        "date_obs": 60000,
                        "telescope": "T",
                        "bandpass": "r",
                        "brightness": 1,
                    }
                ]
            },
            "photometry",
        ),
        ({"targets": [{"name": "x", "ra": 1, "dec": 1}, {"name": " x ", "ra": 1, "dec": 1}]}, "targets"),
        ({"photometry": [None]}, "photometry"),
        ({"photometry": {}}, "photometry"),
    ],
)
def test_checks_across_rows(rows: dict[str, Any], errors: str, server: Any) -> None:
    data = {"targets": [{"name": "x", "ra": 1, "dec": 1}]} | rows
    assert set(ask("POST", server, VALIDATE, json=MESSAGE | {"data": data}).json()["data"]) == {errors}


def new_discovery(**block: Any) -> dict[str, Any]:
    target = {"name": "x", "ra": 1, "dec": 1, "new_discovery": True, "discovery_info": block}
    return MESSAGE | {"data": {"targets": [target]}}


def test_a_new_discovery_with_a_broken_block_makes_it_fail(server: Any) -> None:
    assert ask("POST", server, SUBMIT, json=new_discovery(transient_type="nonsense")).status_code == 500
    assert not server.published()
    good = new_discovery(transient_type="PSN - Possible SN", reporting_group="G")
    assert "uuid" in ask("POST", server, SUBMIT, json=good).json()
    good["data"]["targets"][0] |= {"new_discovery": False, "discovery_info": {"transient_type": "nonsense"}}
    assert ask("POST", server, SUBMIT, json=good).status_code == 400


def test_the_server_for_development_takes_topics_for_tests_alone(start_hermes: Any) -> None:
    server = start_hermes("hermes.test", "hermes.demo", development=True)
    message = MESSAGE | {"topic": "hermes.demo"}
    tree = {"topic": ["Hermes Dev can only submit to a test topic."]}
    assert ask("POST", server, VALIDATE, json=message).json() == tree
    refused = ask("POST", server, SUBMIT, json=message)
    assert (refused.status_code, refused.json()) == (400, tree)
    assert "uuid" in ask("POST", server, SUBMIT, json=MESSAGE).json()


def test_a_user_without_profile_makes_it_fail(server: Any) -> None:
    headers = {"Authorization": "Token 3123456789abcdef0123456789abcdef01234567"}
    assert ask("POST", server, SUBMIT, json=MESSAGE, headers=headers).status_code == 500
    assert ask("GET", server, "api/v0/profile/", headers=headers).status_code == 500
    assert ask("GET", server, "api/v0/topics/", headers=headers).status_code == 500
    assert ask("POST", server, VALIDATE, json=MESSAGE, headers=headers).json() == {}
    assert not server.published()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Monday", 200), ("01/03/2026", 200), ("2026", 200), ("2026.16", 200), ("9999-01-01", 200),
        ("2026-03-01 04:05:06 +0100", 200), ("March 1, 2026", 200), ("1 Mar 2026", 200),
        ("2026-03-01T24:00:00", 400), ("2026-060", 400), ("JD 2461100.5", 400), ("J2000", 400), ("", 400),
        (None, 400), (1000, 400), (15000, 200), (150000, 400), (2400000.5, 200),
    ],
)  # fmt: skip
def test_dates_are_what_dateutil_takes(text: Any, status: int, server: Any) -> None:
    row = {"target_name": "x", "date_obs": text, "telescope": "T", "bandpass": "r", "brightness": 18.0}
    data = {"targets": [{"name": "x", "ra": 1, "dec": 1}], "photometry": [row]}
    assert ask("POST", server, SUBMIT, json=MESSAGE | {"data": data}).status_code == status


@pytest.mark.parametrize(
    ("ra", "dec", "found"),
    [
        (-10, 5, (350.0, 5.0)), (370.5, "5", (10.5, 5.0)),
        ("10h00m24.5s", "-12d30m00s", (150.1020833, -12.5)),
        ("10:00:24.5", "+05:30:00", (150.1020833, 82.5)), (0, 0, (0.0, 0.0)), (1, 90.5, None),
        (1, "-12:30:00", None), ("nan", 1, None), (None, None, None), ("here", 1, None),
    ],
)  # fmt: skip
def test_positions_are_read_as_astropy_reads_them(ra: Any, dec: Any, found: Any, server: Any) -> None:
    reply = ask(
        "POST", server, SUBMIT, json=MESSAGE | {"data": {"targets": [{"name": "x", "ra": ra, "dec": dec}]}}
    )
    assert reply.status_code == (400 if found is None else 200)
    if found:
        target = reply.json()["data"]["targets"][0]
        assert (target["ra"], target["dec"]) == (pytest.approx(found[0]), pytest.approx(found[1]))
