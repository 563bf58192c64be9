"""What a receiver of webhooks sees, checked with the library that receivers use."""

from __future__ import annotations

import dataclasses
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from calling import before, deliver
from sharecore import (
    Absent,
    Accepted,
    AuthenticationFailed,
    ConfigurationError,
    DestinationError,
    Photometry,
    PhotometryLimit,
    Section,
    Site,
    Spectrum,
    Target,
    Unsupported,
)
from sharecore.testing import FakeServer, Request, answer, example_batch, example_record
from sharecore_webhook.adapter import WebhookAdapter
from sharecore_webhook.config import WebhookConfig
from sharecore_webhook.messages import events

OLD, NEW = (f"whsec_{b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on("POST", "/hook", answer(204))
        yield server


@pytest.fixture
def opened(server: FakeServer) -> Iterator[Callable[..., WebhookAdapter]]:
    adapters: list[WebhookAdapter] = []

    def open_(**settings: Any) -> WebhookAdapter:
        given = {"URL": f"{server.url}hook", "SECRET": NEW, "ALLOW_PRIVATE": True} | settings
        adapters.append(WebhookAdapter(WebhookConfig.read(Section("hook", given))))
        return adapters[-1]

    yield open_
    for each in adapters:
        each.close()


def test_a_test_is_a_signed_event_of_a_type_of_its_own(opened: Any, server: FakeServer) -> None:
    batch = example_batch(example_record())
    assert opened().send_test(batch).reply == "The receiver took the event of the type test."
    body = verified(server.requests[-1], NEW)
    assert (body["type"], body["data"]["test"]) == ("test", True)
    server.on("POST", "/hook", answer(422))
    (problem,) = opened().send_test(batch).problems
    assert "HTTP 422" in problem.what


def verified(request: Request, secret: str) -> Any:
    return Webhook(secret).verify(request.body, dict(request.headers))


def test_the_receivers_library_takes_it_and_sees_the_datum(opened: Any, server: FakeServer) -> None:
    record = example_record(brightness=0.0, extra={"seeing": 1.2})
    deliver(opened(), example_batch(record))
    (request,) = server.requests
    event = verified(request, NEW)
    assert event["type"] == "photometry.created"
    assert event["data"]["target"]["name"] == "SN 2026abc"
    assert event["data"]["target"]["position"] == {"ra": 150.1, "dec": -12.5, "epoch": 2000.0}
    sent = event["data"]["record"]
    assert (sent["brightness"], sent["unit"], sent["extra"]) == (0.0, "mag(AB)", {"seeing": 1.2})
    assert sent["key"] == str(record.key)
    assert sent["timestamp"] == event["timestamp"]
    assert "limit" not in sent


def test_the_library_refuses_what_was_changed_on_the_way(opened: Any, server: FakeServer) -> None:
    deliver(opened(), example_batch(example_record()))
    (request,) = server.requests
    with pytest.raises(WebhookVerificationError):
        verified(replace(request, body=request.body.replace(b"18.5", b"17.5")), NEW)
    with pytest.raises(WebhookVerificationError):
        verified(request, OLD)


def test_while_secrets_rotate_both_verify(opened: Any, server: FakeServer) -> None:
    deliver(opened(SECRET=[NEW, OLD]), example_batch(example_record()))
    (request,) = server.requests
    assert verified(request, NEW) == verified(request, OLD)


def test_the_same_datum_has_the_same_id_however_batches_are_cut(opened: Any, server: FakeServer) -> None:
    one, two = example_record(), example_record(PhotometryLimit)
    adapter = opened()
    for records in ((one, two), (one,), (two,)):
        deliver(adapter, example_batch(*records))
    ids = [request.headers["webhook-id"] for request in server.requests]
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]
    assert server.requests[0].body == server.requests[2].body
    assert adapter.find(example_batch(one)) == {one.key: Absent()}, "so it may be sent again"
    moved = dataclasses.replace(example_batch(one), moved=True)
    assert adapter.find(moved) is None, "under another target it gets another id"


def test_each_datum_of_each_target_is_an_event_of_its_own() -> None:
    """Two targets in one exposure: their data have the same time, values and key."""
    record = example_record(PhotometryLimit)
    batches = [example_batch(record, target=Target(name=name)) for name in ("ZTF26labaaa", "ZTF26labbbb")]
    batches.append(replace(batches[0], site=Site(origin="another-site", name="Site A")))
    renamed = Target(name="ZTF26labaaa", aliases=("AT 2026lab",))
    assert len({events(batch)[0].id for batch in batches}) == 3
    assert events(replace(batches[0], target=renamed))[0].id == events(batches[0])[0].id
    keyed = replace(batches[0], target_keys={batches[0].site.origin: "5.17673"})
    assert events(replace(keyed, target=Target(name="SN 2026lab")))[0].id == events(keyed)[0].id


@pytest.mark.parametrize("first_name", [None, "settled by a person"])
def test_each_of_edits_to_and_fro_is_an_event_of_its_own_and_each_try_the_same(
    opened: Any, server: FakeServer, first_name: str | None
) -> None:
    record = example_record()
    state: dict[str, Any] = {}
    name = first_name
    for value in (18.5, 18.6, 18.5, 18.6):
        edited = replace(record, brightness=value)
        server.will(answer(503), times=1)
        for _ in range(2):
            batch = example_batch(edited, previous={record.key: name}, state=state)
            with suppress(DestinationError):
                name = deliver(opened(), batch)[record.key].remote_id
    ids = [request.headers["webhook-id"] for request in server.requests]
    assert ids[::2] == ids[1::2]
    assert len(set(ids)) == 4
    assert state == {}


def test_edits_after_events_that_a_person_settled_are_events_of_their_own() -> None:
    record = example_record()
    ids = [
        events(example_batch(record, previous={record.key: name}, state={}))[0].id
        for name in (None, None, "a", "a")
    ]
    assert len(set(ids)) == 4


def test_an_edit_is_another_event_about_the_same_record(opened: Any, server: FakeServer) -> None:
    record = example_record()
    deliver(opened(), example_batch(record))
    edited = replace(record, brightness=18.6)
    deliver(opened(), example_batch(edited, previous={record.key: "msg_1"}))
    first, second = (json.loads(request.body) for request in server.requests)
    assert second["type"] == "photometry.updated"
    assert second["data"]["record"]["key"] == first["data"]["record"]["key"]
    ids = {request.headers["webhook-id"] for request in server.requests}
    assert len(ids) == 2


def test_410_pauses_and_nothing_more_is_sent(opened: Any, server: FakeServer) -> None:
    first, second, third = example_record(), example_record(), example_record()
    server.will(answer(204), times=1)
    server.will(answer(410))
    with pytest.raises(AuthenticationFailed) as caught:
        deliver(opened(), example_batch(first, second, third))
    assert isinstance(before(caught)[first.key], Accepted)
    assert set(before(caught)) == {first.key}
    assert len(server.requests) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_addresses_are_not_reached_unless_allowed(host: str, opened: Any, server: FakeServer) -> None:
    url = server.url.replace("127.0.0.1", host) + "hook"
    with pytest.raises(DestinationError, match="private network"):
        deliver(opened(URL=url, ALLOW_PRIVATE=False), example_batch(example_record()))
    assert server.requests == []
    deliver(opened(URL=url), example_batch(example_record()))
    assert len(server.requests) == 1


def test_what_is_too_large_is_told_with_the_setting_that_allows_it(opened: Any, server: FakeServer) -> None:
    spectrum = example_record(Spectrum, flux=(1.23456,) * 5000, wavelength=())
    (outcome,) = deliver(opened(), example_batch(spectrum)).values()
    assert isinstance(outcome, Unsupported)
    assert "MAX_BYTES" in outcome.reason
    assert server.requests == []
    (outcome,) = deliver(opened(MAX_BYTES=100_000), example_batch(spectrum)).values()
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"SECRET": ""}, "SECRET"),
        ({"SECRET": "whsec_short"}, "SECRET"),
        ({"SECRET": [NEW, "hunter2-hunter2-hunter2-hunter2"]}, "SECRET"),
        ({"URL": "ftp://x/secret-path"}, "URL"),
        ({"URL": "https://user:secret-path@x.example/"}, "URL"),
    ],
)
def test_wrong_settings_are_named_without_what_is_in_them(settings: dict[str, Any], where: str) -> None:
    given = {"URL": "https://x.example.org/hook", "SECRET": NEW} | settings
    with pytest.raises(ConfigurationError) as caught:
        WebhookConfig.read(Section("hook", given))
    (problem,) = caught.value.problems
    assert problem.where == f"DATA_SHARING['hook'][{where!r}]"
    assert "secret-path" not in str(problem)
    assert "hunter2" not in str(problem)


def test_the_time_of_a_signature_is_that_of_the_attempt_and_the_id_stays(
    opened: Any, server: FakeServer
) -> None:
    times = iter([1_800_000_000.0, 1_800_000_005.0])
    adapter = opened()
    adapter.clock = lambda: next(times)
    server.will(answer(429, Retry_After="0"), times=1)
    record: Photometry = example_record()
    outcomes = deliver(adapter, example_batch(record))
    assert isinstance(outcomes[record.key], Accepted)
    assert [r.headers["webhook-timestamp"] for r in server.requests] == ["1800000000", "1800000005"]
    assert len({request.headers["webhook-id"] for request in server.requests}) == 1
