"""Each recorded answer of the real server: what the adapter makes of it, and the same from the stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from calling import before, deliver
from sharecore.exceptions import AuthenticationFailed, DeliveryError, DestinationError
from sharecore.outcomes import Accepted, Rejected, Unconfirmed

VECTORS = Path(__file__).parent / "vectors"
NAMES = [each["name"] for each in json.loads((VECTORS / "00_index.json").read_text())]
UUID = "0b5a9f0e-8c0f-4f0e-9c1a-000000000001"

TOKENS = {
    "valid": "0123456789abcdef0123456789abcdef01234567",
    "no_scimma_credential": "1123456789abcdef0123456789abcdef01234567",
    "read_only_topic": "2123456789abcdef0123456789abcdef01234567",
    "no_profile": "3123456789abcdef0123456789abcdef01234567",
    "invalid": "f" * 40,
}

STOPPED = {
    "nan_literal": (DestinationError, "could not read"),
    "topic_not_writable": (AuthenticationFailed, "may not write to the topic"),
    "topic_read_only_credential": (AuthenticationFailed, "may not write to the topic"),
    "auth_no_scimma_credential": (AuthenticationFailed, "SCiMMA credential"),
    "auth_invalid_token": (AuthenticationFailed, "HERMES_API_KEY"),
}
TOPIC_ONLY = {"topic_not_writable", "topic_read_only_credential"}


def records_like(request: Any, make: Any) -> list[Any]:
    """Good records in as many rows as the recorded request had; one where it had none."""
    data = (request or {}).get("data", {})
    rows = [make.detection() for _ in data.get("photometry", [])]
    rows += [make.spectrum() for _ in data.get("spectroscopy", [])]
    rows += [make.astrometry() for _ in data.get("astrometry", [])]
    return rows or [make.detection()]


def recorded(vector: dict[str, Any], key: str) -> Any:
    """A recorded answer as the server sent it: pages of HTML as text, the id of the message filled in."""
    body = vector[key]
    if isinstance(body, dict) and set(body) == {"html"}:
        return body["html"]
    return body | {"uuid": UUID} if vector["accepted"] and key == "response_excerpt" else body


@pytest.mark.parametrize("name", NAMES)
def test_the_adapter_meets_the_recorded_answer(name: str, vectors: Any, make: Any, hermes: Any) -> None:
    vector = vectors[name]
    records = records_like(vector["request"], make)
    hermes.submit(vector["status"], recorded(vector, "response_excerpt"))
    hermes.validate(vector["validate_status"], recorded(vector, "validate_response"))
    adapter = make.adapter()

    if name in STOPPED:
        kind, text = STOPPED[name]
        with pytest.raises(kind, match=text) as caught:
            deliver(adapter, make.batch(*records))
        stopped = caught.value
        assert isinstance(stopped, DeliveryError)
        assert not before(caught)
        assert getattr(stopped, "topic_only", False) is (name in TOPIC_ONLY)
        return

    if vector["status"] == 500:
        # It may have been published: the server also fails after publishing.
        with pytest.raises(DestinationError) as caught:
            deliver(adapter, make.batch(*records))
        assert set(before(caught)) == {record.key for record in records}
        assert all(isinstance(each, Unconfirmed) for each in before(caught).values())
        return

    outcomes = deliver(adapter, make.batch(*records))
    assert set(outcomes) == {record.key for record in records}
    if vector["accepted"]:
        assert set(outcomes.values()) == {Accepted(remote_id=UUID)}
    else:
        assert all(isinstance(each, Rejected) and each.field for each in outcomes.values())
        assert len(hermes.sent()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_stand_in_answers_as_recorded(name: str, vectors: Any, start_hermes: Any) -> None:
    vector = vectors[name]
    server = start_hermes(development=vector["server"] == "dev")
    body = (vector.get("request_raw_body") or json.dumps(vector["request"])).encode()
    headers = {"Authorization": f"Token {TOKENS[vector['auth']]}", "Content-Type": "application/json"}
    for path, status, answer in (
        ("api/v0/submit_message/", vector["status"], vector["response_excerpt"]),
        ("api/v0/submit_message/validate/", vector["validate_status"], vector["validate_response"]),
    ):
        reply = requests.post(server.base_url + path, data=body, headers=headers, timeout=10)
        assert reply.status_code == status
        if "html" in answer:
            assert "Server Error (500)" in reply.text
        else:
            assert_contains(reply.json(), answer)
    assert bool(server.published()) is vector["published_to_kafka"]


def assert_contains(found: dict[str, Any], recorded: dict[str, Any]) -> None:
    """The excerpts name keys of `data` at the top; `rows` and `points` are counts."""
    data = found.get("data", {})
    for name, value in recorded.items():
        if name == "uuid":
            assert len(found["uuid"]) == 36
        elif name == "rows":
            assert len(data["photometry"]) == value
        elif name == "points":
            assert len(data["spectroscopy"][0]["flux"]) == value
        else:
            assert_alike(found[name] if name in found else data[name], value)


def assert_alike(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert_alike(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    else:
        assert found == (pytest.approx(expected, rel=1e-14) if isinstance(expected, float) else expected)
