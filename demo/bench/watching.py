"""What the page of a share with many deliveries costs, and a poll of it while nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.agent import Agent
from bench.figure import Figure, at_most, paired
from bench.world import World, say

PAGE, POLL = 1.5, 0.2
"""CPU of a page and a poll, that of a PostgreSQL server included, to that of tomtoolkit's list of targets."""
QUERIES = 30


def pages(world: World) -> Iterator[Figure]:
    """Measure the page of a share that was counted before, and a poll answered with "unchanged"."""
    agent, rows = world.with_sink("watched"), world.some(1_000_000, 5_000)
    target = int(agent.do("tasks.target", name=world.name("watched")))
    say(f"{rows} deliveries of one share")
    agent.do("tasks_ours.fill_shares", targets=[target])
    agent.do("tasks.fill_photometry", targets=[target], number=rows)
    agent.do("tasks_ours.fill_ledger")
    agent.do("tasks.save", target=target, number=1)
    agent.do("tasks_ours.reconcile_all", target=target)
    times = world.some(20, 5)
    for name, task, limit in (
        ("the page of a share", "page_of_share", PAGE),
        ("an unchanged poll of it", "poll_of_share", POLL),
    ):
        result = paired(
            partial(_cost, agent, task, target, times),
            partial(_cost, agent, "list_of_targets", target, times),
            blocks=world.some(8, 2),
        )
        yield result.figure(
            f"pages/{name}, {rows} deliveries", "ms CPU", against="tomtoolkit's list of targets", limit=limit
        )
        queries = agent.do(f"tasks_pages.{task}", target=target, times=1)["queries"]
        yield Figure(
            name=f"pages/{name}",
            unit="queries",
            ours=queries,
            bar=at_most(QUERIES, queries, f"at most {QUERIES}"),
        )


def _cost(agent: Agent, task: str, target: int, times: int) -> list[float]:
    return [float(agent.do(f"tasks_pages.{task}", target=target, times=times)["milliseconds"])]
