"""From one TOM to another: time to arrival, records per second, requests, drain after an outage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.agent import Agent
from bench.figure import Figure, at_least, at_most, percentile, quartiles
from bench.world import Receiver, World, rows_of, say, wait_for
from realtoms import TomError


@dataclass(frozen=True, kw_only=True)
class _Transport:
    """One way to a receiver. backlogs: sizes. wanted: so many times the records per second of stock.

    seconds: after which no more records are waited for, where the whole backlog takes longer.
    """

    destination: str
    backlogs: tuple[int, ...]
    wanted: float
    seconds: float = 90.0


TRANSPORTS = {
    "one by one": _Transport(destination="stock", backlogs=(1_000, 20_000), wanted=20, seconds=20.0),
    "BULK_UPLOAD": _Transport(destination="bulk", backlogs=(1_000, 20_000), wanted=200),
    "between sharecore TOMs": _Transport(destination="sharecore", backlogs=(1_000, 20_000), wanted=500),
}


def _shared(world: World, agent: Agent, destination: str) -> tuple[int, str]:
    """Make a target that is shared there and known there: the first datum has arrived."""
    name = world.name(f"to {destination}")
    if agent.tom is world.stock:
        world.stock_receiver.introduce(name)
    target = int(agent.do("tasks.target", name=name))
    agent.do("tasks.share", target=target, destinations=[destination])
    agent.do("tasks.save", target=target, number=1)
    return target, name


def _receiver(world: World, destination: str) -> Receiver:
    return world.our_receiver if destination == "sharecore" else world.stock_receiver


def _introduced(world: World, destination: str) -> tuple[int, str]:
    target, name = _shared(world, world.our_agent, destination)
    receiver = _receiver(world, destination)
    wait_for(receiver.tom, name, 1, seconds=180)
    return target, name


def trickle(world: World) -> Iterator[Figure]:
    """Measure one datum now and then: from the return of `save()` to the row at the receiver."""
    number = world.some(20, 3)
    stock, stock_ones = world.stock_agent, []
    target, name = _shared(world, stock, "stock")
    for _ in range(world.some(8, 2)):
        there = rows_of(world.stock_receiver.tom, name)
        began = time.time()
        stock.do("tasks.save", target=target, number=1)
        stock_ones.append(wait_for(world.stock_receiver.tom, name, there + 1, seconds=180) - began)
    world.our_agent.do("tasks_ours.runner", name="thread")
    for destination in ("stock", "sharecore"):
        say(f"trickle to {destination}")
        target, name = _introduced(world, destination)
        receiver = _receiver(world, destination)
        seconds = []
        for _ in range(number):
            there = rows_of(receiver.tom, name)
            began = time.time()
            world.our_agent.do("tasks.save", target=target, number=1)
            seconds.append(wait_for(receiver.tom, name, there + 1, seconds=180) - began)
            time.sleep(0.2)
        for what, value, base in (
            ("median", statistics.median(seconds), statistics.median(stock_ones)),
            ("p95", percentile(seconds, 95), percentile(stock_ones, 95)),
        ):
            yield Figure(
                name=f"save to arrival/{what}, to {destination}",
                unit="s",
                ours=value,
                stock=base,
                ratio=value / base,
                n=len(seconds),
                spread=quartiles(seconds),
                bar=at_most(1.0, value, "under 1 s") if what == "median" else None,
            )
    world.our_agent.do("tasks_ours.runner", name="command")


@dataclass(frozen=True, kw_only=True)
class _Drained:
    """What one backlog took."""

    rate: float
    requests: float
    cpu: float


def _drain(world: World, transport: _Transport, backlog: int) -> _Drained:
    world.our_agent.do("tasks_ours.runner", name="thread")
    target, name = _introduced(world, transport.destination)
    receiver = _receiver(world, transport.destination)
    requests, cpu = receiver.requests(), receiver.cpu()
    began = world.our_agent.do("tasks_ours.load", target=target, number=backlog)
    there, ended = 0, began
    while there < backlog and ended < began + world.some(int(transport.seconds), 10):
        time.sleep(0.05)
        there, ended = rows_of(receiver.tom, name) - 1, time.time()
    if not there:
        raise TomError(f"nothing of {name} has arrived in {transport.seconds:g} s")
    cpu, requests = receiver.cpu() - cpu, receiver.requests() - requests
    world.our_agent.do("tasks_ours.runner", name="command")
    world.our_agent.do("tasks_ours.forget", target=target)
    return _Drained(rate=there / (ended - began), requests=requests / there, cpu=cpu / there)


def _stock_drained(world: World, number: int) -> _Drained:
    """Stock has no backlog: it sends while it saves."""
    target, _ = _shared(world, world.stock_agent, "stock")
    receiver = world.stock_receiver
    requests, cpu = receiver.requests(), receiver.cpu()
    seconds = world.stock_agent.do("tasks.save", target=target, number=number)["seconds"]
    return _Drained(
        rate=number / sum(seconds),
        requests=(receiver.requests() - requests) / number,
        cpu=(receiver.cpu() - cpu) / number,
    )


def backlogs(world: World) -> Iterator[Figure]:
    """Measure records per second, requests and CPU of the receiver."""
    for name, transport in TRANSPORTS.items():
        for backlog in [world.some(size, 200) for size in transport.backlogs]:
            ours, stock = [], []
            for _ in range(world.some(2 if backlog <= 1_000 else 1, 1)):
                stock.append(_stock_drained(world, world.some(6, 2)))
                say(f"backlog of {backlog}, {name}")
                ours.append(_drain(world, transport, backlog))
                stock.append(_stock_drained(world, world.some(6, 2)))
            yield from _of_backlog(f"backlog of {backlog}/{name}", transport, ours, stock)


def _of_backlog(
    name: str, transport: _Transport, ours: list[_Drained], stock: list[_Drained]
) -> Iterator[Figure]:
    base = statistics.median(each.rate for each in stock)
    rates = [each.rate for each in ours]
    rate = statistics.median(rates)
    yield Figure(
        name=name,
        unit="records/s",
        ours=rate,
        stock=base,
        ratio=rate / base,
        n=len(ours),
        spread=quartiles([each / base for each in rates]),
        bar=at_least(transport.wanted, rate / base, f"at least {transport.wanted:g} times"),
    )
    for what, unit in (("requests", "requests/record"), ("cpu", "ms CPU of the receiver/record")):
        factor = 1000 if what == "cpu" else 1
        value = factor * statistics.median(getattr(each, what) for each in ours)
        theirs = factor * statistics.median(getattr(each, what) for each in stock)
        yield Figure(
            name=f"{name}, {what}",
            unit=unit,
            ours=value,
            stock=theirs,
            ratio=value / theirs if theirs else None,
            n=len(ours),
        )


def targets_there(world: World) -> Iterator[Figure]:
    """Measure how much longer it takes when the receiver has many targets: a first datum, and a next one."""
    sizes = [world.some(size, min(size, 50)) for size in (10, 1_000, 10_000)]
    receiver, filler = world.stock_receiver, world.agent(world.stock_receiver.tom, "filling")
    filled = 0
    for size in sizes:
        if size > filled:
            filler.do("tasks.fill_targets", number=size - filled, prefix=f"there {size} ")
            filled = size
        say(f"{size} targets at the receiver")
        stock_target, _ = _shared(world, world.stock_agent, "stock")
        stock = world.stock_agent.do("tasks.save", target=stock_target, number=world.some(4, 1))["seconds"]
        first, following = [], []
        for _ in range(world.some(3, 1)):
            target, name = _shared(world, world.our_agent, "stock")
            first.append(world.our_agent.do("tasks_ours.reconcile_all", target=target)["seconds"])
            for _ in range(3):
                world.our_agent.do("tasks.save", target=target, number=1)
                following.append(world.our_agent.do("tasks_ours.reconcile_all", target=target)["seconds"])
            wait_for(receiver.tom, name, 4, seconds=180)
        for what, seconds in (("first datum of a target", first), ("next datum", following)):
            yield Figure(
                name=f"receiver with {size} targets/{what}",
                unit="s",
                ours=statistics.median(seconds),
                stock=statistics.median(stock),
                ratio=statistics.median(seconds) / statistics.median(stock),
                n=len(seconds),
                spread=quartiles(seconds),
            )


def noticing(world: World) -> Iterator[Figure]:
    """Measure data that no hint tells of: made in bulk by another process, while a worker is idle."""
    say("an idle worker notices")
    target, name = _introduced_by_hand(world)
    worker = world.agent(world.ours, "idle")
    worker.do("tasks_ours.runner", name="thread")
    time.sleep(3)
    seconds = []
    for number in range(world.some(4, 2)):
        began = time.time()
        world.our_agent.do("tasks.save", target=target, number=1)
        there = number + 2
        seconds.append(wait_for(world.stock_receiver.tom, name, there, seconds=180) - began)
    worker.do("tasks_ours.runner", name="command")
    yield Figure(
        name="an idle worker notices/data saved by another process that leaves a mark",
        unit="s",
        ours=statistics.median(seconds),
        n=len(seconds),
        spread=quartiles(seconds),
    )


def _introduced_by_hand(world: World) -> tuple[int, str]:
    target, name = _shared(world, world.our_agent, "stock")
    world.our_agent.do("tasks_ours.reconcile_all", target=target)
    wait_for(world.stock_receiver.tom, name, 1, seconds=180)
    return target, name


def outage(world: World) -> Iterator[Figure]:
    """Measure the time from the return of a receiver until all that was saved meanwhile has arrived."""
    number = world.some(200, 20)
    receiver = world.stock_receiver
    target, name = _introduced_by_hand(world)
    say(f"an outage, {number} data meanwhile")
    receiver.tom.stop()
    world.our_agent.do("tasks_ours.runner", name="thread")
    world.our_agent.do("tasks.save", target=target, number=number)
    time.sleep(world.some(10, 3))
    receiver.serve()
    began = time.time()
    ended = wait_for(receiver.tom, name, number + 1, seconds=300, every=0.1)
    world.our_agent.do("tasks_ours.runner", name="command")
    yield Figure(
        name=f"drain after an outage/{number} data, one by one",
        unit="s",
        ours=ended - began,
        against="nothing: stock loses them",
    )


def limits(world: World) -> Iterator[Figure]:
    """Measure the physical limit: what the receiver's database alone can insert."""
    number = world.some(20_000, 1_000)
    agent = world.agent(world.our_receiver.tom, "alone")
    target = agent.do("tasks.target", name=world.name("alone"))
    rates = []
    for _ in range(3):
        answer = agent.do("tasks.insert_alone", target=target, number=number)
        rates.append(answer["records"] / answer["seconds"][0])
    yield Figure(
        name="limit/bulk_create at the receiver, 1000 rows at a time",
        unit="records/s",
        ours=statistics.median(rates),
        n=len(rates),
        spread=quartiles(rates),
    )
