"""What the page of a share with many deliveries costs, and a poll of it while nothing changes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench.figure import Figure, at_most, quartiles
from bench.world import World, say

PAGE, POLL = 50.0, 5.0
"""Milliseconds of CPU that a page and a poll may take, with those of a PostgreSQL server."""
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
    for name, task, limit in (
        ("the page of a share", "page_of_share", PAGE),
        ("an unchanged poll of it", "poll_of_share", POLL),
    ):
        runs = [
            agent.do(f"tasks_pages.{task}", target=target, times=world.some(40, 5))
            for _ in range(world.some(5, 2))
        ]
        costs = [run["milliseconds"] for run in runs]
        yield Figure(
            name=f"pages/{name}, {rows} deliveries",
            unit="ms CPU",
            ours=statistics.median(costs),
            n=len(costs),
            spread=quartiles(costs),
            bar=at_most(limit, statistics.median(costs), f"under {limit:g} ms"),
        )
        yield Figure(
            name=f"pages/{name}",
            unit="queries",
            ours=runs[-1]["queries"],
            bar=at_most(QUERIES, runs[-1]["queries"], f"at most {QUERIES}"),
        )
