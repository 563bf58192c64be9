"""The host side alone, with a destination in memory: the engine, its growth, an idle worker's sweep."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench.agent import Agent
from bench.figure import Figure, at_least, at_most, quartiles
from bench.world import World, say

FLAT = 1.25
"""What is called flat: a cost per record that is at most so many times what it is with few rows."""


def throughput(world: World) -> Iterator[Figure]:
    """Ledger, preparing and settling of a backlog."""
    for backlog in (world.some(1_000, 200), world.some(20_000, 1_000)):
        say(f"engine, backlog of {backlog}")
        rates = [each["records"] / each["seconds"] for each in _runs(world.sink_agent, world, backlog, 3)]
        rate = statistics.median(rates)
        yield Figure(
            name=f"engine/backlog of {backlog}",
            unit="records/s",
            ours=rate,
            n=len(rates),
            spread=quartiles(rates),
            bar=at_least(2000, rate, "at least 2000 records/s"),
        )


def _runs(agent: Agent, world: World, backlog: int, times: int) -> list[dict[str, float]]:
    results = []
    for _ in range(times):
        target = int(agent.do("tasks.target", name=world.name("engine")))
        agent.do("tasks.share", target=target, destinations=["sink"])
        agent.do("tasks.fill_photometry", targets=[target], number=backlog)
        results.append(agent.do("tasks_ours.reconcile_all", target=target))
    return results


def _cost(agent: Agent, world: World) -> list[float]:
    """Milliseconds per record."""
    runs = _runs(agent, world, world.some(1_000, 100), world.some(7, 2))
    return [1000 * each["seconds"] / each["records"] for each in runs]


def growth(world: World) -> Iterator[Figure]:
    """Cost per record with few and many shares and ledger rows, and the sweep of an idle worker."""
    agent = world.agent(world.alone, "growth")
    agent.do("tasks_ours.use_sink")
    shares, rows = world.some(10_000, 200), world.some(1_000_000, 5_000)
    few = _cost(agent, world)
    yield _flat("growth/ledger of 1000 rows, 1 share", few, few)
    agent.do("tasks.fill_targets", number=shares, prefix="grown ")
    targets = agent.do("tasks.primary_keys", prefix="grown ")
    say("100 shares")
    agent.do("tasks_ours.fill_shares", targets=targets[:100])
    yield _flat("growth/100 shares", _cost(agent, world), few)
    say(f"{shares} shares")
    agent.do("tasks_ours.fill_shares", targets=targets[100:])
    yield _flat(f"growth/{shares} shares", _cost(agent, world), few)
    say(f"{rows} data, a tenth of them on one target")
    agent.do("tasks.fill_photometry", targets=targets, number=rows - rows // 10)
    agent.do("tasks.fill_photometry", targets=targets[:1], number=rows // 10)
    agent.do("tasks_ours.fill_ledger")
    yield _flat(f"growth/ledger of {rows} rows, {shares} shares", _cost(agent, world), few)
    say("sweeps of an idle worker")
    agent.do("tasks_ours.sweep")
    seconds = [agent.do("tasks_ours.sweep")["seconds"] for _ in range(world.some(9, 3))]
    yield Figure(
        name=f"sweep/{shares} shares over {rows} data",
        unit="s",
        ours=statistics.median(seconds),
        n=len(seconds),
        spread=quartiles(seconds),
        bar=at_most(1.0, max(seconds), "each under 1 s"),
    )


def _flat(name: str, cost: list[float], few: list[float]) -> Figure:
    value, base = statistics.median(cost), statistics.median(few)
    return Figure(
        name=name,
        unit="ms/record",
        ours=value,
        base=base,
        ratio=value / base,
        against="a ledger of 1000 rows, 1 share",
        n=len(cost),
        spread=quartiles(cost),
        bar=None if cost is few else at_most(FLAT, value / base, f"at most {FLAT:g} times"),
    )


def memory(world: World) -> Iterator[Figure]:
    """What a worker needs at the most, for a backlog of a thousand and of a hundred thousand."""
    peaks = []
    sizes = (world.some(1_000, 200), world.some(100_000, 2_000))
    for backlog in sizes:
        say(f"memory, backlog of {backlog}")
        with Agent(world.alone, f"memory-{backlog}") as agent:
            agent.do("tasks_ours.use_sink")
            peaks.append(_runs(agent, world, backlog, 1)[0]["memory"])
    for backlog, peak in zip(sizes, peaks, strict=True):
        yield Figure(
            name=f"memory/backlog of {backlog}",
            unit="MiB",
            ours=peak,
            base=peaks[0],
            ratio=peak / peaks[0],
            against=f"a backlog of {sizes[0]}",
            bar=None if backlog == sizes[0] else at_most(1.1, peak / peaks[0], "at most 1.1 times"),
        )
