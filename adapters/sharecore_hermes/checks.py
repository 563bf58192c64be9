"""Find problems that a person has to solve before HERMES takes anything."""

from __future__ import annotations

from collections.abc import Callable

from sharecore.exceptions import AuthenticationFailed, DeliveryError, Problem
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.profile import Profile

_SHOWN = 20


def problems(config: HermesConfig, ask: Callable[[], Profile]) -> list[Problem]:
    """Ask HERMES about the token: whether it works, its user has a credential, and it may write to the named
    topics.
    """
    try:
        profile = ask()
    except AuthenticationFailed as error:
        return [Problem.of_setting(config.path, "HERMES_API_KEY", error.reason, "Then check again.")]
    except DeliveryError as error:
        return [
            Problem.of_setting(
                config.path, "BASE_URL", error.reason, "Check the address and that the server can reach it."
            )
        ]
    if not profile.credential:
        return [
            Problem.of_setting(
                config.path,
                "HERMES_API_KEY",
                "the token works, but its user has no SCiMMA credential, so nothing can be published",
                "Log out of HERMES in the browser and in again, so that it makes one.",
            )
        ]
    named = dict.fromkeys((*config.user_topics, *([config.default_topic] if config.default_topic else [])))
    if not profile.writable_topics:
        what = (
            "the token works, but HERMES does not say which topics it may write to (SCiMMA Auth may be down)"
        )
        return [
            Problem.of_setting(
                config.path, "USER_TOPICS", what, "Check again later, or look at SCiMMA Auth.", fatal=False
            )
        ]
    missing = [topic for topic in named if topic not in profile.writable_topics]
    may = ", ".join(profile.writable_topics[:_SHOWN]) + (
        ", …" if len(profile.writable_topics) > _SHOWN else ""
    )
    return [
        Problem.of_setting(
            config.path,
            "USER_TOPICS" if topic in config.user_topics else "DEFAULT_TOPIC",
            f"the token may not write to {topic!r}; it may write to {may}",
            "Choose another topic, or ask for the right to write at SCiMMA Auth.",
            fatal=len(missing) == len(named),
        )
        for topic in missing
    ]
