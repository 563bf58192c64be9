"""Cheats with tickets: each is a lamp that answers later and does one thing wrong.

A row has the rule that finds it, the adapter, what else the rule is given, and what the rule says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from core.lamp import LONG, Lamp, lamp, stage
from sharecore import Accepted, Deferred, DestinationError, Rejected, Submitted, Unconfirmed
from sharecore.testing import Bench, FakeServer, Request, answer
from sharecore_http import HttpFailure, token


class LateLamp(Lamp):
    """A good lamp that puts blinks into a queue, and tells later what became of them."""

    def read(self, record: Any, reply: Any) -> Any:
        said = super().read(record, reply)
        return Submitted(ticket=str(record.key), ask_after=60) if isinstance(said, Accepted) else said

    def follow(self, batch: Any, tickets: Mapping[Any, str]) -> Any:
        for key, ticket in tickets.items():
            outcome = self.tell(ticket)
            if outcome is not None:
                yield key, outcome

    def tell(self, ticket: str) -> Any:
        try:
            reply = self.client.get("queue/", params={"name": ticket}, auth=token(self.config.key))
        except HttpFailure as error:
            raise DestinationError(error.reason) from None
        if reply.status == 404:
            return Unconfirmed(reason="there is no such ticket")
        if reply.status != 200 or not isinstance(reply.json, dict) or "done" not in reply.json:
            raise DestinationError(f"HTTP {reply.status}")
        return Accepted(remote_id=ticket) if reply.json["done"] else Submitted(ticket=ticket, ask_after=60)


def stage_later(
    server: FakeServer,
    kind: Any,
    time_outs: Mapping[str, float] = LONG,
    *,
    works: bool = True,
    doubles: bool = False,
) -> Bench:
    """A bench with a server that puts blinks into a queue; `works`: it processes them in its time."""
    queue: list[str] = []
    bench = stage(server, kind, time_outs)
    blinks: list[str] = bench.subject.stored()  # type: ignore[assignment, misc]

    def blink(request: Request) -> Any:
        if request.json["name"] not in blinks + queue:
            queue.append(request.json["name"])
        return answer(201, {"id": len(queue)})

    def told(request: Request) -> Any:
        name = request.query["name"]
        return answer(200, {"done": name in blinks}) if name in blinks + queue else answer(404, {})

    def process() -> None:
        if works:
            blinks.extend(2 * queue if doubles else queue)
            queue.clear()

    server.on("POST", "/blinks/", blink)
    server.on("GET", "/queue/", told)
    return Bench(replace(bench.subject, process=process))


def late(**attributes: Any) -> Any:
    return lamp(type("Bad", (LateLamp,), attributes))


def telling(outcome: Callable[[str], Any]) -> Any:
    """Asks nobody, and says this."""
    return late(tell=lambda self, ticket: outcome(ticket))


def resending(self: Any, batch: Any, tickets: Mapping[Any, str]) -> Any:
    """Sends again to find out."""
    for ticket in tickets.values():
        self.client.post("blinks/", json={"name": ticket}, auth=token(self.config.key))
    return LateLamp.follow(self, batch, tickets)


def one_at_a_time(self: Any, batch: Any, tickets: Mapping[Any, str]) -> Any:
    """Answers for a ticket that comes alone."""
    return LateLamp.follow(self, batch, tickets if len(tickets) == 1 else {})


class Forgetting(LateLamp):
    """Knows only the tickets that it was given itself."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.mine: set[str] = set()

    def read(self, record: Any, reply: Any) -> Any:
        self.mine.add(str(record.key))
        return super().read(record, reply)

    def tell(self, ticket: str) -> Any:
        return super().tell(ticket) if ticket in self.mine else None


def quick(self: Any, ticket: str) -> Any:
    """Takes any trouble for a refusal."""
    try:
        return LateLamp.tell(self, ticket)
    except DestinationError:
        return Rejected(reason="no")


LATER_CHEATS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("what_was_submitted_gets_a_final_answer", lamp(LateLamp), {"works": False}, "does Subject.process end"),
    ("what_was_submitted_gets_a_final_answer", lamp(LateLamp), {"doubles": True}, "2 are there"),
    ("what_was_submitted_gets_a_final_answer", lamp(Forgetting), {}, "answers None after 10 questions"),
    (
        "what_was_submitted_gets_a_final_answer",
        late(follow=lambda self, batch, tickets: {key: Accepted() for key in tickets}),
        {},
        "follow gave a dict; it must yield",
    ),
    (
        "what_was_submitted_gets_a_final_answer",
        late(follow=lambda self, batch, tickets: (("x", Accepted()) for _ in tickets)),
        {},
        "follow gave an outcome for what it was not given",
    ),
    (
        "what_was_submitted_gets_a_final_answer",
        late(read=lambda self, record, reply: Submitted(ticket=self.config.key.reveal(), ask_after=60)),
        {},
        "ticket must be a text of 1 to 200 printable characters that repeats no credential",
    ),
    (
        "what_was_submitted_gets_a_final_answer",
        telling(lambda ticket: Submitted(ticket=ticket, ask_after="soon")),  # type: ignore[arg-type]
        {},
        "ask_after must be seconds",
    ),
    ("records_of_several_calls_are_asked_about_together", late(follow=one_at_a_time), {}, "of two calls"),
    ("a_question_sends_nothing", late(follow=resending), {}, "follow sent a record"),
    (
        "an_unknown_ticket_settles_nothing",
        telling(lambda ticket: Accepted()),
        {},
        "ticket that nobody gave",
    ),
    (
        "an_unknown_ticket_settles_nothing",
        telling(lambda ticket: Deferred(reason="gone")),
        {},
        "ticket that nobody gave",
    ),
    ("a_question_without_an_answer_settles_nothing", late(tell=quick), {"fault": 500}, "in trouble"),
    (
        "every_example_gets_one_outcome",
        telling(lambda ticket: Rejected(reason=" ")),
        {},
        "gives no reason",
    ),
]
