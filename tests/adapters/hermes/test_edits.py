"""Edits as new messages, what they refer to, and the retraction of what they replace."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from calling import deliver
from sharecore.adapter import Batch
from sharecore.exceptions import AuthenticationFailed, ConfigurationError, DestinationError
from sharecore.outcomes import Accepted, Deferred, Rejected, Unsupported, Withdrawn
from sharecore.records import Record
from sharecore_hermes import retraction

DEMO = "hermes.demo"
AUTH = {"Authorization": "Token 0123456789abcdef0123456789abcdef01234567"}
STANDINS = Path(__file__).parents[2] / "standins"


class Site:
    """A site at a stand-in with a topic for tests, and one for everybody."""

    def __init__(self, make: Any, server: Any) -> None:
        self.make = make
        self.server = server
        self.state: dict[str, Any] = {}
        self.names: dict[Any, str] = {}

    def publish(self, *records: Record, topic: str = DEMO, **settings: Any) -> str:
        """Publish records, with what the ledger knows of them; the id of the message."""
        adapter = self.make.adapter(BASE_URL=self.server.base_url, **settings)
        outcomes = deliver(adapter, self.batch(*records, topic=topic))
        assert {type(each) for each in outcomes.values()} == {Accepted}, outcomes
        self.names |= {key: each.remote_id for key, each in outcomes.items()}
        return self.uuids[-1]

    def batch(self, *records: Record, topic: str = DEMO) -> Batch:
        previous = {record.key: self.names[record.key] for record in records if record.key in self.names}
        address = replace(self.make.batch().address, topic=topic)
        # As the ledger keeps it.
        self.state = json.loads(json.dumps(self.state))
        return self.make.batch(*records, address=address, previous=previous, state=self.state)

    @property
    def uuids(self) -> list[str]:
        return [each["uuid"] for each in self.server.published()]

    @property
    def last(self) -> dict[str, Any]:
        return dict(self.server.published()[-1]["message"])

    def archive(self, **fields: Any) -> None:
        requests.post(f"{self.server.base_url}stand-in/", json=fields, timeout=10).raise_for_status()

    def retracted(self) -> list[str]:
        asked = [f"{self.server.base_url}api/v0/query/message/{uuid}/" for uuid in self.uuids]
        notes = [requests.get(url, headers=AUTH, timeout=10).json()["annotations"] for url in asked]
        return [each["con_text_uuid"] for each in notes if each["retracted"]]


@pytest.fixture
def site(make: Any, start_hermes: Callable[..., Any]) -> Site:
    return Site(make, start_hermes("hermes.test", DEMO))


def test_an_edit_refers_to_the_message_that_it_replaces(site: Site) -> None:
    kept, wrong = site.make.detection(), site.make.detection()
    old = site.publish(kept, wrong)
    assert "references" not in site.last["data"]
    assert site.last["message_text"] == ""
    new = site.publish(replace(wrong, brightness=19.5), site.make.detection(), EDITS="message")
    page = f"{site.server.base_url}message/{old}"
    assert site.last["data"]["references"] == [{"source": "hop_uuid", "citation": old, "url": page}]
    assert "Corrected values" in site.last["message_text"]
    beside = site.last["data"]["sharecore"]["photometry"]
    assert [each.get("replaces") for each in beside] == [old, None]
    assert site.retracted() == []
    site.publish(replace(wrong, brightness=19.6), EDITS="message")
    assert [each["citation"] for each in site.last["data"]["references"]] == [new]


def test_a_message_that_the_database_of_hermes_lacks_is_referred_to_by_its_page(site: Site) -> None:
    wrong = site.make.detection()
    old = site.publish(wrong, topic="hermes.test")
    site.publish(replace(wrong, brightness=19.5), topic="hermes.test", EDITS="message")
    assert site.last["data"]["references"] == [{"url": f"{site.server.base_url}message/{old}"}]


class TestRetraction:
    def test_a_message_is_retracted_once_all_its_records_are_replaced(self, site: Site) -> None:
        one, two = site.make.detection(), site.make.spectrum()
        old = site.publish(one, two, EDITS="retract")
        site.publish(replace(one, brightness=19.5), EDITS="retract")
        assert site.retracted() == [], "the other record has no other message"
        site.publish(replace(two, exposure_time=30.0), EDITS="retract")
        assert site.retracted() == [old]
        assert not site.state

    def test_all_at_once(self, site: Site) -> None:
        records = [site.make.detection() for _ in range(3)]
        old = site.publish(*records, EDITS="retract")
        site.publish(*(replace(each, brightness=19.5) for each in records), EDITS="retract")
        assert site.retracted() == [old]

    def test_an_edit_of_an_edit(self, site: Site) -> None:
        record = site.make.detection()
        first = site.publish(record, EDITS="retract")
        second = site.publish(replace(record, brightness=19.5), EDITS="retract")
        site.publish(replace(record, brightness=19.6), EDITS="retract")
        assert site.retracted() == [first, second]

    @pytest.mark.parametrize("trouble", [{"fails": 503}, {"behind": 3600}])
    def test_a_failure_does_not_harm_the_edit_and_is_tried_again(self, site: Site, trouble: Any) -> None:
        record = site.make.detection()
        old = site.publish(record, EDITS="retract")
        site.archive(**trouble)
        site.publish(replace(record, brightness=19.5), EDITS="retract")
        assert old in site.state[retraction.AGAIN]
        site.archive(fails=0, behind=0)
        site.publish(site.make.detection(), EDITS="retract")
        assert site.retracted() == [old]
        assert not site.state

    def test_what_is_refused_is_left(self, site: Site) -> None:
        record = site.make.detection()
        site.publish(record, EDITS="retract")
        site.archive(fails=403)
        site.publish(replace(record, brightness=19.5), EDITS="retract")
        assert retraction.AGAIN not in site.state

    def test_after_a_lost_answer_the_look_up_retracts(self, site: Site) -> None:
        record = site.make.detection()
        old = site.publish(record, EDITS="retract")
        edit = replace(record, brightness=19.5)
        site.publish(edit, EDITS="message")
        site.names[record.key] = old  # the ledger did not hear of the new message
        adapter = site.make.adapter(BASE_URL=site.server.base_url, EDITS="retract")
        adapter.find(site.batch(edit))
        assert site.retracted() == [old]

    def test_notes_do_not_grow_for_ever(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retraction, "MOST_NOTED", 200)
        for _ in range(4):
            pair = [site.make.detection() for _ in range(2)]
            site.publish(*pair, EDITS="retract")
            site.publish(replace(pair[0], brightness=19.5), EDITS="retract")
        assert len(site.state[retraction.REPLACED]) == 3

    def test_no_message_of_others_is_retracted(self, site: Site) -> None:
        record = site.make.detection()
        site.publish(record, EDITS="retract")
        other = {"title": "T", "topic": DEMO, "submitter": "S"}
        url = f"{site.server.base_url}api/v0/submit_message/"
        uuid = requests.post(url, json=other, headers=AUTH, timeout=10).json()["uuid"]
        site.names[record.key] = uuid
        site.publish(replace(record, brightness=19.5), EDITS="retract")
        assert site.retracted() == []


def test_edits_stay_here_by_default(make: Any) -> None:
    assert not make.adapter().can_update
    assert make.adapter(EDITS="message").can_update
    assert "edits stay here" in make.adapter().describe()
    assert "retracted" in make.adapter(EDITS="retract").describe()
    with pytest.raises(ConfigurationError, match=r"EDITS.*'keep', 'message', 'retract'"):
        make.config(EDITS="delete")


class TestReferences:
    def test_of_the_settings_and_of_the_data(self, site: Site) -> None:
        doi = {"source": "doi", "citation": "10.1/x"}
        first = site.make.detection(extra={"hermes_references": "https://example.org/night"})
        second = site.make.detection(extra={"hermes_references": [doi], "airmass": 1.2})
        site.publish(first, second, REFERENCES=[doi])
        data = site.last["data"]
        assert data["references"] == [doi, {"url": "https://example.org/night"}]
        assert [each.get("extra") for each in data["sharecore"]["photometry"]] == [None, {"airmass": 1.2}]

    @pytest.mark.parametrize(
        "value",
        [
            5,
            [5],
            "x",
            {"source": "doi"},
            {"url": "x"},
            {"x": "y"},
            {"source": "hop_uuid", "citation": "x"},
            [{}],
        ],
    )
    def test_that_are_none(self, make: Any, value: Any) -> None:
        record = make.detection(extra={"hermes_references": value})
        outcome = deliver(make.adapter(), make.batch(record))[record.key]
        assert isinstance(outcome, Unsupported)
        assert outcome.feature == "references"
        with pytest.raises(ConfigurationError, match="REFERENCES"):
            make.config(REFERENCES=value)

    def test_that_hermes_does_not_know(self, site: Site) -> None:
        """The setting is to blame, not the record."""
        unknown = {"source": "hop_uuid", "citation": "0" * 8 + "-1111-4222-8333-444455556666"}
        with pytest.raises(DestinationError, match=r"REFERENCES.*does not exist"):
            site.publish(site.make.detection(), REFERENCES=[unknown])

    def test_of_a_datum_cost_that_datum_alone(self, site: Site) -> None:
        make = site.make
        unknown = {"source": "hop_uuid", "citation": "00000000-1111-4222-8333-444455556666"}
        bad, good = make.detection(extra={"hermes_references": [unknown]}), make.detection()
        adapter = make.adapter(BASE_URL=site.server.base_url)
        outcomes = deliver(adapter, site.batch(bad, good))
        assert isinstance(outcomes[bad.key], Rejected)
        assert isinstance(outcomes[good.key], Accepted)
        assert len(site.last["data"]["photometry"]) == 1

    def test_an_event_of_settings_target_and_datum(self, site: Site) -> None:
        make = site.make
        site.publish(make.detection(), EVENT_ID="S260301a")
        assert site.last["data"]["event_id"] == "S260301a"
        target = make.target(extras={"hermes_event_id": "S260302b"})
        own = make.detection(extra={"hermes_event_id": "S260303c"})
        batch = replace(site.batch(make.detection(), own, make.detection()), target=target)
        deliver(make.adapter(BASE_URL=site.server.base_url, EVENT_ID="S260301a"), batch)
        told = [each["message"]["data"] for each in site.server.published()[-2:]]
        assert [(each["event_id"], len(each["photometry"])) for each in told] == [
            ("S260302b", 2),
            ("S260303c", 1),
        ]


@pytest.fixture
def normalised() -> Iterator[Callable[[Any], Any]]:
    sys.path.insert(0, str(STANDINS))
    try:
        from hermes_message import normalised

        yield normalised
    finally:
        sys.path.remove(str(STANDINS))


def test_a_message_is_measured_as_hermes_publishes_it(make: Any, normalised: Any, monkeypatch: Any) -> None:
    """No message is larger than it may be, and none is much smaller."""
    monkeypatch.setattr("sharecore_hermes.message.MAX_BYTES", 20_000)
    records = [make.detection(extra={"comments": "\u212b" * 20}) for _ in range(150)]
    records += [make.spectrum() for _ in range(30)] + [make.astrometry() for _ in range(60)]
    messages = json.loads(make.adapter().preview(make.batch(*records)).body)
    sizes = [len(json.dumps(normalised(message))) for message in messages]
    assert max(sizes) <= 20_000
    assert min(sizes[:-1]) > 18_000


class TestTakingBack:
    def withdraw(self, site: Site, names: dict[Any, Any], **settings: Any) -> list[Any]:
        adapter = site.make.adapter(BASE_URL=site.server.base_url, **settings)
        batch = replace(site.make.batch(), previous=names)
        answers = dict(adapter.withdraw(batch, "wrong zero point"))
        assert list(answers) == list(names)
        return list(answers.values())

    def test_each_message_is_retracted_once(self, site: Site) -> None:
        data = [site.make.detection() for _ in range(3)]
        first, second = site.publish(*data[:2]), site.publish(data[2])
        names = {data[0].key: first, data[1].key: first, data[2].key: second}
        assert self.withdraw(site, names) == [Withdrawn()] * 3
        assert site.retracted() == [first, second]
        assert self.withdraw(site, names) == [Withdrawn()] * 3

    def test_a_message_that_nobody_knows_or_may_retract_stays(self, site: Site) -> None:
        record = site.make.detection()
        uuid = site.publish(record)
        assert isinstance(self.withdraw(site, {record.key: None})[0], Rejected)
        assert isinstance(self.withdraw(site, {record.key: "0" * 32})[0], Deferred)
        site.archive(fails=403)
        assert isinstance(self.withdraw(site, {record.key: uuid})[0], Rejected)
        site.archive(fails=0)
        assert site.retracted() == []

    def test_a_token_without_a_credential_stops_the_call(self, site: Site) -> None:
        record = site.make.detection()
        uuid = site.publish(record)
        nobody = "1123456789abcdef0123456789abcdef01234567"
        with pytest.raises(AuthenticationFailed, match="credential"):
            self.withdraw(site, {record.key: uuid}, HERMES_API_KEY=nobody)
        with pytest.raises(AuthenticationFailed, match="HERMES_API_KEY"):
            self.withdraw(site, {record.key: uuid}, HERMES_API_KEY="f" * 40)
