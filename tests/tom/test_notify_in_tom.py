"""Sharing with a chat, which cannot be asked for the texts that it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import override_settings

from sharecore.testing import FakeServer, answer
from sharecore_notify import plugin
from tom.deaths import POINTS, Died

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database


@pytest.fixture
def plugins() -> Iterable[object]:
    return (plugin,)


@pytest.fixture
def room(tom: Tom) -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on("POST", "/room", answer(200))
        yield server


@pytest.mark.parametrize(("again", "state", "texts"), [(True, "delivered", 2), (False, "needs_review", 1)])
def test_the_site_says_what_becomes_of_a_text_whose_worker_died_in_the_call(
    tom: Tom, room: FakeServer, monkeypatch: Any, again: bool, state: str, texts: int
) -> None:
    with override_settings(DATA_SHARING=settings.DATA_SHARING | {"chat": entry(room, again)}):
        target = tom.target()
        tom.share(target, "chat")
        datum = tom.datum(target)
        how, where, name = POINTS["when the destination has it"]
        with monkeypatch.context() as patch:
            patch.setattr(where, name, how(getattr(where, name)))
            with pytest.raises(Died):
                tom.deliver()
        assert (tom.state(datum, "chat"), len(room.requests)) == ("sending", 1)
        tom.deliver_until_quiet()
        assert (tom.state(datum, "chat"), len(room.requests)) == (state, texts)


def entry(room: FakeServer, again: bool) -> dict[str, Any]:
    url = f"{room.url}room".replace("http", "json")
    return {"ADAPTER": "notify", "URL": url, "BATCH_WINDOW_SECONDS": 0, "RESEND_UNCONFIRMED": again}
