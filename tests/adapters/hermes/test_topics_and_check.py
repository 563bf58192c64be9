"""Which topics a share can name, and what a person has to correct first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore_hermes.topics import KEEP, TopicCache, offered


def profile(*topics: str, credential: str = "user-1234") -> dict[str, Any]:
    return {"api_token": "0123", "credential_name": credential, "writable_topics": list(topics)}


def names(topics: Any) -> list[str]:
    return [topic.name for topic in topics]


class TestTopics:
    def test_the_writable_ones_among_user_topics(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile("b.topic", "a.topic", "hermes.test"))
        assert names(make.adapter(USER_TOPICS=["hermes.test", "elsewhere"]).topics()) == ["hermes.test"]

    def test_all_writable_ones_without_user_topics(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile("b.topic", "a.topic"))
        assert names(make.adapter(USER_TOPICS=[]).topics()) == ["a.topic", "b.topic"]

    def test_an_empty_list_means_that_hermes_cannot_tell(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile())
        (topic,) = make.adapter().topics()
        assert topic.name == "hermes.test"
        assert "does not say" in topic.note

    def test_a_server_that_is_down_leaves_what_the_settings_name(self, make: Any, hermes: Any) -> None:
        hermes.profile(502, "<html>")
        (topic,) = make.adapter().topics()
        assert topic.name == "hermes.test"
        assert "Not checked" in topic.note
        with pytest.raises(DestinationError):
            make.adapter(USER_TOPICS=[]).topics()

    def test_they_are_asked_for_once_in_a_while(self, make: Any) -> None:
        from sharecore_hermes.profile import Profile

        now, asked = [0.0], []

        def ask() -> Profile:
            asked.append(now[0])
            return Profile(writable_topics=("hermes.test",), credential="c")

        cache, config = TopicCache(clock=lambda: now[0]), make.config()
        offered(config, ask, cache)
        offered(config, ask, cache)
        assert len(asked) == 1
        now[0] += KEEP + 1
        offered(config, ask, cache)
        assert len(asked) == 2
        offered(replace(config, token=type(config.token)("f" * 40)), ask, cache)
        assert len(asked) == 3

    def test_an_empty_list_is_asked_for_again(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile())
        hermes.profile(200, profile("hermes.test"))
        adapter = make.adapter()
        adapter.topics()
        assert [topic.note for topic in adapter.topics()] == [""]


class TestCheck:
    def test_nothing_to_mend(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile("hermes.test"))
        assert make.adapter().check() == []

    @pytest.mark.parametrize(
        ("status", "answer", "where", "what"),
        [
            (403, {"detail": "Invalid token."}, "HERMES_API_KEY", "Invalid token"),
            (500, "<html>", "BASE_URL", "Log in to HERMES"),
            (301, "", "BASE_URL", "not HERMES"),
            (404, "<html>", "BASE_URL", "not HERMES"),
            (200, "<html>", "BASE_URL", "not HERMES"),
            (200, {"writable_topics": None}, "BASE_URL", "not HERMES"),
            (200, profile("hermes.test", credential=""), "HERMES_API_KEY", "no SCiMMA credential"),
            (200, profile("a", "b"), "USER_TOPICS", "may not write to 'hermes.test'; it may write to a, b"),
        ],
    )
    def test_what_stops_sharing(
        self, status: int, answer: Any, where: str, what: str, make: Any, hermes: Any
    ) -> None:
        hermes.profile(status, answer)
        (problem,) = make.adapter().check()
        assert problem.fatal
        assert problem.where == f"DATA_SHARING['hermes'][{where!r}]"
        assert what in problem.what
        assert problem.hint

    def test_one_topic_of_several_is_a_warning(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile("hermes.test"))
        (problem,) = make.adapter(DEFAULT_TOPIC="elsewhere").check()
        assert not problem.fatal
        assert "DEFAULT_TOPIC" in problem.where

    def test_unknown_rights_are_a_warning(self, make: Any, hermes: Any) -> None:
        hermes.profile(200, profile())
        (problem,) = make.adapter().check()
        assert not problem.fatal

    def test_a_bad_token_hides_behind_no_empty_list(self, make: Any, hermes: Any) -> None:
        hermes.profile(403, {"detail": "Invalid token."})
        with pytest.raises(AuthenticationFailed):
            make.adapter(USER_TOPICS=[]).topics()


def test_it_says_how_long_data_wait_and_how_many_go_together(make: Any) -> None:
    said = make.adapter(BATCH_WINDOW_SECONDS=2.5, MAX_ROWS=40).describe()
    assert "2.5 s" in said
    assert "up to 40" in said
