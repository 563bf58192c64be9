"""One round: everything that one seed does, and what is left of it in the receiver's database."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from chaos.arrivals import Arrivals, recoveries
from chaos.backup import Backup
from chaos.ingest import Job
from chaos.moves import merged_name, places
from chaos.nursery import Nursery
from chaos.victims import Attack, DatabaseKiller, Victim
from chaos.world import LEASE_SECONDS, World, end_connections, start_again
from faults.plan import Plan
from realtoms import Service, Tom, TomError, compare
from realtoms.compare import Comparison
from realtoms.service import tail

WORKERS = 2
INGESTERS = 4
PROCESSES = INGESTERS + 1
"""And one that merges targets and moves data."""
TARGETS = 6
RECORDS_PER_STEP = 6.5
"""What an ingester writes in one step, on average."""
PACE = 0.5
FAULTS = 0.1
"""The share of requests that meet a fault."""
AFTER = 6.0
"""Seconds that the attack goes on after the last datum."""
PATIENCE = 240.0
AHEAD = (2 * 86400.0, 120.0)
"""Seconds by which the clock of the last worker is wrong, with even and with odd seeds."""
SAVED_AFTER = 5.0
"""Seconds after which the receiver's database is saved, to be put back in the end."""


@dataclass(kw_only=True)
class Round:
    """The figures of one seed."""

    seed: int
    records: int = 0
    kills: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    lost: int = 0
    duplicates: int = 0
    foreign: int = 0
    failed_before_replay: int = 0
    failed: int = 0
    restored: int = 0
    locked_errors: int = 0
    locked_errors_without_us: int = 0
    recoveries: list[float] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""
    examples: Sequence[str] = ()

    @property
    def good(self) -> bool:
        """Whether everything is at the receiver, once."""
        return not (self.lost or self.duplicates or self.foreign or self.failed or self.error)

    def line(self) -> str:
        """For people: one line, and what is wrong."""
        shown = {
            name: value for name, value in asdict(self).items() if name not in ("examples", "recoveries")
        }
        shown["seconds"] = round(self.seconds, 1)
        shown["slowest_recovery_s"] = round(max(self.recoveries, default=0.0), 1)
        return "\n    ".join([json.dumps(shown), *self.examples])


def play(world: World, seed: int, records: int) -> Round:
    """Ingest, deliver, kill and fail by this seed; then no more faults, and count."""
    began = time.monotonic()
    result = Round(seed=seed)
    names = [f"Chaos {seed}-{number}" for number in range(TARGETS)]
    steps = max(1, round(records / PROCESSES / RECORDS_PER_STEP))
    targets = _targets(world.forks, names, share=True)
    names += [merged_name(seed, step) for step in range(steps)]
    jobs = [_job(world.sender, seed, number, targets, steps) for number in range(PROCESSES)]
    arrivals = Arrivals(world.receiver.database)
    arrivals.look()
    met = world.proxy.met.total()
    backup = Backup(world.receiver.database, world.folder)
    since = datetime.now(UTC).isoformat()
    with arrivals.watched():
        with backup.after(SAVED_AFTER):
            attack = _under_fire(world, seed, jobs)
        drained = _drained(world.forks)
    arrivals.look()
    _compared(world, names, result)
    if not world.calm:
        backup.restore()
        result.restored = _comparison(world, names).lost
        drained = _drained(world.forks, since=since) | {
            "failed_before_replay": drained["failed_before_replay"]
        }
        _compared(world, names, result)
    result.killed, result.kills = dict(attack.kills), attack.kills.total()
    result.faults = world.proxy.met.total() - met
    result.failed_before_replay, result.failed = drained["failed_before_replay"], drained["failed"]
    result.locked_errors = _locked(jobs)
    result.recoveries = recoveries(_written(jobs), arrivals.at, attack.times)
    if not result.good:
        result.examples = [*result.examples, f"states: {drained['states']}"]
    if world.bare_forks is not None:
        result.locked_errors_without_us = _alone(world, world.bare_forks, seed, names, steps)
    result.seconds = time.monotonic() - began
    return result


def _compared(world: World, names: list[str], result: Round) -> None:
    """Count what is wrong, beside what was wrong before."""
    comparison = _comparison(world, names)
    result.records = comparison.records
    result.lost += comparison.lost
    result.duplicates += comparison.duplicates
    result.foreign += comparison.foreign
    result.examples = [*result.examples, *comparison.examples]


def _comparison(world: World, names: list[str]) -> Comparison:
    """Each datum once: at the target that it has, or at one that it has had."""
    return compare(world.sender.database, world.receiver.database, names, former=places)


def _under_fire(world: World, seed: int, jobs: Sequence[Job]) -> Attack:
    """Ingest and deliver while everybody is being killed; at the end all processes are gone."""
    # With "command" the ingesters leave a mark for the workers, with "thread" only the scan finds the data.
    settings = {"SHARECORE_RUNNER": "command" if seed % 2 or world.calm else "thread"}
    nurseries = (world.forks, world.old_forks or world.forks)
    workers = [_worker(nurseries[number % 2], number, settings, AHEAD[seed % 2]) for number in range(WORKERS)]
    # Two of each version: one that works in transactions, and one that does not.
    ingesters = [_ingester(nurseries[job.number // 2 % 2], job, settings, share=True) for job in jobs]
    if not world.calm:
        world.proxy.plan = Plan(seed=seed, rate=FAULTS, seconds=2.5)
    try:
        return _attacked(world, seed, jobs, ingesters, workers)
    finally:
        world.proxy.plan = Plan()


def _attacked(
    world: World, seed: int, jobs: Sequence[Job], ingesters: Sequence[Service], workers: Sequence[Service]
) -> Attack:
    over = False
    victims = [
        *(
            Victim(service, "mover" if job.number == INGESTERS else "ingester", partial(_finished, job))
            for service, job in zip(ingesters, jobs, strict=True)
        ),
        *(Victim(service, "worker", lambda: over) for service in workers),
    ]
    cluster = world.cluster
    database = None
    if cluster is not None:
        database = DatabaseKiller(
            cluster.kill, partial(start_again, cluster), partial(end_connections, cluster)
        )
    attack = Attack(seed, victims, freeze_seconds=LEASE_SECONDS + 1.5, database=database)
    deadline, end = time.monotonic() + PATIENCE, 0.0
    try:
        for victim in victims:
            victim.process.start()
        while not end or time.monotonic() < end:
            if not world.calm:
                attack.step()
            if not end and all(map(_finished, jobs)):
                end = time.monotonic() + AFTER
            if time.monotonic() > deadline:
                said = "\n".join(tail(victim.process.output, 5) for victim in victims)
                raise TomError(f"seed {seed}: the ingesters were not done in {PATIENCE:g} s:\n{said}")
            time.sleep(0.05)
    finally:
        over = True
        for victim in victims:
            victim.process.kill()
        if database is not None:
            database.settle()
    return attack


def _drained(nursery: Nursery, *, since: str = "") -> dict[str, Any]:
    drained: dict[str, Any] = json.loads(nursery.result("drain", {"since": since}, PATIENCE))
    return drained


def _alone(world: World, nursery: Nursery, seed: int, names: list[str], steps: int) -> int:
    """The "database is locked" errors of the same ingesters, under the same attack, without our app."""
    targets = _targets(nursery, names[:TARGETS], share=False)
    jobs = [_job(nursery.tom, seed, number, targets, steps) for number in range(PROCESSES)]
    idle = [nursery.script("idle.log", "idle", {}, {}) for _ in range(WORKERS)]
    _attacked(world, seed, jobs, [_ingester(nursery, job, {}, share=False) for job in jobs], idle)
    return _locked(jobs)


def _targets(nursery: Nursery, names: list[str], *, share: bool) -> list[int]:
    made: list[int] = json.loads(nursery.result("targets", {"names": names, "share": share}, PATIENCE))
    return made


def _job(tom: Tom, seed: int, number: int, targets: list[int], steps: int) -> Job:
    journal = tom.path / f"journal-{seed}-{number}"
    return Job(
        seed=seed,
        number=number,
        targets=targets,
        steps=steps,
        atomic=number % 2 == 0,
        pace=PACE,
        journal=str(journal),
    )


def _ingester(nursery: Nursery, job: Job, settings: dict[str, Any], *, share: bool) -> Service:
    """The last one merges and moves."""
    if job.number == INGESTERS:
        wanted = ("seed", "number", "targets", "steps", "journal")
        values = {name: getattr(job, name) for name in wanted} | {"share": share}
        return nursery.script("moves.log", "moves", values, settings)
    return nursery.script(f"ingester-{job.number}.log", "ingest", asdict(job), settings)


def _worker(nursery: Nursery, number: int, settings: dict[str, Any], ahead: float) -> Service:
    log = f"worker-{number}.log"
    if number == WORKERS - 1:
        return nursery.script(log, "ahead", {"seconds": ahead}, settings)
    return nursery.command(log, "sharing", "deliver", settings=settings)


def _lines(job: Job) -> list[dict[str, Any]]:
    journal = Path(job.journal)
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def _finished(job: Job) -> bool:
    return sum("done" in line for line in _lines(job)) >= job.steps


def _locked(jobs: Sequence[Job]) -> int:
    return sum("locked" in line for job in jobs for line in _lines(job))


def _written(jobs: Sequence[Job]) -> dict[str, float]:
    """When each row was written, by the time of the row."""
    lines = [line for job in jobs for line in _lines(job) if "written" in line]
    return {key: line["at"] for line in lines for key in line["written"]}
