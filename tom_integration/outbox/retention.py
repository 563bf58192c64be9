"""Delete what is old in the ledger, but nothing that keeps a datum from being sent twice.

The identity, fingerprint, state and remote id of a delivery stay as long as its datum; answers and attempts
go. The `datum_pk` of a row whose datum is deleted becomes negative: after a restored backup, a database may
give the same primary key to another datum.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet, Value
from tom_targets.models import BaseTarget

from sharecore.delivery import FORGET_ANSWER, State
from tom_integration import clock, conf, polite_writes
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.models import (
    Activity,
    Attempt,
    Call,
    Delivery,
    LedgerVersion,
    OneTimeShare,
    Outbox,
    Worker,
)
from tom_integration.outbox import moved_reports, observer_keys, transitions, versions

STEP = 1000
"""Rows of the ledger that one step looks at."""
BETWEEN_ROUNDS = 86400.0
"""Seconds between two readings of the whole ledger by one worker."""

_SETTLED = (State.BASELINE, State.DELIVERED, State.WITHDRAWN, State.CANCELLED)
"""States of deliveries that need no step when their datum is deleted."""


class Upkeep:
    """Read the ledger in small steps, from a position that one worker keeps in memory.

    Start at random, so that workers that live for one step only (cron) reach every part of it in time.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._after: int | None = None
        self._rest_until = 0.0

    def step(self) -> None:
        """Do one step, unless the whole ledger was read within the last day."""
        if self._now() < self._rest_until:
            return
        after = _anywhere() if self._after is None else self._after
        self._after, _ = step(after=after)
        if not self._after:
            self._rest_until = self._now() + BETWEEN_ROUNDS


def _anywhere() -> int:
    ends = Delivery.objects.aggregate(first=Min("pk"), last=Max("pk"))
    before, last = (ends["first"] or 1) - 1, ends["last"] or 0
    return before + random.randrange(last - before + 1) // STEP * STEP  # noqa: S311  (spreads work, guards nothing)


def everything(report: Callable[[Counter[str]], None] = lambda done: None) -> Counter[str]:
    """Do all steps at once, calling `report` after each; return how many rows of each sort were deleted."""
    done: Counter[str] = Counter()
    after = 0
    while True:
        after, more = step(after=after)
        done += more
        report(done)
        if not after:
            return done


def step(*, after: int) -> tuple[int, Counter[str]]:
    """Do the upkeep of the next rows above a primary key; return the last key (0 at the end) and counts."""
    now = clock.now()
    done: Counter[str] = Counter()
    above = Delivery.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
    last = next(iter(above[STEP - 1 : STEP]), None)
    rows = Delivery.objects.filter(pk__gt=after)
    if last is not None:
        rows = rows.filter(pk__lte=last)
    long_ago = now - timedelta(days=conf.settings().keep_delivered_days)
    with polite_writes.writes():
        done["answers"] = _forget_answers(rows, long_ago)
        for name, model in SHARED_MODELS.items():
            there = model._default_manager.filter(pk=OuterRef("datum_pk"))
            # Check and change in one statement: rows that were linked to a datum or leased meanwhile stay.
            gone = rows.filter(~Exists(there), model=name, state__in=_SETTLED)
            done["rows"] += versions.delete(_useless(gone, long_ago))
            versions.update(gone.filter(datum_pk__gt=0), datum_pk=Value(0) - F("pk"))
        kept_days = conf.settings().keep_attempts_days
        done["attempts"] = _forget(Attempt, "started", kept_days)
        # Once they are not to be kept, those from before go, too.
        done["calls"] = _forget(Call, "started", kept_days if conf.settings().keep_exchanges else 0)
        done["activity"] = _forget(Activity, "time", conf.settings().keep_activity_days)
    if last is not None or STEP in (done["attempts"], done["calls"], done["activity"]):
        return last or max(after, 1), done
    done["outboxes"] = _forget_outboxes(long_ago)
    done["received"] = observer_keys.forget_gone(long_ago)
    done["reports"] = moved_reports.forget(long_ago)
    Worker.objects.filter(seen__lt=now - timedelta(days=1)).delete()
    return 0, done


def _forget_answers(rows: QuerySet[Delivery], then: datetime) -> int:
    delivered = rows.filter(state=State.DELIVERED, delivered_at__lt=then)
    attempts = Attempt.objects.filter(delivery_id__in=delivered.values("pk"))
    calls = set(attempts.exclude(call=None).values_list("call_id", flat=True))
    attempts.delete()
    if calls:
        others = Attempt.objects.filter(started=OuterRef("started"), call_id=OuterRef("pk"))
        Call.objects.filter(~Exists(others), pk__in=calls).delete()
    return transitions.apply(delivered.exclude(reason="", field=""), FORGET_ANSWER)


def _forget(model: type[Attempt | Call | Activity], column: str, days: float) -> int:
    """Delete a step of the rows whose time, in this column, is longer ago; return how many."""
    then = clock.now() - timedelta(days=days)
    old = model._default_manager.filter(**{f"{column}__lt": then}).order_by(column)
    return model._default_manager.filter(pk__in=old.values_list("pk", flat=True)[:STEP]).delete()[0]


def _useless(gone: QuerySet[Delivery], then: datetime) -> QuerySet[Delivery]:
    """Return the rows of deleted data that no later event can need.

    As long as the target exists, the datum may be made again, and must be recognised as delivered.
    """
    long_gone = (
        Q(created__lt=then)
        & (Q(sent_at__isnull=True) | Q(sent_at__lt=then))
        & (Q(delivered_at__isnull=True) | Q(delivered_at__lt=then))
    )
    without_target = ~Exists(BaseTarget.objects.filter(pk=OuterRef("outbox__target_id")))
    never_sent = Q(state=State.CANCELLED, delivered_at__isnull=True)
    return gone.filter(long_gone).filter(Q(without_target) | never_sent)


def _forget_outboxes(then: datetime) -> int:
    """Delete empty outboxes of deleted targets; return how many."""
    rows = Delivery.objects.filter(outbox=OuterRef("pk"))
    there = BaseTarget.objects.filter(pk=OuterRef("target_id"))
    empty = Outbox.objects.filter(~Exists(rows), ~Exists(there), share_id=None, lease="", created__lt=then)
    # Keep outboxes from which records were sent that moved since then: a look-up needs their target names.
    moved = Delivery.objects.filter(sent_from__isnull=False).exclude(sent_from=F("outbox"))
    empty = empty.exclude(pk__in=moved.values("sent_from"))
    pks = list(empty.values_list("pk", flat=True)[:STEP])
    OneTimeShare.objects.filter(outbox__in=pks).delete()
    LedgerVersion.objects.filter(outbox__in=pks).delete()
    return Outbox.objects.filter(pk__in=pks).delete()[0]
