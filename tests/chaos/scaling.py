"""How many records per second do 1, 2 and 4 workers deliver? ``make scaling``, or ``python -m
chaos.scaling``.

A TOM on PostgreSQL shares many targets with one stock TOM that takes a second for each request, as one
behind a long line or under load does. Each case gets targets of its own, and its workers run before the
data are written. One line of JSON for each case: records, seconds between the first and the last arrival,
and records per second.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kombu import Connection

from chaos.arrivals import Arrivals
from chaos.world import ADMIN, receiving
from documentation.samples import samples
from faults.plan import Fault, Plan
from faults.proxy import running
from live.scenes import CELERY_BEAT, celery_command, make_target
from realtoms import Tom, TomError, make_tom
from realtoms.brokers import rabbitmq
from realtoms.postgres import server
from realtoms.service import Service, free_port
from realtoms.skeleton import PROJECT, django_environment

TARGETS = 16
PATIENCE = 300.0
_SHARED = """
from tom_targets.models import PersistentShare, Target
for number in range({targets}):
    target = Target.objects.create(name=f"{name} {{number}}", type="SIDEREAL", ra=10.5, dec=-3.25)
    PersistentShare.objects.create(target=target, destination="slow")
"""
_DATA = """
from datetime import datetime, timedelta, timezone
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target
from tom_targets.sharing import continuous_share_data
start = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days={case})
for number, target in enumerate(Target.objects.filter(name__startswith="{name} ")):
    rows = [
        PhotometryReducedDatum(
            target=target, timestamp=start + timedelta(seconds=1000 * number + each), unit="AB",
            brightness=17 + each / 1000, bandpass="r",
        )
        for each in range({each})
    ]
    continuous_share_data(target, PhotometryReducedDatum.objects.bulk_create(rows))
"""


def main() -> int:
    """Measure all cases; 0 if everything arrived."""
    parser = argparse.ArgumentParser(prog="chaos.scaling", description=__doc__)
    parser.add_argument("--records", type=int, default=320, help="in each case")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that each request takes longer")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sharecore-scaling-")))
        receiver = receiving(folder, stack)
        slow = Plan(rate=1.0, faults=(Fault.LATENCY,), only="POST /api/reduced", seconds=options.latency)
        proxy = stack.enter_context(running(receiver.url, slow, port=free_port()))
        broker = stack.enter_context(rabbitmq())
        (app,) = (each for each in samples("python", "module") if each.file == f"{PROJECT}/celery.py")
        queue = f"sharecore-{uuid.uuid4().hex[:8]}"
        sender = make_tom(
            folder / "sender",
            name="sender",
            users=[ADMIN],
            apps=["tom_integration"],
            settings={
                "DATA_SHARING": {"slow": receiver.sharing_entry("sharer") | {"BASE_URL": proxy.url}},
                "SHARECORE_RUNNER": "command",
                "CELERY_BROKER_URL": broker,
                "CELERY_TASK_DEFAULT_QUEUE": queue,
                "CELERY_BEAT_SCHEDULE": CELERY_BEAT,
            },
            files={app.file: app.text},
            postgres=stack.enter_context(server()),
        )
        stack.callback(sender.remove)
        cases: list[tuple[str, list[list[str]]]] = [
            (f"command, {number} worker{'s' * (number > 1)}", [["manage.py", "sharing", "deliver"]] * number)
            for number in (1, 2, 4)
        ]
        cases.append(("celery, 1 worker, --concurrency 4", [celery_command(sender.path / "beat", 4)]))
        for case, (said, commands) in enumerate(cases):
            figures = _measured(sender, receiver, case, commands, options.records)
            print(json.dumps({"workers": said, **figures}), flush=True)  # noqa: T201
        with Connection(broker) as connection:
            connection.SimpleQueue(queue).queue.delete()
    return 0


def _measured(
    sender: Tom, receiver: Tom, case: int, commands: Sequence[Sequence[str]], records: int
) -> dict[str, float]:
    name = f"case {case}"
    sender.execute(_SHARED.format(name=name, targets=TARGETS))
    for number in range(TARGETS):
        make_target(receiver, f"{name} {number}", user="sharer")
    arrivals = Arrivals(receiver.database)
    arrivals.look()
    arrivals.at.clear()
    with _workers(sender, commands), arrivals.watched(pause=0.1):
        sender.execute(_DATA.format(name=name, case=case, each=records // TARGETS))
        wanted = records // TARGETS * TARGETS
        deadline = time.monotonic() + PATIENCE
        while len(arrivals.at) < wanted:
            if time.monotonic() > deadline:
                raise TomError(f"{len(arrivals.at)} of {wanted} records arrived in {PATIENCE:g} s")
            time.sleep(0.1)
    seconds = max(arrivals.at.values()) - min(arrivals.at.values())
    return {"records": wanted, "seconds": round(seconds, 1), "records_per_s": round(wanted / seconds, 1)}


@contextmanager
def _workers(sender: Tom, commands: Sequence[Sequence[str]]) -> Iterator[None]:
    environment = django_environment()
    services = [
        Service([str(sender.python), *command], sender.path, sender.path / f"worker{n}.log", environment)
        for n, command in enumerate(commands)
    ]
    try:
        for service in services:
            service.start()
        deadline = time.monotonic() + PATIENCE
        while len(json.loads(sender.manage("sharing", "status", "--json").stdout)["workers"]) < len(services):
            if time.monotonic() > deadline:
                raise TomError("the workers do not start: " + services[0].output[-500:])
        yield
    finally:
        for service in services:
            service.stop()


if __name__ == "__main__":
    sys.exit(main())
