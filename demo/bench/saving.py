"""What sharing adds to saving: against the same TOM without it, and against stock sharing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench.agent import Agent
from bench.figure import Figure, Paired, at_most, paired, percentile, quartiles
from bench.world import World, say

DESTINATIONS = ("stock", "second", "third")
RUNNERS = {"thread held": 1.1, "another, due": 1.5, "another, first wake": 2.5}
"""How the runner is while data are saved, and how much longer a save may take."""


def _seconds(agent: Agent, task: str, target: int, number: int) -> list[float]:
    seconds: list[float] = agent.do(task, target=target, number=number)["seconds"]
    return seconds


def _prepared(world: World, agent: Agent, shares: int) -> int:
    name = world.name(f"saving with {shares}")
    if shares and agent.tom is world.stock:
        world.stock_receiver.introduce(name)
    target = int(agent.do("tasks.target", name=name))
    agent.do("tasks.share", target=target, destinations=DESTINATIONS[:shares])
    _seconds(agent, "tasks.save", target, 3)
    return target


def saves(world: World) -> Iterator[Figure]:
    """Measure `save()` with 0, 1 and 3 shares."""
    ours, stock = world.our_agent, world.stock_agent
    plain = _prepared(world, stock, 0)
    bare = partial(_seconds, stock, "tasks.save", plain)
    for shares in (0, 1, 3):
        target = _prepared(world, ours, shares)
        with_stock = _stock_sharing(world, shares)
        for runner, bar in RUNNERS.items():
            say(f"save, {shares} shares, {runner}")
            _choose(ours, runner)
            # after the first wake a mark is left, so that each block has one save only
            size = 1 if runner == "another, first wake" else 20

            def block(target: int = target, runner: str = runner, size: int = size) -> list[float]:
                if runner == "another, first wake":
                    ours.do("tasks_ours.mark", look_now=False)
                return _seconds(ours, "tasks.save", target, size)

            result = paired(block, partial(bare, size), blocks=world.some(120 if size == 1 else 24, 4))
            name = f"save/{shares} shares/{runner}"
            yield _against_bare(name, result, bar, stock=with_stock or statistics.median(result.other))
        ours.do("tasks_ours.forget", target=target)
    ours.do("tasks_ours.runner", name="command")


def _choose(agent: Agent, runner: str) -> None:
    held = runner == "thread held"
    agent.do("tasks_ours.runner", name="thread" if held else "command", held=held)
    agent.do("tasks_ours.mark", look_now=True)


def _stock_sharing(world: World, shares: int) -> float | None:
    """Return the milliseconds that stock takes for a save with so many shares."""
    if not shares:
        return None
    say(f"save, {shares} shares, stock")
    target = _prepared(world, world.stock_agent, shares)
    return statistics.median(_seconds(world.stock_agent, "tasks.save", target, world.some(6, 2)))


def _against_bare(name: str, result: Paired, bar: float, *, stock: float) -> Figure:
    figure = result.figure(name, "ms", against="the same TOM without sharing", limit=bar, scale=1000)
    return replace(figure, stock=1000 * stock)


def bulk(world: World) -> Iterator[Figure]:
    """Measure `bulk_create` and `run_data_processor` with 3 shares."""
    ours, stock = world.our_agent, world.stock_agent
    _choose(ours, "thread held")
    target, plain = _prepared(world, ours, 3), _prepared(world, stock, 0)
    for task, number, blocks in (("bulk_create", 500, 60), ("process_file", 500, 16)):
        say(f"{task} of {number} rows")
        result = paired(
            partial(_seconds, ours, f"tasks.{task}", target, number),
            partial(_seconds, stock, f"tasks.{task}", plain, number),
            blocks=world.some(blocks, 2),
        )
        name = {"bulk_create": "bulk_create", "process_file": "run_data_processor"}[task]
        with_stock = None
        if task == "process_file":
            shared = _prepared(world, stock, 1)
            with_stock = _seconds(stock, f"tasks.{task}", shared, number)[0]
        figure = _against_bare(
            f"{name}/{number} rows", result, 1.1, stock=with_stock or statistics.median(result.other)
        )
        yield figure
    ours.do("tasks_ours.forget", target=target)
    ours.do("tasks_ours.runner", name="command")


def while_draining(world: World) -> Iterator[Figure]:
    """Measure `save()` while the thread of the same process drains a backlog to a slow receiver."""
    backlog = world.some(20_000, 2_000)
    ours, stock = world.agent(world.alone.tom, "draining"), world.stock_agent
    ours.do("tasks_ours.use_sink", seconds=0.01, size=200)
    _fill(world, ours, backlog)
    plain = _prepared(world, stock, 0)
    saved = int(ours.do("tasks.target", name=world.name("saved meanwhile")))
    ours.do("tasks.share", target=saved, destinations=["sink"])
    say(f"save while a backlog of {backlog} drains")
    for slow in (True, False):
        ours.do("tasks_ours.use_sink", seconds=0.01 if slow else 0.0, size=200)
        before = ours.do("tasks_ours.taken")
        ours.do("tasks_ours.runner", name="thread")
        result = paired(
            partial(_seconds, ours, "tasks.save", saved, 50),
            partial(_seconds, stock, "tasks.save", plain, 50),
            blocks=world.some(40 if slow else 16, 2),
        )
        ours.do("tasks_ours.stop_runner")
        moved = ours.do("tasks_ours.taken") - before
        say(f"{moved} records left meanwhile")
        whither = "to a slow receiver" if slow else "at full speed"
        for percent in (50, 99):
            mine, base = percentile(result.ours, percent), percentile(result.other, percent)
            bar = None
            if slow and percent == 50:
                bar = at_most(1.5, mine / base, "at most 1.5 times")
            elif slow:
                bar = at_most(base + 0.05, mine, "at most 50 ms above the base")
            yield Figure(
                name=f"save/p{percent} while {backlog} drain {whither}",
                unit="ms",
                ours=1000 * mine,
                base=1000 * base,
                ratio=mine / base,
                against="the same TOM without sharing",
                n=len(result.ours),
                spread=quartiles([1000 * each for each in result.ours]),
                bar=bar,
            )


def _fill(world: World, agent: Agent, number: int) -> None:
    """Make a shared target with so many data that are still to be sent."""
    target = int(agent.do("tasks.target", name=world.name("backlog")))
    agent.do("tasks.share", target=target, destinations=["sink"])
    agent.do("tasks.fill_photometry", targets=[target], number=number)
