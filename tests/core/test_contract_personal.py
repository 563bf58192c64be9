"""The contract of credentials that each person gives: a lamp keeps it, and bad lamps are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from core.lamp import Lamp, LampConfig, lamp, stage
from sharecore import AuthenticationFailed, PersonalSetting
from sharecore.testing import AdapterContract, FakeServer, HttpAdapterContract, MemoryPlugin, Subject

KEY = PersonalSetting(label="Key", help="It is on the lamp.", example="0" * 20)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def personal(adapter: Any = Lamp, read: Any = LampConfig.read, **asked: PersonalSetting) -> Any:
    return replace(lamp(adapter, read), personal={"API_KEY": KEY, **asked})


class TestLampOfManyPeople(HttpAdapterContract):
    @pytest.fixture
    def subject(self, server: FakeServer) -> Subject:
        return stage(server, personal()).subject


class TestMemoryOfManyPeople(AdapterContract):
    @pytest.fixture
    def subject(self) -> Subject:
        plugin = MemoryPlugin()
        (kind,) = plugin.sharecore_destinations()
        return Subject(type=kind, settings={"PASSWORD": "pass"}, stored=lambda: plugin["example"].records)


class FirstComeFirstServed(Lamp):
    """Keeps the key of the first person for all."""

    key: ClassVar[list[Any]] = []

    def post(self, record: Any) -> Any:
        self.key.append(self.config.key)
        self.config = replace(self.config, key=self.key[0])
        return super().post(record)


class Both(Lamp):
    """Tells each the keys of all who came before."""

    keys: ClassVar[list[str]] = []

    def post(self, record: Any) -> Any:
        self.keys.append(self.config.key.reveal())
        self.client.get("blinks/", params={"keys": " ".join(self.keys)})
        return super().post(record)


class ToTheSettings(Lamp):
    def read(self, record: Any, reply: Any) -> Any:
        if reply.status == 401:
            raise AuthenticationFailed("refused. Correct DATA_SHARING['example']['API_KEY']")
        return super().read(record, reply)


def choosy(section: Any) -> Any:
    config = LampConfig.read(section)
    if config.key.reveal() == KEY.example:
        section.problem("API_KEY", "is too dark", "Take another one.")
        section.finish()
    return config


@pytest.mark.parametrize(
    ("rule", "kind", "says"),
    [
        ("the_examples_of_personal_settings_are_read", personal(read=choosy), "is too dark"),
        (
            "the_examples_of_personal_settings_are_read",
            personal(NAME=PersonalSetting(label="Name", example="x")),
            r"does not read what people are asked for: \['NAME'\]",
        ),
        (
            "each_person_shares_with_their_own_credentials",
            personal(FirstComeFirstServed),
            "does not carry the API_KEY of the person",
        ),
        ("each_person_shares_with_their_own_credentials", personal(Both), "the API_KEY of another person"),
        (
            "a_refusal_names_the_profile_page",
            personal(ToTheSettings),
            r"correct \['API_KEY'\] in the settings",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_bad_lamp_is_found(rule: str, kind: Any, says: str, server: FakeServer) -> None:
    FirstComeFirstServed.key.clear()
    Both.keys.clear()
    bench = stage(server, kind)
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        getattr(HttpAdapterContract(), f"test_{rule}")(bench)
    bench.close()
    assert re.search(says, str(caught.value))
