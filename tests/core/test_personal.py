"""Destinations that each person reaches with credentials of their own."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sharecore import ConfigurationError, Destination, Destinations, Registry, Secret, hookimpl
from sharecore.guarded_adapter import Guarded
from sharecore.hooks import DestinationType
from sharecore.personal import PersonalSetting
from sharecore.secrets import forget, repeats_secret
from sharecore.testing import MemoryAdapter, MemoryDestination, example_batch
from sharecore.testing.memory_adapter import MemoryPlugin

AMY, BOB = "amy-0123456789", "bob-9876543210"


@pytest.fixture
def plugin() -> MemoryPlugin:
    forget()
    return MemoryPlugin()


def read(plugin: object, **entry: Any) -> Destinations:
    registry = Registry()
    registry.register(plugin, name="memory")
    return Destinations.parse({"x": {"ADAPTER": "memory", **entry}}, registry)


def whole(plugin: MemoryPlugin) -> Destination:
    destinations = read(plugin, CREDENTIALS="user")
    assert not destinations.problems
    return destinations["x"]


def test_an_entry_needs_no_credentials_where_each_person_gives_them(plugin: MemoryPlugin) -> None:
    destination = whole(plugin)
    assert list(destination.personal) == ["PASSWORD"]
    assert destination.person == ""


@pytest.mark.parametrize(
    ("entry", "where", "what"),
    [
        ({"CREDENTIALS": "each"}, "DATA_SHARING['x']['CREDENTIALS']", "must be 'site' or 'user'"),
        ({"CREDENTIALS": ["user"]}, "DATA_SHARING['x']['CREDENTIALS']", "must be 'site' or 'user'"),
        (
            {"CREDENTIALS": "user", "PASSWORD": AMY},
            "DATA_SHARING['x']['PASSWORD']",
            "must not be here beside",
        ),
    ],
)
def test_each_mistake_is_one_clear_problem(
    plugin: MemoryPlugin, entry: dict[str, Any], where: str, what: str
) -> None:
    (problem,) = read(plugin, **entry).problems
    assert problem.where == where
    assert what in problem.what
    assert AMY not in str(problem)


def test_a_kind_without_personal_settings_cannot_have_them(plugin: MemoryPlugin) -> None:
    class Plain:
        @hookimpl
        def sharecore_destinations(self) -> Any:
            yield DestinationType(
                kind="memory",
                summary="",
                config=lambda section: MemoryDestination(),
                open=lambda config: MemoryAdapter(config),
            )

    (problem,) = read(Plain(), CREDENTIALS="user").problems
    assert "knows no credentials of single people" in problem.what


def test_the_site_is_the_default(plugin: MemoryPlugin) -> None:
    for entry in ({}, {"CREDENTIALS": "site"}):
        destinations = read(plugin, PASSWORD=AMY, **entry)
        assert not destinations.problems
        assert not destinations["x"].personal


def test_each_person_has_a_destination_of_their_own(plugin: MemoryPlugin) -> None:
    destination = whole(plugin)
    amy, bob = (destination.for_user({"PASSWORD": each}, person=each[:3]) for each in (AMY, BOB))
    assert (amy.person, bob.person) == ("amy", "bob")
    assert not amy.personal
    assert len({each.digest(repr) for each in (destination, amy, bob)}) == 3
    for each in (amy, bob, amy):
        list(each.open().deliver(example_batch()))
    assert [password for _, password in plugin["x"].asked] == [AMY, BOB, AMY]


def test_what_is_read_with_an_example_sends_nothing(plugin: MemoryPlugin) -> None:
    destination = whole(plugin)
    adapter, batch = Guarded(destination, destination.open), example_batch()
    assert adapter.preview(batch).body
    assert adapter.link("1") == ""
    assert adapter.takes_files is False
    calls: list[Any] = [
        lambda: list(adapter.deliver(batch)),
        lambda: adapter.ensure_target(batch),
        lambda: adapter.find(batch),
        lambda: list(adapter.follow(batch, {})),
        lambda: list(adapter.withdraw(batch, "because")),
        adapter.check,
        adapter.topics,
        lambda: adapter.probe(1.0),
        lambda: adapter.send_test(batch),
        lambda: adapter.validate(batch),
        adapter.ready,
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="credentials of single people"):
            call()
    assert plugin["x"].asked == []


def test_an_example_hides_no_other_text(plugin: MemoryPlugin) -> None:
    whole(plugin)
    assert not repeats_secret("this is an example of a text")
    assert Secret("another-example", example=True).reveal() == "another-example"
    assert not repeats_secret("another-example")


def test_the_credentials_of_a_person_are_hidden_everywhere(
    plugin: MemoryPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    amy = whole(plugin).for_user({"PASSWORD": AMY}, person="amy")
    assert AMY not in repr(amy)
    assert repeats_secret(f"it said {AMY}")
    with caplog.at_level(logging.WARNING, "sharecore"):
        logging.getLogger("sharecore").warning("the key is %s", AMY)
    assert AMY not in caplog.text


def test_a_problem_of_a_person_names_the_profile_page() -> None:
    class Choosy:
        @hookimpl
        def sharecore_destinations(self) -> Any:
            yield DestinationType(
                kind="memory",
                summary="",
                config=self.read,
                open=lambda config: MemoryAdapter(config),
                personal={"KEY": PersonalSetting(label="Your key", example="a-key")},
            )

        def read(self, section: Any) -> MemoryDestination:
            key = section.secret("KEY", required=True)
            if " " in key.reveal():
                section.problem("KEY", "contains a blank", "Copy it again.")
            assert key.place == "'Your key' on the profile page of this site"
            section.finish()
            return MemoryDestination()

    destination = read(Choosy(), CREDENTIALS="user")["x"]
    for given, what in (({"KEY": "a b-c-d-e"}, "contains a blank"), ({}, "is missing")):
        with pytest.raises(ConfigurationError) as refusal:
            destination.for_user(given, person="amy")
        (problem,) = refusal.value.problems
        assert problem.where == "'Your key' on the profile page of this site"
        assert problem.what == what
