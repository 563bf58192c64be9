"""What a person fills in beside a one-time share: a message to reply to, and an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.hermes.test_edits import DEMO, Site
from calling import deliver
from sharecore.exceptions import DestinationError, TargetRefused
from sharecore.outcomes import Accepted, Rejected

NOWHERE = "00000000-1111-4222-8333-444455556666"


@pytest.fixture
def site(make: Any, start_hermes: Callable[..., Any]) -> Site:
    return Site(make, start_hermes("hermes.test", DEMO))


def ask(site: Site, *records: Any, **values: str) -> tuple[Any, Any]:
    adapter = site.make.adapter(BASE_URL=site.server.base_url, EVENT_ID="S260301a")
    address = site.batch().address
    return adapter, site.make.batch(*records, address=address, values=values)


@pytest.mark.parametrize(
    "text", ["{uuid}", "https://hermes.example.org/message/{uuid}", " {url}api/v0/query/message/{uuid}/ "]
)
def test_a_message_is_named_by_its_id_or_its_page(site: Site, text: str) -> None:
    old = site.publish(site.make.detection())
    record = site.make.detection()
    told = text.format(uuid=old.upper(), url=site.server.base_url)
    adapter, batch = ask(site, record, reply_to=told, event_id="S240422ed")
    assert adapter.check_values(batch) == []
    assert isinstance(deliver(adapter, batch)[record.key], Accepted)
    page = f"{site.server.base_url}message/{old}"
    assert site.last["data"]["references"] == [{"source": "hop_uuid", "citation": old, "url": page}]
    assert site.last["data"]["event_id"] == "S240422ed"


def test_a_message_that_hermes_does_not_have_yet_is_an_error(site: Site) -> None:
    of_a_test = site.publish(site.make.detection(), topic="hermes.test")
    for uuid in (NOWHERE, of_a_test):
        record = site.make.detection()
        adapter, batch = ask(site, record, reply_to=uuid)
        (problem,) = adapter.check_values(batch)
        assert problem.where == "reply_to"
        assert f"does not have the message {uuid} yet" in problem.what
        outcome = deliver(adapter, batch)[record.key]
        assert isinstance(outcome, Rejected)
        assert outcome.field == "reply_to"
        assert f"does not have the message {uuid} yet" in outcome.reason
    assert len(site.uuids) == 1, "nothing was published in place of the reply"


def test_a_target_alone_is_not_announced_without_its_reference(site: Site) -> None:
    adapter, batch = ask(site, reply_to=NOWHERE)
    batch = replace(batch, title="A reply")
    with pytest.raises(TargetRefused, match="does not have the message"):
        deliver(adapter, batch)
    deliver(adapter, replace(batch, values={"event_id": "S240422ed"}))
    assert site.last["data"]["event_id"] == "S240422ed"


@pytest.mark.parametrize(
    ("values", "where", "what"),
    [
        ({"reply_to": "see my last message"}, "reply_to", "must name one message"),
        ({"reply_to": f"{NOWHERE} 10000000-1111-4222-8333-444455556666"}, "reply_to", "must name one"),
        ({"event_id": "the event of Monday"}, "event_id", "must be the name of one event"),
    ],
)
def test_what_cannot_be_read_is_told_without_asking(make: Any, values: Any, where: str, what: str) -> None:
    adapter = make.adapter(BASE_URL="http://127.0.0.1:9/")
    (problem,) = adapter.check_values(make.batch(values=values))
    assert (problem.where, problem.what.startswith(what)) == (where, True)
    record = make.detection()
    (outcome,) = deliver(adapter, make.batch(record, values=values)).values()
    assert isinstance(outcome, Rejected), "and nothing goes without it"
    assert outcome.field == where


def test_where_hermes_cannot_be_asked_nothing_is_said(make: Any) -> None:
    adapter = make.adapter(BASE_URL="http://127.0.0.1:9/", ATTEMPTS=1)
    with pytest.raises(DestinationError):
        adapter.check_values(make.batch(values={"reply_to": NOWHERE}))


def test_what_a_person_says_goes_before_the_target_and_after_the_datum(site: Site) -> None:
    target = site.make.target(extras={"hermes_event_id": "S260302b"})
    for extra, event in (({"hermes_event_id": "S260303c"}, "S260303c"), ({}, "S240422ed")):
        adapter, batch = ask(site, site.make.detection(extra=extra), event_id="S240422ed")
        deliver(adapter, replace(batch, target=target))
        assert site.last["data"]["event_id"] == event
