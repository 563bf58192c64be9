"""What people see in their chat, and what is known of a text that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from calling import deliver
from sharecore import (
    Absent,
    Accepted,
    ConfigurationError,
    DestinationError,
    PhotometryLimit,
    Section,
    Target,
    Unconfirmed,
)
from sharecore.testing import FakeServer, answer, example_batch, example_record
from sharecore_notify.adapter import NotifyAdapter
from sharecore_notify.config import NotifyConfig


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.on("POST", "/room", answer(200))
        yield server


@pytest.fixture
def opened(server: FakeServer) -> Callable[..., NotifyAdapter]:
    def open_(**settings: Any) -> NotifyAdapter:
        given = {"URL": f"{server.url}room".replace("http://", "json://")} | settings
        return NotifyAdapter(NotifyConfig.read(Section("chat", given)))

    return open_


def test_a_batch_is_one_text_and_calls_nobody(opened: Any, server: FakeServer) -> None:
    records = [example_record(), example_record(PhotometryLimit), *(example_record() for _ in range(20))]
    target = Target(name="<!channel> @everyone")
    outcomes = deliver(opened(), example_batch(*records, target=target))
    assert set(outcomes.values()) == {Accepted()}
    (request,) = server.requests
    title, text = request.json["title"], request.json["message"]
    assert "22 new data of" in title
    assert "<!" not in title
    assert "@everyone" not in title
    assert "r = 18.5 \u00b1 0.02 mag(AB) (1m0 fa12)" in text
    assert "r not brighter than 21.3 mag(AB)" in text
    assert text.endswith("and 12 more")


def test_a_person_may_tell_of_a_target_without_data(opened: Any, server: FakeServer) -> None:
    opened().ensure_target(example_batch(message="Look at this one"))
    assert server.requests[0].json["message"] == "Look at this one"


def test_a_text_that_failed_is_posted_again_when_the_service_works(opened: Any, server: FakeServer) -> None:
    server.will(answer(403))
    adapter = opened()
    with pytest.raises(DestinationError, match="JSON did not take the text"):
        list(adapter.deliver(example_batch(example_record())))
    assert "posted again" in adapter.describe()


def test_where_the_site_says_so_a_person_decides_about_a_text_that_failed(
    opened: Any, server: FakeServer
) -> None:
    server.will(answer(403))
    record = example_record()
    adapter = opened(RESEND_UNCONFIRMED=False)
    decided = adapter.deliver(example_batch(record))
    key, outcome = next(decided)
    assert (key, type(outcome)) == (record.key, Unconfirmed)
    with pytest.raises(DestinationError):
        next(decided)
    assert adapter.find(example_batch(record)) is None
    assert "waits for a person" in adapter.describe()


def test_a_second_text_goes_only_where_the_site_has_accepted_it(opened: Any) -> None:
    """Not of data that another target had, or that were not sent, and not in a replay."""
    record, other = example_record(), example_record()
    sent_at = {record.key: datetime.now(UTC)}
    adapter = opened()
    assert adapter.find(example_batch(record, other, sent_at=sent_at)) == {record.key: Absent()}
    assert adapter.find(example_batch(record, sent_at=sent_at, moved=True)) is None
    assert adapter.find(example_batch(record)) is None, "it may have been sent before a backup was restored"
    assert adapter.find(example_batch()) is None
    assert opened(RESEND_UNCONFIRMED=False).find(example_batch(record, sent_at=sent_at)) is None


def test_redirects_are_not_followed(opened: Any, server: FakeServer) -> None:
    server.on("POST", "/elsewhere", answer(200))
    server.will(answer(307, Location=f"{server.url}elsewhere"))
    with pytest.raises(DestinationError):
        deliver(opened(), example_batch(example_record()))
    assert [request.path for request in server.requests] == ["/room"]


@pytest.mark.parametrize("url", ["", "hooks.slack.com/services/T0", "slack://T0 B0"])
def test_an_address_of_another_form_is_told_by_the_settings(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        NotifyConfig.read(Section("chat", {"URL": url}))
    assert caught.value.problems[0].where == "DATA_SHARING['chat']['URL']"


def test_an_address_that_the_library_does_not_know_is_told_without_it(opened: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        opened(URL="nosuchservice://t0ken-in-the-path")
    assert "apprise knows" in str(caught.value)
    assert "t0ken" not in str(caught.value)
