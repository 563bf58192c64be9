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
