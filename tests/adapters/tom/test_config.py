"""One entry of DATA_SHARING: what TOMs have today works unchanged, what is wrong is said all at once."""

from __future__ import annotations

from typing import Any

import pytest

from sharecore.exceptions import ConfigurationError
from sharecore.settings import Section
from sharecore_tom.config import TomConfig
from sharecore_tom.plugin import sharecore_destinations


def read(**values: Any) -> TomConfig:
    return TomConfig.read(Section("b", values))


def test_the_settings_of_a_stock_tom_work_unchanged() -> None:
    section = Section(
        "not-my-tom",
        {
            "DISPLAY_NAME": "Not My TOM",
            "BASE_URL": "https://tom.example.org",
            "USERNAME": "sender",
            "PASSWORD": "pw-secret",
            "USER_TOPICS": [],
        },
    )
    config = TomConfig.read(section)
    assert section.unread() == []
    assert section.problems == []
    assert config.base_url == "https://tom.example.org/"
    assert (config.create_targets, config.concurrency, config.target_lists) == (True, 4, None)
    assert "secret" not in repr(config)


@pytest.mark.parametrize("key", ["API_KEY", "TOKEN", "API_TOKEN"])
def test_a_token_under_either_name_is_enough(key: str) -> None:
    assert read(BASE_URL="https://tom.example.org", **{key: "tok"}).token.reveal() == "tok"


def test_all_problems_come_together_with_paths_and_mends() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(
            BASE_URL="tom.example.org",
            CONCURRENCY=0,
            CREATE_TARGETS="no",
            VERIFY="/no/such/file",
            TARGET_LISTS="x",
        )
    places = {problem.where for problem in caught.value.problems if problem.fatal}
    keys = ("BASE_URL", "API_KEY", "CONCURRENCY", "CREATE_TARGETS", "VERIFY", "TARGET_LISTS")
    assert places == {f"DATA_SHARING['b']['{key}']" for key in keys}
    assert all(problem.hint for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({}, "API_KEY"),
        ({"USERNAME": "sender"}, "PASSWORD"),
        ({"PASSWORD": "pw-secret"}, "USERNAME"),
        ({"API_KEY": "secret-1", "TOKEN": "secret-2"}, "TOKEN"),
        ({"API_TOKEN": "secret-1", "TOKEN": "secret-2"}, "API_TOKEN"),
        ({"API_KEY": "secret-1\n"}, "API_KEY"),
    ],
)
def test_missing_or_unusable_credentials_are_fatal(values: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(BASE_URL="https://tom.example.org", **values)
    (problem,) = caught.value.problems
    assert problem.where == f"DATA_SHARING['b']['{key}']"
    assert "secret" not in str(caught.value)


def test_a_password_over_plain_http_is_a_warning_except_to_this_machine() -> None:
    far = Section("b", {"BASE_URL": "http://tom.example.org/", "TOKEN": "t"})
    near = Section("b", {"BASE_URL": "http://127.0.0.1:8000/", "TOKEN": "t"})
    TomConfig.read(far)
    TomConfig.read(near)
    assert [problem.fatal for problem in far.problems] == [False]
    assert near.problems == []


def test_the_plugin_offers_the_kind() -> None:
    (kind,) = sharecore_destinations()
    assert kind.kind == "tom"
    opened = kind.open(read(BASE_URL="https://tom.example.org", TOKEN="t"))
    assert repr(opened) == "<TomAdapter https://tom.example.org/>"
    opened.close()
    opened.close()


def test_how_long_a_receiver_may_be_at_work_is_a_setting() -> None:
    settings = {"BASE_URL": "https://tom.example.org", "API_KEY": "tok"}
    assert read(**settings).settle_seconds == 60.0
    assert read(**settings, SETTLE_SECONDS=5).settle_seconds == 5.0
    with pytest.raises(ConfigurationError):
        read(**settings, SETTLE_SECONDS=0)
