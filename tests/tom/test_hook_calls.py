"""A hook that does not come back: what it had in hand waits and says why, everything else goes on."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test import Client, override_settings
from tom_targets.models import Target

from patience import hanging
from sharecore import DeliveredReport, DestinationType, Unconfirmed, WithholdRequest, hookimpl
from sharecore.call_thread import LOCAL_SECONDS
from sharecore.hook_calls import HOOK_SECONDS
from sharecore.testing import MemoryAdapter, installed
from tom_integration import checks
from tom_integration.services import preview
from tom_integration.worker.loop import Worker

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = pytest.mark.any_database

SHARES = "/targets/persistentshare/manage/"
WHY = "plugin 'Rules-1' (test) did not come back from sharecore_withhold within 10 s"
SINCE = "plugin 'Rules-1' (test) has not come back from sharecore_withhold yet"
in_threads = pytest.mark.django_db(transaction=True)


class Rules:
    """Hooks of a site; those that are named here hang for destination `x` until they are let go."""

    def __init__(self) -> None:
        self.hang: set[str] = set()
        self.over = threading.Event()
        self.asked = 0
        self.connections: list[Any] = []
        self.seen: list[bool] = []

    @hookimpl
    def sharecore_withhold(self, request: WithholdRequest) -> None:
        self.seen.append(Target.objects.filter(name=request.target.name).exists())
        self.connections.append(connections["default"])
        self.act("sharecore_withhold", request)

    @hookimpl
    def sharecore_delivered(self, report: DeliveredReport) -> None:
        self.act("sharecore_delivered", report)

    def act(self, hook: str, request: Any) -> None:
        if hook in self.hang and request.address.name == "x":
            self.asked += 1
            hanging(self.over.wait, HOOK_SECONDS)()

    def let_go(self) -> None:
        self.over.set()
        for thread in threads("withhold", "delivered"):
            thread.join()


def threads(*hooks: str) -> list[threading.Thread]:
    names = {f"sharecore-x-sharecore_{hook}" for hook in hooks}
    return [each for each in threading.enumerate() if each.name in names]


@pytest.fixture
def rules(looked_at_often: None) -> Iterator[Rules]:
    made = Rules()
    yield made
    made.let_go()


@pytest.fixture
def plugins(rules: Rules) -> Iterable[object]:
    return (rules,)


@pytest.fixture
def at_work() -> Iterator[Worker]:
    """A worker in this process, as a TOM has it."""
    worker = Worker("command")
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield worker
    worker.stop()
    thread.join()


def once() -> None:
    call_command("sharing", "deliver", "--once", stdout=StringIO())


def status() -> str:
    out = StringIO()
    call_command("sharing", "status", stdout=out)
    return out.getvalue()


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return html.unescape(answer.content.decode())


def soon(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen within two minutes")


@in_threads
def test_a_worker_goes_on_and_sends_all_of_it_when_the_hook_is_back(
    tom: Tom, shared_to_both: Target, rules: Rules, at_work: Worker
) -> None:
    rules.hang = {"sharecore_withhold"}
    first = tom.data(shared_to_both, 3)
    soon(lambda: tom.states("y") == ["delivered"] * 3 and tom.states() == ["pending"] * 3)
    soon(lambda: tom.row(first[0]).reason == WHY)
    second = tom.data(shared_to_both, 2)
    at_work.wake(shared_to_both.pk, {})
    tom.clock.forward(seconds=60)
    soon(lambda: tom.states("y") == ["delivered"] * 5)
    soon(lambda: len(tom.states()) == 5 and tom.row(second[0]).reason.startswith(SINCE))
    assert len(threads("withhold")) == rules.asked == 1, "it is not asked again meanwhile"
    rules.hang = set()
    rules.let_go()
    tom.clock.forward(hours=1)
    soon(lambda: tom.states() == ["delivered"] * 5)
    assert len(tom.x.received) == 5, "each once"


@in_threads
def test_one_round_ends_and_people_are_told_what_waits_and_why(
    tom: Tom, shared_to_both: Target, rules: Rules, admin: Client
) -> None:
    rules.hang = {"sharecore_withhold"}
    tom.data(shared_to_both, 2)
    once()
    assert (tom.states(), tom.states("y")) == (["pending", "pending"], ["delivered", "delivered"])
    share = tom.outbox(shared_to_both).share_id
    assert f"{shared_to_both} to x (share {share}): 2 waiting to be sent\n" in status()
    assert f"will be tried again: {WHY[:40]}" in status()
    page = text(admin.get(f"{SHARES}{share}/"))
    assert WHY in page
    assert "Up to date" not in page
    rules.hang = set()
    rules.let_go()
    tom.clock.forward(hours=1)
    once()
    assert tom.states() == ["delivered", "delivered"]
    assert "sharecore_withhold" not in status()


@in_threads
def test_an_observer_changes_nothing(tom: Tom, shared_to_both: Target, rules: Rules, caplog: Any) -> None:
    """Whether it is told of a call or of a look-up."""
    rules.hang = {"sharecore_delivered"}
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    row = tom.datum(shared_to_both)
    once()
    assert (tom.state(row), tom.state(row, "y")) == ("unconfirmed", "delivered")
    assert "did not come back from sharecore_delivered" in caplog.text
    tom.clock.forward(hours=1)
    once()
    assert tom.state(row) == "delivered"
    assert len(tom.x.received) == len(threads("delivered")) == 1


@in_threads
def test_a_preview_answers(tom: Tom, shared_to_both: Target, rules: Rules, admin: Client) -> None:
    rules.hang = {"sharecore_withhold"}
    row = tom.datum(shared_to_both)
    form = {"target": shared_to_both.pk, "destination": "x", "kinds": ["photometry"]}
    page = text(admin.post(f"{SHARES}preview", form))
    assert f"datum {row.pk} of " in page
    assert WHY in page


@in_threads
def test_the_connections_of_its_threads_are_closed(tom: Tom, shared_to_both: Target, rules: Rules) -> None:
    tom.data(shared_to_both, 2)
    once()
    assert rules.seen == [True] * 4
    assert [each.connection for each in rules.connections] == [None] * 4


def test_in_the_transaction_of_a_test_a_hook_sees_what_the_test_has_made(
    tom: Tom, shared_to_both: Target, rules: Rules
) -> None:
    tom.datum(shared_to_both)
    assert not preview.of_outbox(tom.outbox(shared_to_both)).newest(preview.SAMPLE).left_out
    tom.deliver()
    assert rules.seen == [True] * 3


@in_threads
def test_the_transaction_of_a_request_is_none_of_a_test(
    tom: Tom, shared_to_both: Target, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    rules.hang = {"sharecore_withhold"}
    tom.datum(shared_to_both)
    with transaction.atomic():
        (left,) = preview.of_outbox(tom.outbox(shared_to_both)).newest(preview.SAMPLE).left_out
    assert left.endswith(WHY)


def test_checks_end_whatever_a_plugin_does(tom: Tom, rules: Rules) -> None:
    class Stuck:
        @hookimpl
        def sharecore_destinations(self) -> Any:
            hanging(rules.over.wait, HOOK_SECONDS)()
            return []

    class Slow:
        @hookimpl
        def sharecore_destinations(self) -> Any:
            hang = hanging(rules.over.wait, LOCAL_SECONDS)
            yield DestinationType(kind="slow", summary="", config=hang, open=MemoryAdapter)

    with (
        installed(Stuck(), Slow()),
        override_settings(DATA_SHARING={"x": {"ADAPTER": "slow"}}),
    ):
        said = "\n".join(map(str, [*checks.check_plugins(), *checks.check_destinations()]))
    assert "plugin 'Stuck-0' (test): did not come back from sharecore_destinations" in said
    assert "DATA_SHARING['x']: plugin 'Slow-1' (test) did not come back from config" in said
