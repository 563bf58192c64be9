"""Cheats with the credentials of people: each is a lamp that does one thing wrong with them.

A row has the rule that finds it, the kind of destination, and what the rule says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from core.lamp import Lamp, LampConfig, lamp
from sharecore import AuthenticationFailed, PersonalSetting

KEY = PersonalSetting(label="Key", help="It is on the lamp.", example="0" * 20)


def personal(adapter: Any = Lamp, read: Any = LampConfig.read, **asked: PersonalSetting) -> Any:
    return replace(lamp(adapter, read), personal={"API_KEY": KEY, **asked})


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


PERSONAL_CHEATS: list[tuple[str, Any, str]] = [
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
]
