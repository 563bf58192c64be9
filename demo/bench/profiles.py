"""Where a worker's time goes for a backlog: `make bench ARGS="--profile"`."""

from __future__ import annotations

from typing import Any

from bench.agent import Agent
from bench.world import World, say

BACKLOG = 1000


def show(world: World) -> None:
    """With a destination in memory, which is our own side alone; and from one sharecore TOM to another."""
    for agent, destination in ((world.alone, "sink"), (world.our_agent, "sharecore")):
        answer = _profiled(world, agent, destination)
        say(
            f"{destination}: {BACKLOG} records in {answer['seconds']:.2f} s, {answer['cpu']:.2f} s of CPU, "
            f"{answer['statements']} statements\n{answer['functions']}"
        )


def _profiled(world: World, agent: Agent, destination: str) -> dict[str, Any]:
    target = int(agent.do("tasks.target", name=world.name(f"profile {destination}")))
    agent.do("tasks.share", target=target, destinations=[destination])
    agent.do("tasks.save", target=target, number=1)
    agent.do("tasks_ours.reconcile_all", target=target)  # what is done once for a target is not shown
    agent.do("tasks.fill_photometry", targets=[target], number=BACKLOG)
    answer: dict[str, Any] = agent.do("tasks_ours.profile", target=target)
    return answer
