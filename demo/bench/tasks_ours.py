"""Tasks of an agent inside a TOM with sharecore."""

from __future__ import annotations

import cProfile
import io
import pstats
import resource
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, TargetList

from bench.sink import Sink, SinkPlugin
from bench.tasks import fill_photometry
from sharecore.addresses import Address
from sharecore.delivery import State
from sharecore.filters import Filter
from sharecore.testing import installed
from tom_integration import site, wake_up
from tom_integration.models import Delivery, Outbox
from tom_integration.services import rules
from tom_integration.worker import thread
from tom_integration.worker.loop import Worker
from tom_integration.worker.run import reconcile
from tom_integration.worker.scan import Scan

_stack = ExitStack()


def use_sink(seconds: float = 0.0, size: int = 1000) -> None:
    """Have a destination `sink` in this process, beside those of the settings."""
    Sink.seconds, Sink.size = seconds, size
    if "sink" not in settings.DATA_SHARING:
        _stack.enter_context(installed(SinkPlugin()))
        settings.DATA_SHARING = {**settings.DATA_SHARING, "sink": {"ADAPTER": "sink"}}
    site.forget()


def runner(name: str, *, held: bool = False) -> None:
    """Choose the runner. held: it is there and takes hints, but does nothing."""
    stop_runner()
    settings.SHARECORE_RUNNER = name
    if held:
        thread._worker = Worker("held")
        thread._thread = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
        thread._thread.start()
    elif name == "thread":
        thread.start()


def stop_runner() -> None:
    """Let the thread finish what it has in hand."""
    worker = thread._worker
    thread.stop()
    for each in worker._threads.values() if worker else ():
        each.join(60)
    thread.forget()


def mark(look_now: bool) -> None:
    """Leave, or take away, the mark of all outboxes that they are to be looked at."""
    Outbox.objects.update(look_now=look_now)


def load(target: int, number: int) -> float:
    """Load so many data at once and say so, as a data processor does; when that was, by the clock."""
    with transaction.atomic():
        fill_photometry([target], number)
        wake_up.hint(target, {})
    return time.time()


def forget(target: int) -> None:
    """Let nothing of a target be sent any more."""
    PersistentShare.objects.filter(target_id=target).delete()
    Outbox.objects.filter(target_id=target).update(look_now=False, next_at=None)


def reconcile_all(target: int) -> dict[str, Any]:
    """Bring all outboxes of a target up to date in this thread; records and seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    outboxes = Outbox.objects.filter(target_id=target).values_list("pk", flat=True)
    arrived = sum(reconcile(pk) for pk in list(outboxes))
    return {
        "records": arrived,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "memory": memory(),
    }


def profile(target: int) -> dict[str, Any]:
    """Do as `reconcile_all`; return also the statements, and those of our functions that take longest."""
    profiler = cProfile.Profile()
    with CaptureQueriesContext(connection) as statements, profiler:
        answer = reconcile_all(target)
    text = io.StringIO()
    ours = pstats.Stats(profiler, stream=text).sort_stats("cumulative")
    ours.print_stats("/(sharecore|tom_integration)[^/]*/", 30)
    return {**answer, "statements": len(statements), "functions": text.getvalue()}


def memory() -> float:
    """MiB that this process has needed at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def taken() -> int:
    """Return how many records the sink has taken."""
    return Sink.taken


def fill_shares(targets: Sequence[int]) -> None:
    """Share these targets with the sink; their data are known to have been delivered."""
    PersistentShare.objects.bulk_create(
        [PersistentShare(target_id=pk, destination="sink") for pk in targets], batch_size=1000
    )
    shares = PersistentShare.objects.filter(target_id__in=targets)
    Outbox.objects.bulk_create(
        [
            Outbox(destination="sink", target_id=target, share_id=pk, settings_digest=_digest())
            for pk, target in shares.values_list("pk", "target_id")
        ],
        batch_size=1000,
    )


def _digest() -> str:
    return site.settings_digest(site.destinations()["sink"])


def fill_ledger() -> None:
    """Write a delivered row for each photometry row of a shared target, by one statement."""
    values: dict[str, str] = {}
    params: list[Any] = []
    given = {
        "outbox_id": "c.id",
        "destination": "c.destination",
        "topic": "c.topic",
        "model": "'photometryreduceddatum'",
        "datum_pk": "d.id",
        "timestamp": "d.timestamp",
        "kind": "'photometry'",
        "record_id": "'fill' || d.id",
        "identity": "'fill' || d.id",
        "fingerprint": "'fill' || d.id",
        "arrived": "'fill' || d.id",
        "state": f"'{State.DELIVERED.value}'",
    }
    given |= dict.fromkeys(("created", "sent_at", "delivered_at"), "d.timestamp")
    quote = connection.ops.quote_name
    for field in Delivery._meta.concrete_fields:
        if field.attname in given:
            values[str(field.column)] = given[field.attname]
        elif not field.primary_key:
            values[str(field.column)] = "%s"
            params.append(field.get_db_prep_save(field.get_default(), connection))
    table, data = Delivery._meta.db_table, PhotometryReducedDatum._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(table)} ({', '.join(map(quote, values))}) "  # noqa: S608 - our own names
            f"SELECT {', '.join(values.values())} FROM {quote(data)} d "
            f"JOIN {quote(Outbox._meta.db_table)} c ON c.target_id = d.target_id WHERE true "
            "ON CONFLICT DO NOTHING",
            params,
        )
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def make_rule(name: str) -> None:
    """Share our own data of all targets of a list, which is empty so far, with the sink."""
    rules.make(
        name=name,
        address=Address("sink"),
        creator=User.objects.get(is_superuser=True),
        scope="list",
        target_list_id=TargetList.objects.create(name=name).pk,
        filter=Filter(own=True),
    )


def join_list(name: str, targets: Sequence[int]) -> float:
    """Put these targets into a list; the seconds until the worker of this process has shared each."""
    time.sleep(3)  # The first scan of the worker is over.
    began = time.monotonic()
    TargetList.objects.get(name=name).targets.add(*targets)
    while PersistentShare.objects.count() < len(targets):
        time.sleep(0.1)
    return time.monotonic() - began


def ledger_rows() -> int:
    """Return how many rows the ledger has."""
    return Delivery.objects.count()


class _State:
    scan: Scan | None = None


def scan() -> dict[str, Any]:
    """Scan with a worker that has scanned before; return the seconds, and how many outboxes it found."""
    if _State.scan is None:
        _State.scan = Scan()
        _State.scan.outboxes()
        now = timezone.now()
        Outbox.objects.update(scanned_at=now, rescanned_at=now)
    began = time.perf_counter()
    found = _State.scan.outboxes()
    _State.scan.rescan()
    return {"seconds": time.perf_counter() - began, "found": len(found)}
