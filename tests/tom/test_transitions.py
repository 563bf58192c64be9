"""The state machine that the app runs is the one of `sharecore.delivery`, and there is no other."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tom_integration
from sharecore import (
    Absent,
    Accepted,
    Deferred,
    Outcome,
    Present,
    Rejected,
    Result,
    Submitted,
    Unconfirmed,
    Unsupported,
    Withheld,
    later_answers,
)
from sharecore import delivery as machine
from sharecore.delivery import FORGET_ANSWER, SET_ASIDE, START, STOP, DeliveryState, State, Transition
from sharecore.retry_schedule import Retry, RetryPolicy
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox import transitions

if TYPE_CHECKING:
    from conftest import Tom

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RETRY = Retry(now=NOW, policy=RetryPolicy(jitter=0.0), chance=0)
WRITES = frozenset(
    {"update", "update_each", "update_or_create", "bulk_update", "create", "bulk_create", "Delivery"}
)
"""Calls that can write rows of the ledger."""
COLUMNS = frozenset(
    {"state", "attempts", "failures", "reason", "field", "remote_id", "ticket", "delivered_at"}
)
"""Columns that only transitions write."""
THEIRS = Path("outbox/transitions.py")

TRANSITIONS: dict[str, Transition] = {
    "start": START,
    "stop": STOP,
    "approve": machine.approve(now=NOW),
    "decline": machine.decline("ada: not ours"),
    "ask anew": machine.ask_anew(now=NOW),
    "set aside": SET_ASIDE,
    "forget answer": FORGET_ANSWER,
    "replay": machine.replay(now=NOW),
    "revise": machine.revise(now=NOW),
    "hurry": machine.hurry(now=NOW),
    "restart": machine.restart(now=NOW),
    "bring near": machine.bring_near(now=NOW),
    "look again": machine.look_again(at=NOW + timedelta(minutes=1)),
    "doubt": machine.doubt("a backup", look_at=NOW),
    "lost there": machine.lost_there("a backup", now=NOW, can_tell=True),
    "lost for sure": machine.lost_there("a backup", now=NOW, can_tell=False),
    "cancel": machine.cancel("gone"),
    "undecidable": machine.undecidable("edited"),
    "confirm": machine.confirm("ada found it"),
    "resend": machine.resend(now=NOW),
    "keep there": machine.keep_there("edited since"),
    "embargo": machine.embargo(NOW + timedelta(days=400), "proprietary"),
}
RESULTS: list[Result] = [
    Accepted(remote_id="7"),
    Rejected(reason="no", field="band"),
    Unsupported(reason="no", feature="limit"),
    Withheld(reason="secret"),
    Withheld(reason="secret", until=NOW + timedelta(days=400)),
    Withheld(reason="secret", until=NOW),
    Deferred(reason="busy"),
    Unconfirmed(reason="silence"),
    Submitted(ticket="t1", ask_after=60),
]
ANSWERS: dict[str, Outcome | None] = {
    "arrived": Accepted(remote_id="9"),
    "not yet": Submitted(ticket="t2", ask_after=60),
    "thrown away": Deferred(reason="busy"),
    "not known there": Unconfirmed(reason="no such ticket"),
    "silent": None,
}
Weighed = Callable[[DeliveryState], DeliveryState]


def settled(result: Result) -> Weighed:
    return lambda stands: machine.settle(stands, result, RETRY, settle_time=60)


def looked_up(found: Present | Absent) -> Weighed:
    return lambda stands: later_answers.looked_up(stands, found, RETRY, content="new")


def followed(answer: Outcome | None, sent_at: datetime = NOW) -> Weighed:
    return lambda stands: later_answers.followed(stands, answer, RETRY, sent_at=sent_at, settle_time=60)


WEIGHED: dict[str, tuple[State, Weighed]] = {
    **{f"{type(each).__name__}": (State.SENDING, settled(each)) for each in RESULTS},
    "found": (State.UNCONFIRMED, looked_up(Present(content="new", remote_id="8"))),
    "found with other content": (State.UNCONFIRMED, looked_up(Present(content="old"))),
    "not found": (State.UNCONFIRMED, looked_up(Absent())),
    **{name: (State.SUBMITTED, followed(answer)) for name, answer in ANSWERS.items()},
    "not yet for long": (State.SUBMITTED, followed(ANSWERS["not yet"], NOW - timedelta(days=9))),
}
"""Steps that weigh what came of a call, with the state in which they are taken."""


def take(name: str, row: Delivery) -> Delivery:
    """One step, as the app takes it in the database."""
    if name in TRANSITIONS:
        transitions.apply(Delivery.objects.filter(pk=row.pk), TRANSITIONS[name])
    else:
        expected, weigh = WEIGHED[name]
        known = {row.pk: weigh(transitions.state_of(row))}
        transitions.settle([row], known, token=row.lease, expected=expected)
    return Delivery.objects.get(pk=row.pk)


@given(history=st.lists(st.sampled_from([*TRANSITIONS, *WEIGHED]), min_size=1, max_size=12))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_in_the_database_a_history_leads_where_the_pure_machine_leads(tom: Tom, history: list[str]) -> None:
    Delivery.objects.all().delete()
    outbox = Outbox.objects.get_or_create(destination="x", target_id=1)[0]
    row = Delivery.objects.create(
        outbox=outbox, destination="x", model="reduceddatum", datum_pk=1, timestamp=NOW, state=State.BASELINE
    )
    stands = transitions.state_of(row)
    for name in history:
        if name in TRANSITIONS:
            stands = TRANSITIONS[name](stands)
        else:
            expected, weigh = WEIGHED[name]
            stands = weigh(stands) if stands.state is expected else stands
        row = take(name, row)
        assert transitions.state_of(row) == stands, name


@given(states=st.lists(st.sampled_from(State), min_size=1, max_size=6), name=st.sampled_from([*TRANSITIONS]))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_many_are_led_as_each_of_them_would_be(tom: Tom, states: list[State], name: str) -> None:
    Delivery.objects.all().delete()
    outbox = Outbox.objects.get_or_create(destination="x", target_id=1)[0]
    before = [
        DeliveryState(state=state, attempts=2, failures=number, ticket=f"t{number}")
        for number, state in enumerate(states)
    ]
    for number, stands in enumerate(before):
        Delivery.objects.create(
            outbox=outbox, destination="x", model="reduceddatum", datum_pk=number, timestamp=NOW,
            **transitions.columns(stands),
        )  # fmt: skip
    moved = transitions.apply(Delivery.objects.all(), TRANSITIONS[name])
    after = [transitions.state_of(row) for row in Delivery.objects.order_by("datum_pk")]
    assert after == [TRANSITIONS[name](stands) for stands in before]
    assert moved == sum(stands.state in TRANSITIONS[name].sources for stands in before)


@given(
    answers=st.lists(st.sampled_from([*ANSWERS.values()]), min_size=1, max_size=6),
    submitted=st.lists(st.booleans(), min_size=6, max_size=6),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_answers_of_one_call_lead_each_where_it_would_go_alone(
    tom: Tom, answers: list[Outcome | None], submitted: list[bool]
) -> None:
    """Rows with tickets of their own, in one statement; a row that is submitted no more stays as it is."""
    Delivery.objects.all().delete()
    outbox = Outbox.objects.get_or_create(destination="x", target_id=1)[0]
    rows = [
        Delivery.objects.create(
            outbox=outbox, destination="x", model="reduceddatum", datum_pk=number, timestamp=NOW,
            state=State.SUBMITTED if waits else State.CANCELLED, ticket=f"t{number}", remote_id=str(number),
        )
        for number, (_, waits) in enumerate(zip(answers, submitted, strict=False))
    ]  # fmt: skip
    known = {
        row.pk: followed(answer)(transitions.state_of(row)) for row, answer in zip(rows, answers, strict=True)
    }
    before = {row.pk: transitions.state_of(row) for row in rows}
    written = transitions.settle(rows, known, token="", expected=State.SUBMITTED)
    for row, waits in zip(rows, submitted, strict=False):
        now = transitions.state_of(Delivery.objects.get(pk=row.pk))
        assert now == (known[row.pk] if waits else before[row.pk])
    assert written == sum(submitted[: len(rows)])


def test_one_that_was_led_elsewhere_since_it_was_read_stays_there(tom: Tom) -> None:
    target = tom.target()
    tom.share(target)
    datum = tom.datum(target)
    tom.deliver()
    row = tom.row(datum)
    transitions.apply(Delivery.objects.all(), machine.lost_there("?", now=NOW, can_tell=True))
    assert transitions.write(row, machine.revise(now=NOW)(transitions.state_of(row))) == 0
    assert tom.states() == [State.UNCONFIRMED]


def writes_of(source: str) -> Iterator[int]:
    """The lines that write the state of a delivery, as far as the text tells."""
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(each, ast.Attribute) and each.attr == "state" for each in targets):
            yield node.lineno
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in WRITES:
            continue
        named = {each.arg for each in node.keywords}
        node.keywords = [each for each in node.keywords if each.arg != "only"]  # conditions
        given = [key for each in ast.walk(node) if isinstance(each, ast.Dict) for key in each.keys]
        named |= {key.value for key in given if isinstance(key, ast.Constant)}
        if named & COLUMNS:
            yield node.lineno


@pytest.mark.parametrize(
    "source",
    [
        "rows.update(state=State.PENDING, next_at=now)",
        "Delivery.objects.filter(pk=1).update(**{'state': 'pending'})",
        "row.state = State.FAILED",
        "Delivery(state='pending')",
        "update_each(rows, (), constants={'state': State.PENDING})",
        "rows.update(failures=0)",
        "rows.filter(delivered_at=None).update(delivered_at=now)",
        "versions.update(rows, reason='')",
    ],
)
def test_a_write_of_a_state_is_seen(source: str) -> None:
    assert list(writes_of(source)) == [1]


def test_no_other_module_writes_a_state() -> None:
    app = Path(tom_integration.__file__).parent
    found = {
        str(path.relative_to(app)): lines
        for path in app.rglob("*.py")
        if path.parent.name != "migrations" and (lines := list(writes_of(path.read_text())))
    }
    assert str(THEIRS) in found
    del found[str(THEIRS)]
    assert not found
