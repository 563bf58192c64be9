"""An outcome that was heard is written, whatever happens to the connection to the database meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import InternalError, OperationalError, connection
from django.test import override_settings

from sharecore.delivery import State
from sharecore.outcomes import Outcome
from sharecore.records import Record
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions
from tom_integration.worker import run, write_again

if TYPE_CHECKING:
    from tom.conftest import Tom

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

TROUBLE: dict[str, type[Exception]] = {
    "server closed the connection": OperationalError,
    "canceling statement due to statement timeout": OperationalError,
    "cannot execute UPDATE in a read-only transaction": InternalError,
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test waits for a pause."""
    pauses: list[float] = []
    monkeypatch.setattr(write_again.time, "sleep", pauses.append)
    return pauses


class Database:
    """Refuses statements from now on, a number of them or all."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.left = 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if self.left > 0 and sql.startswith(("INSERT", "UPDATE", "DELETE")):
            self.left -= 1
            raise TROUBLE[self.what](self.what)
        return execute(sql, *args)


@pytest.fixture(params=TROUBLE)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    refusing = Database(request.param)
    with connection.execute_wrapper(refusing):
        yield refusing


def failing(tom: Tom, database: Database, *, statements: float) -> Callable[[Record], Outcome]:
    def takes(record: Record) -> Outcome:
        outcome = tom.x.store(record)
        database.left = statements
        return outcome

    return takes


def test_while_the_destination_answers(tom: Tom, database: Database) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.x.will(failing(tom, database, statements=3), times=1)
    tom.deliver()
    assert tom.state(datum) == State.DELIVERED
    assert tom.deliver(after=1000) == 0
    assert len(tom.x.received) == 1


def test_what_cannot_be_written_before_the_lease_ends_is_unknown_and_looked_up(
    tom: Tom, database: Database
) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.x.will(failing(tom, database, statements=float("inf")), times=1)
    with override_settings(SHARECORE_LEASE_SECONDS=0.01), pytest.raises(TROUBLE[database.what]):
        tom.deliver()
    database.left = 0
    assert tom.state(datum) == State.SENDING
    for _ in range(3):
        tom.deliver(after=100)
    assert tom.state(datum) == State.DELIVERED
    assert len(tom.x.received) == 1


@pytest.mark.parametrize("committed", [True, False])
def test_what_was_not_sent_yet_is_due_again_not_in_doubt(
    tom: Tom, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The connection ends while it is written that they are in hand."""
    tom.x.can_tell = False
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    real = transitions.start

    def ends(rows: list[Delivery], token: str) -> list[Delivery]:
        if committed:
            real(rows, token)
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "start", ends)
        assert tom.deliver(fails=True) == 0
    assert tom.state(datum) == State.PENDING
    assert tom.deliver(after=60) == 1


def test_the_lease_is_released_on_a_fresh_connection(tom: Tom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nobody can look at this share before the lease has run out."""
    target = tom.target()
    tom.share(target)
    answers = iter([OperationalError("gone"), OperationalError("gone")])

    real = run.open_outboxes.next_look

    def next_look(outbox: Outbox) -> Any:
        for error in answers:
            raise error
        return real(outbox)

    monkeypatch.setattr(run.open_outboxes, "next_look", next_look)
    tom.datum(target)
    assert tom.deliver() == 1
    assert tom.outbox(target).lease == ""


@contextmanager
def _other_connection() -> Iterator[Any]:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()


@pytest.mark.postgres
def test_a_connection_that_the_server_ends_during_the_call(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (ours,) = cursor.fetchone()

    def takes(record: Record) -> Outcome:
        with _other_connection() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [ours])
        return tom.x.store(record)

    tom.x.will(takes, times=1)
    tom.deliver()
    assert tom.state(datum) == State.DELIVERED
    assert len(tom.x.received) == 1
