"""What the archive of HERMES says of records that may have been published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from calling import deliver
from sharecore import fingerprint
from sharecore.adapter import Batch
from sharecore.addresses import Address
from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.outcomes import Absent, Deferred, Present, Unconfirmed
from sharecore_hermes import archive, look_up
from sharecore_hermes.adapter import HermesAdapter

AUTH = {"Authorization": "Token 0123456789abcdef0123456789abcdef01234567"}
LATER = timedelta(seconds=931)
"""The archive surely has by then what was published."""


class World:
    """An adapter at a stand-in, and the time."""

    def __init__(self, make: Any, server: Any) -> None:
        self.make = make
        self.server = server
        self.now = datetime.now(UTC)

    def adapter(self, **settings: Any) -> HermesAdapter:
        return self.make.adapter(BASE_URL=self.server.base_url, **settings)

    def batch(self, *records: Any, **values: Any) -> Batch:
        return self.make.batch(*records, **{"target_keys": {self.make.batch().site.origin: "7.1"}} | values)

    def sent(self, *records: Any, **values: Any) -> Batch:
        """The batch of published records, as a look-up gets it."""
        batch = self.batch(*records, **values)
        deliver(self.adapter(), batch)
        return self.asked(batch)

    def asked(self, batch: Batch) -> Batch:
        return replace(batch, sent_at={record.key: self.now for record in batch.records})

    def forward(self, delta: timedelta) -> None:
        self.now += delta

    def archive(self, **fields: Any) -> None:
        requests.post(f"{self.server.base_url}stand-in/", json=fields, timeout=10).raise_for_status()

    def uuids(self) -> list[str]:
        return [each["uuid"] for each in self.server.published()]


@pytest.fixture
def world(make: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(make, server)
    monkeypatch.setattr(look_up, "now", lambda: world.now)
    return world


@pytest.mark.parametrize("whole", [False, True], ids=["a list of facts", "a list of whole messages"])
def test_each_kind_of_record_is_found_in_its_message(world: World, whole: bool) -> None:
    world.archive(whole=whole)
    make = world.make
    records = [make.detection(), make.limit(), make.spectrum(), make.astrometry()]
    batch = world.sent(*records)
    (uuid,) = world.uuids()
    assert world.adapter().find(batch) == {
        record.key: Present(content=record, remote_id=uuid) for record in records
    }


def test_what_is_absent_is_sent_again_only_when_the_archive_must_have_it(world: World) -> None:
    batch = world.asked(world.batch(world.make.detection()))
    (answer,) = found(world, batch)
    assert isinstance(answer, Deferred)
    assert answer.retry_after == pytest.approx(930)
    world.forward(timedelta(seconds=929))
    assert isinstance(found(world, batch)[0], Deferred)
    world.forward(timedelta(seconds=2))
    assert found(world, batch) == [Absent()]
    (answer,) = found(world, batch, ARCHIVE_DELAY=3600)
    assert isinstance(answer, Deferred)
    assert answer.retry_after == pytest.approx(2999)


def found(world: World, batch: Batch, **settings: Any) -> list[Any]:
    answers = world.adapter(**settings).find(batch)
    assert answers is not None
    return [answers[record.key] for record in batch.records]


def test_an_archive_that_is_behind_is_waited_for(world: World) -> None:
    world.archive(behind=300)
    batch = world.sent(world.make.detection())
    assert isinstance(found(world, batch)[0], Deferred)
    world.archive(behind=0)
    assert isinstance(found(world, batch)[0], Present)


def test_a_retracted_message_counts_as_sent(world: World) -> None:
    batch = world.sent(world.make.detection())
    (uuid,) = world.uuids()
    url = f"{world.server.base_url}api/v0/query/message/{uuid}/"
    requests.patch(url, json={"retracted": True}, headers=AUTH, timeout=10).raise_for_status()
    assert isinstance(found(world, batch)[0], Present)


def test_an_edit_is_not_taken_for_what_was_sent_before(world: World) -> None:
    record = world.make.detection()
    world.sent(record)
    edit = replace(record, brightness=19.5)
    batch = world.asked(world.batch(edit))
    assert isinstance(found(world, batch)[0], Deferred), "the message with the edit may still come"
    world.forward(LATER)
    (answer,) = found(world, batch)
    assert (answer.content, answer.remote_id) == (fingerprint(record), world.uuids()[0])
    deliver(world.adapter(), batch)
    assert found(world, batch) == [Present(content=edit, remote_id=world.uuids()[1])]


def test_pages_are_read_to_their_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PAGE", 2)
    first = world.sent(world.make.detection())
    for _ in range(4):
        world.sent(world.make.detection())
    assert found(world, first) == [Present(content=first.records[0], remote_id=world.uuids()[0])]


def test_only_the_time_in_question_is_read(world: World) -> None:
    batch = world.sent(world.make.detection())
    world.now -= timedelta(days=1)
    early = world.asked(world.batch(world.make.detection()))
    both = replace(batch, records=batch.records + early.records, sent_at={**batch.sent_at, **early.sent_at})
    world.now += timedelta(days=1)
    answers = found(world, both)
    assert isinstance(answers[0], Present)
    assert answers[1] == Absent()
    wrong = replace(batch, sent_at={batch.records[0].key: world.now - timedelta(days=1)})
    assert found(world, wrong) == [Absent()]


def test_clocks_that_differ_by_minutes_do_no_harm(world: World) -> None:
    for ahead in (-600, 600):
        world.archive(ahead=ahead)
        assert isinstance(found(world, world.sent(world.make.detection()))[0], Present), ahead


def test_sent_at_an_unknown_time_it_is_looked_for_since_it_was_observed(world: World) -> None:
    record = world.make.detection()
    other = world.make.detection()
    world.sent(record)
    batch = world.batch(record, other)
    assert found(world, batch) == [Present(content=record, remote_id=world.uuids()[0]), Absent()]


def test_the_messages_of_others_are_passed_over(world: World, make: Any) -> None:
    """Also one that repeats our keys under another origin, and what is no message of HERMES."""
    record = make.detection()
    batch = world.sent(record)
    copied = world.server.published()[0]["message"]
    copied["data"]["sharecore"]["origin"] = "ffffffff-1111-4222-8333-444455556666"
    odd = (None, [], {"origin": batch.site.origin, "photometry": [None, {}]})
    for data in (copied["data"], *({"sharecore": each} for each in odd)):
        message = {**copied, "data": data}
        url = f"{world.server.base_url}api/v0/submit_message/"
        requests.post(url, json=message, headers=AUTH, timeout=10).raise_for_status()
    assert found(world, batch) == [Present(content=record, remote_id=world.uuids()[0])]


class TestTargets:
    """After data moved to another target the same record may have been published under either."""

    def test_under_another_target_it_is_absent(self, world: World, make: Any) -> None:
        record = make.detection()
        world.sent(record)
        world.forward(LATER)
        other = replace(
            world.batch(record), target=make.target("another"), target_keys={make.batch().site.origin: "8.1"}
        )
        assert found(world, replace(other, moved=True)) == [Absent()]
        assert found(world, replace(other, moved=False)) == [Absent()]

    def test_under_its_target_that_was_renamed_it_is_there(self, world: World, make: Any) -> None:
        batch = world.sent(make.detection())
        assert isinstance(found(world, replace(batch, target=make.target("new name")))[0], Present)

    def test_under_the_names_of_a_deleted_target_it_is_there(self, world: World, make: Any) -> None:
        batch = world.sent(make.detection())
        names = make.target("x", aliases=("at 2026ABC",), position={"ra": None, "dec": None})
        assert isinstance(found(world, replace(batch, target=names, target_keys={}, moved=True))[0], Present)


class TestWhereTheArchiveCannotTell:
    @pytest.mark.parametrize(
        ("trouble", "settings"),
        [({"fails": 403}, {}), ({"fails": 401}, {}), ({"fails": 404}, {}), ({"hidden": ["hermes.test"]}, {}),
         ({}, {"ASK_ARCHIVE": False})],
    )  # fmt: skip
    def test_a_person_decides(self, world: World, trouble: Any, settings: Any) -> None:
        batch = world.sent(world.make.detection())
        world.forward(LATER)
        world.archive(**trouble)
        assert world.adapter(**settings).find(batch) is None
        assert world.adapter(**settings).find(replace(batch, records=())) is None, "a replay would double"

    @pytest.mark.parametrize("trouble", [{"fails": 403}, {"hidden": ["hermes.test"]}])
    def test_or_nobody_where_the_site_prefers_doubles(self, world: World, trouble: Any) -> None:
        batch = world.sent(world.make.detection())
        assert isinstance(found(world, batch, RESEND_UNCONFIRMED=True)[0], Present), "it asks first"
        world.archive(**trouble)
        careless = world.adapter(RESEND_UNCONFIRMED=True)
        assert careless.find(batch) == {batch.records[0].key: Absent()}
        assert careless.find(replace(batch, moved=True)) is None
        assert careless.find(replace(batch, records=())) is None

    @pytest.mark.parametrize("status", [500, 502, 503, 400])
    def test_an_archive_that_fails_is_asked_later(self, world: World, status: int) -> None:
        """HERMES itself is well, so it gets new messages meanwhile."""
        batch = world.sent(world.make.detection())
        world.forward(LATER)
        world.archive(fails=status)
        (answer,) = found(world, batch)
        assert isinstance(answer, Deferred)
        assert str(status) in answer.reason
        with pytest.raises(DestinationError):
            world.adapter().find(replace(batch, records=()))

    def test_a_server_that_is_away_or_refuses_the_token_stops_the_call(self, world: World) -> None:
        batch = world.sent(world.make.detection())
        with pytest.raises(AuthenticationFailed, match="HERMES_API_KEY"):
            world.adapter(HERMES_API_KEY="f" * 40).find(batch)
        with pytest.raises(DestinationError):
            world.make.adapter(BASE_URL="http://127.0.0.1:9/").find(batch)

    def test_a_topic_with_too_many_messages_is_not_read_for_ever(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(look_up, "MOST_MESSAGES", 3)
        first = world.sent(world.make.detection())
        rest = [world.sent(world.make.detection()) for _ in range(3)]
        assert world.adapter().find(first) is None
        both = [first.records[0], rest[-1].records[0]]
        answers = world.adapter().find(world.asked(world.batch(*both)))
        assert answers is not None
        said = [type(answers[each.key]) for each in both]
        assert said == [Unconfirmed, Present], "what was found is settled"

    def test_a_page_that_leads_to_itself_ends(self, make: Any, hermes: Any) -> None:
        page = {"messages": [], "next": "again"}
        hermes.mock.get("https://hermes.example.org/api/v0/query/", json=page)
        hermes.mock.get("https://hermes.example.org/api/v0/topics/", json={"topics": ["hermes.test"]})
        batch = make.batch(make.detection())
        assert list(make.adapter().find(batch).values()) == [Absent()]
        assert len(hermes.mock.calls) == 3


def test_a_replay_asks_whether_doubles_can_be_avoided(world: World) -> None:
    nothing = world.batch()
    assert world.adapter().find(nothing) == {}
    assert (
        world.adapter(DEFAULT_TOPIC="no.such").find(replace(nothing, address=Address("hermes", ""))) is None
    )


def test_the_key_of_the_target_is_not_published(world: World) -> None:
    world.sent(world.make.detection())
    published = world.server.published()[0]["message"]
    assert published["data"]["sharecore"]["target_mark"]
    assert "7.1" not in str(published)
