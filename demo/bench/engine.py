"""The host side alone, with a destination in memory: the engine, its growth, an idle worker's scan."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

from bench.agent import Agent
from bench.figure import Figure, at_least, at_most, paired, quartiles
from bench.world import World, say

LOADING = 1 / 15
"""Delivering a record takes at most fifteen times what loading it takes, on whatever machine."""
FLAT = 1.25
"""What is called flat: a cost per record that is at most so many times what it is with few rows."""


def throughput(world: World) -> Iterator[Figure]:
    """Ledger, preparing and settling of a backlog, beside what it takes to load the same data."""
    for backlog in (world.some(1_000, 200), world.some(20_000, 1_000)):
        say(f"engine, backlog of {backlog}")
        rates, loading = zip(*(_loaded_and_delivered(world, backlog) for _ in range(3)), strict=True)
        ratios = [one / other for one, other in zip(rates, loading, strict=True)]
        ratio = statistics.median(ratios)
        yield Figure(
            name=f"engine/backlog of {backlog}",
            unit="records/s",
            ours=statistics.median(rates),
            base=statistics.median(loading),
            ratio=ratio,
            against="loading them by bulk_create",
            n=len(rates),
            spread=quartiles(ratios),
            bar=at_least(LOADING, ratio, "at least a fifteenth"),
        )


def _loaded_and_delivered(world: World, backlog: int) -> tuple[float, float]:
    """Measure the records per second that are delivered, and that are loaded."""
    agent = world.alone
    target = int(agent.do("tasks.target", name=world.name("engine")))
    agent.do("tasks.share", target=target, destinations=["sink"])
    loaded = agent.do("tasks.insert_alone", target=target, number=backlog)
    run = agent.do("tasks_ours.reconcile_all", target=target)
    return run["records"] / run["seconds"], loaded["records"] / loaded["seconds"][0]


def _runs(agent: Agent, world: World, backlog: int, times: int) -> list[dict[str, float]]:
    results = []
    for _ in range(times):
        target = int(agent.do("tasks.target", name=world.name("engine")))
        agent.do("tasks.share", target=target, destinations=["sink"])
        agent.do("tasks.fill_photometry", targets=[target], number=backlog)
        results.append(agent.do("tasks_ours.reconcile_all", target=target))
    return results


def _cost(world: World, agent: Agent) -> list[float]:
    """Return the milliseconds per record, of one backlog."""
    (run,) = _runs(agent, world, world.some(500, 100), 1)
    return [1000 * run["seconds"] / run["records"]]


def growth(world: World) -> Iterator[Figure]:
    """Cost per record with few and many shares and ledger rows, and the scan of an idle worker."""
    small, grown = world.with_sink("small"), world.with_sink("grown")
    shares, rows = world.some(10_000, 200), world.some(1_000_000, 5_000)

    def flat(name: str) -> Figure:
        say(name)
        result = paired(partial(_cost, world, grown), partial(_cost, world, small), blocks=world.some(9, 2))
        return result.figure(
            f"growth/{name}", "ms/record", against="some thousand ledger rows, few shares", limit=FLAT
        )

    grown.do("tasks.fill_targets", number=shares, prefix="grown ")
    targets = grown.do("tasks.primary_keys", prefix="grown ")
    grown.do("tasks_ours.fill_shares", targets=targets[:100])
    yield flat("100 shares")
    grown.do("tasks_ours.fill_shares", targets=targets[100:])
    yield flat(f"{shares} shares")
    say(f"{rows} data, a tenth of them on one target")
    grown.do("tasks.fill_photometry", targets=targets, number=rows - rows // 10)
    grown.do("tasks.fill_photometry", targets=targets[:1], number=rows // 10)
    grown.do("tasks_ours.fill_ledger")
    yield flat(f"{shares} shares, {rows} ledger rows")
    say("scans of an idle worker")
    grown.do("tasks_ours.scan")
    seconds = [grown.do("tasks_ours.scan")["seconds"] for _ in range(world.some(9, 3))]
    yield Figure(
        name=f"scan/{shares} shares over {rows} data",
        unit="s",
        ours=statistics.median(seconds),
        n=len(seconds),
        spread=quartiles(seconds),
        bar=at_most(1.0, statistics.median(seconds), "under 1 s"),
    )


def memory(world: World) -> Iterator[Figure]:
    """Measure the most memory that a worker needs, for a backlog of a thousand and a hundred thousand."""
    peaks = []
    sizes = (world.some(1_000, 200), world.some(100_000, 2_000))
    for backlog in sizes:
        say(f"memory, backlog of {backlog}")
        with Agent(world.alone.tom, f"memory-{backlog}") as agent:
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
