"""A rule with ten thousand targets: how soon all are shared, and what it costs from then on."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

from bench.agent import Agent
from bench.figure import Figure, at_most, paired, quartiles
from bench.world import World, say

OWN = 100
"""One datum in so many was observed here; the rule lets through no other."""


def rules(world: World) -> Iterator[Figure]:
    """Measure targets that join a list at once, the ledger of a filter, an idle scan, and a save."""
    agent = world.with_sink("ruled")
    number, rows = world.some(10_000, 300), world.some(1_000_000, 30_000)
    agent.do("tasks.fill_targets", number=number, prefix="ruled ")
    targets = agent.do("tasks.primary_keys", prefix="ruled ")
    say(f"{rows} data, one in {OWN} of them our own")
    agent.do("tasks.fill_photometry", targets=targets, number=rows, own=OWN)
    agent.do("tasks_ours.make_rule", name="ruled")
    agent.do("tasks_ours.runner", name="thread")
    say(f"{number} targets join the list of the rule")
    seconds = agent.do("tasks_ours.join_list", name="ruled", targets=targets)
    yield Figure(
        name=f"rules/{number} targets join a list, all are shared",
        unit="s",
        ours=seconds,
        bar=at_most(60, seconds, "within a minute"),
    )
    agent.do("tasks_ours.runner", name="command")
    own, ledger = rows // OWN, agent.do("tasks_ours.ledger_rows")
    yield Figure(
        name=f"rules/ledger rows of {rows} data",
        unit="rows",
        ours=ledger,
        base=own,
        ratio=ledger / own,
        against="those that pass",
        bar=at_most(1.0, ledger / own, "those that pass"),
    )
    agent.do("tasks_ours.mark", look_now=False)
    agent.do("tasks_ours.scan")
    scans = [agent.do("tasks_ours.scan")["seconds"] for _ in range(world.some(9, 3))]
    yield Figure(
        name=f"scan/{number} shares of a rule over {rows} data",
        unit="s",
        ours=statistics.median(scans),
        n=len(scans),
        spread=quartiles(scans),
        bar=at_most(1.0, statistics.median(scans), "under 1 s"),
    )
    agent.do("tasks_ours.runner", name="thread", held=True)
    unshared = int(agent.do("tasks.target", name=world.name("unshared")))
    blocks = world.some(24, 4)
    result = paired(partial(_save, agent, targets[0]), partial(_save, agent, unshared), blocks=blocks)
    name = "save/a share of a rule/thread held"
    yield result.figure(name, "ms", against="an unshared target", limit=1.1, scale=1000)


def _save(agent: Agent, target: int) -> list[float]:
    seconds: list[float] = agent.do("tasks.save", target=target, number=20)["seconds"]
    return seconds
