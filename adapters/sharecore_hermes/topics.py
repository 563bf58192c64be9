"""List the topics that a share can name."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

from sharecore.adapter import Topic
from sharecore.exceptions import DeliveryError
from sharecore_hermes.config import HermesConfig
from sharecore_hermes.profile import Profile

KEEP = 600.0
"""Seconds for which the answer of HERMES is offered again without asking."""


class TopicCache:
    """The writable topics per site and token, for all adapters of the process: pages open an adapter for each
    request.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._known: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}

    def get(self, config: HermesConfig) -> tuple[str, ...]:
        """Return a recent answer; empty for none."""
        with self._lock:
            when, topics = self._known.get(_identity(config), (0.0, ()))
        return topics if self._clock() - when < KEEP else ()

    def put(self, config: HermesConfig, topics: tuple[str, ...]) -> None:
        """Note an answer. An empty list means nothing and is not noted."""
        if topics:
            with self._lock:
                self._known[_identity(config)] = (self._clock(), topics)


SHARED = TopicCache()


def offered(config: HermesConfig, ask: Callable[[], Profile], cache: TopicCache) -> list[Topic]:
    """Return the writable topics among `USER_TOPICS`; these as they stand, with a note, where HERMES names
    none of them.

    Raises `DeliveryError` where HERMES does not answer and the settings name no topics either.
    """
    writable = cache.get(config)
    if not writable:
        try:
            writable = ask().writable_topics
        except DeliveryError as error:
            if not config.user_topics:
                raise
            return [Topic(name=name, note=f"Not checked: {error.reason}.") for name in config.user_topics]
        cache.put(config, writable)
    if not writable:
        note = "HERMES does not say at present which topics this token may write to."
        return [Topic(name=name, note=note) for name in config.user_topics]
    chosen = [name for name in config.user_topics if name in writable] if config.user_topics else writable
    if not chosen:
        note = "HERMES says that this token may not write to it."
        return [Topic(name=name, note=note) for name in config.user_topics]
    return [Topic(name=name) for name in chosen]


def _identity(config: HermesConfig) -> tuple[str, str]:
    return config.base_url, sha256(config.token.reveal().encode()).hexdigest()
