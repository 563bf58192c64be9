"""The runner `celery`, with real workers on the real brokers of this machine."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
from kombu import Connection

from documentation.samples import samples
from live.scenes import CELERY_BEAT, celery_command, make_share, make_target, query, save, states, until
from realtoms import Tom, compare
from realtoms.service import Service
from realtoms.skeleton import PROJECT, django_environment

pytestmark = pytest.mark.brokers

BROKERS = {
    "rabbitmq": os.environ.get("SHARECORE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//"),
    "redis": os.environ.get("SHARECORE_TEST_REDIS", "redis://127.0.0.1:6379/5"),
}


@pytest.fixture(params=BROKERS)
def tom(request: pytest.FixtureRequest, sender: Callable[..., Tom], receiver_31: Tom) -> Iterator[Tom]:
    """A TOM, served, that leaves the delivering to Celery."""
    broker, queue = BROKERS[request.param], f"sharecore-{uuid.uuid4().hex[:8]}"
    made = sender(
        DATA_SHARING={"b": receiver_31.sharing_entry("sharer", SETTLE_SECONDS=2, READ_TIMEOUT=2)},
        SHARECORE_RUNNER="celery",
        SHARECORE_LEASE_SECONDS=3,
        SHARECORE_SCAN_SECONDS=5,
        CELERY_BROKER_URL=broker,
        CELERY_TASK_DEFAULT_QUEUE=queue,
        CELERY_BEAT_SCHEDULE=CELERY_BEAT,
    )
    (app,) = (each for each in samples("python", "module") if each.file == f"{PROJECT}/celery.py")
    (made.path / app.file).write_text(app.text)
    yield made.serve(workers=1)
    with Connection(broker) as connection:
        connection.SimpleQueue(queue).queue.delete()


@pytest.fixture
def start(tom: Tom) -> Iterator[Callable[[], Service]]:
    """Starts a worker with a beat."""
    started: list[Service] = []

    def start() -> Service:
        number = len(started)
        command = [sys.executable, *celery_command(tom.path / f"beat{number}", 2)]
        command += ["--hostname", f"{number}@%h", "--without-mingle", "--without-gossip"]
        service = Service(command, tom.path, tom.path / f"celery{number}.log", django_environment())
        service.start()
        started.append(service)
        return service

    yield start
    for each in started:
        each.kill()


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    tom: Tom, start: Callable[[], Service], receiver_31: Tom, target_name: str
) -> None:
    assert PROJECT in tom.execute("from django.conf import settings; print(settings.ROOT_URLCONF)")
    target = make_target(tom, target_name)
    make_share(tom, target, "b")

    def arrived() -> int:
        return compare(tom.database, receiver_31.database, [target_name]).arrived

    def told() -> str:
        logs = [log.read_text()[-2000:] for log in sorted(tom.path.glob("celery*.log"))]
        return "\n".join([states(tom), *logs])

    save(tom, target, 0)
    first = start()
    until(lambda: arrived() == 1, seconds=90, what=told)
    for number in range(1, 40):
        save(tom, target, number)
    until(lambda: arrived() > 1, what=told)
    first.kill()
    start()
    until(lambda: arrived() == 40, seconds=120, what=told)
    found = compare(tom.database, receiver_31.database, [target_name])
    assert (found.lost, found.duplicates, found.foreign) == (0, 0, 0)
    assert {name for (name,) in query(tom, "SELECT runner FROM sharecore_worker")} == {"celery"}
    assert "nobody" not in tom.manage("sharing", "status").stdout
