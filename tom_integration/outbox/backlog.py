"""Find the backlog: data of a target that the ledger lacks.

INSERT ... SELECT writes a ledger row for each datum that has none. It needs no hint, no order of primary keys
and no time of modification, so it finds data that were loaded in bulk, committed late or saved while nothing
was running like all other data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.lookups import IsNull

from sharecore.addresses import Address
from sharecore.delivery import DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.shareable_rows import SHARED_MODELS, time_column
from tom_integration.models import Delivery, Outbox, ScanPosition
from tom_integration.outbox import transitions, versions
from tom_integration.outbox.limits import groups

PORTION = 1000
"""Ledger rows that one statement writes: on SQLite nobody else can save during it."""


def missing(model: type[models.Model], address: Address, target_id: int) -> QuerySet[Any]:
    """Return the data of a target that the ledger of an address lacks."""
    return _unknown(model, address).filter(target_id=target_id)


def _unknown(model: type[models.Model], address: Address) -> QuerySet[Any]:
    known = Delivery.objects.at(address).filter(model=model._meta.model_name, datum_pk=OuterRef("pk"))
    return model._default_manager.filter(absent(known))


def absent(known: QuerySet[Delivery]) -> IsNull:
    """Return a condition that the ledger has no such row, asked of its index for each datum.

    PostgreSQL makes a join of NOT EXISTS. Without statistics of a ledger that has just grown, it compares
    each row with each other one: a first backlog of 20,000 data took minutes.
    """
    return IsNull(Subquery(known.values("pk")[:1]), True)


def register(outbox: Outbox, state: DeliveryState, *, selection: Mapping[str, Q], **others: Any) -> int:
    """Write a ledger row for each datum of the outbox's target that has none; return how many.

    Args:
        outbox: the outbox of the rows.
        state: the state of the rows.
        selection: a condition for each model whose data are meant.
        **others: further columns of the rows.
    """
    columns = {"outbox_id": outbox.pk, **transitions.columns(state), **others}
    number = 0
    for name, condition in selection.items():
        rows = missing(SHARED_MODELS[name], outbox.address, outbox.target_id).filter(condition)
        for some in _portions(rows):
            with transaction.atomic():
                versions.renew([outbox.pk])
                number += _insert(some, name, outbox.address, columns)
    return number


def register_before(address: Address, targets: Iterable[int], selection: Mapping[str, Q]) -> None:
    """Write a `baseline` row for each selected datum of many targets that the ledger of an address lacks.

    Call it in a transaction. Use one statement for each model: each portion would look through the data of
    all of these targets.
    """
    outboxes = Outbox.objects.at(address).filter(target_id=OuterRef("target_id"))
    before = transitions.columns(DeliveryState(state=State.BASELINE))
    columns = {"outbox_id": Subquery(outboxes.values("pk")[:1]), **before}
    targets = list(targets)
    pks = Outbox.objects.at(address).filter(target_id__in=targets).values_list("pk", flat=True)
    versions.renew(pks)
    for name, condition in selection.items():
        rows = _unknown(SHARED_MODELS[name], address).filter(condition, target_id__in=targets)
        _insert(rows, name, address, columns)


def _portions(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    """Yield the rows in the order of their primary keys, up to `PORTION` at a time.

    Read before each INSERT, since an INSERT of no rows locks SQLite for writing all the same.
    """
    after: int | None = None
    while True:
        left = rows if after is None else rows.filter(pk__gt=after)
        pks = list(left.order_by("pk").values_list("pk", flat=True)[:PORTION])
        if not pks:
            return
        yield rows.filter(pk__range=(pks[0], pks[-1]))
        if len(pks) < PORTION:
            return
        after = pks[-1]


def _insert(rows: QuerySet[Any], model: str, address: Address, columns: Mapping[str, Any]) -> int:
    """Insert ledger rows by INSERT ... SELECT; give other columns the default of their field."""
    selected: dict[str, Any] = {"datum_pk": F("pk"), "timestamp": F(time_column(model))}
    given = {
        "model": model, "destination": address.name, "topic": address.topic, "created": clock.now(), **columns
    }  # fmt: skip
    for field in Delivery._meta.concrete_fields:
        if field.primary_key or field.attname in selected:
            continue
        value = given[field.attname] if field.attname in given else field.get_default()
        constant = not isinstance(value, Subquery)
        selected[field.attname] = Value(value, output_field=_untouched(field)) if constant else value
    names = {attname: f"ledger_{attname}" for attname in selected}
    query = rows.order_by().annotate(**{names[attname]: each for attname, each in selected.items()})
    using = router.db_for_write(Delivery)
    try:
        sql, params = query.values_list(*names.values()).query.get_compiler(using=using).as_sql()
    except EmptyResultSet:
        return 0  # A filter by kind lets through no row of this model.
    connection = connections[using]
    quote = connection.ops.quote_name
    into = ", ".join(map(quote, selected))  # The columns of the ledger have the names of its attributes.
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(Delivery._meta.db_table)} ({into}) {sql} ON CONFLICT DO NOTHING",
            params,
        )
        return max(int(cursor.rowcount), 0)


def _untouched(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """Return a field of the same type that changes no value on saving (auto_now, foreign keys)."""
    if isinstance(field, models.ForeignKey):
        return models.BigIntegerField()
    kind = models.DateTimeField if isinstance(field, models.DateTimeField) else type(field)
    return kind(max_length=field.max_length)


def behind(spans: Mapping[str, tuple[int, int]]) -> list[int]:
    """Return the ids of the outboxes of continuous shares whose targets have a backlog.

    Each model takes one query, with a cost in proportion to its span.

    Args:
        spans: by model, look at the data above the first primary key, up to the second one.
    """
    found: set[int] = set()
    for shared, selection in groups(taking_up(Outbox.objects.all())):
        targets: set[int] = set()
        for name, (above, last) in spans.items():
            known = Delivery.objects.filter(
                model=name,
                datum_pk=OuterRef(OuterRef("pk")),
                destination=OuterRef("destination"),
                topic=OuterRef("topic"),
            )
            lacking = shared.filter(target_id=OuterRef("target_id")).filter(absent(known))
            rows = DATUM_MODELS[name]._default_manager.order_by().filter(pk__gt=above, pk__lte=last)
            behind_ones = rows.filter(selection[name]).filter(Exists(lacking))
            targets.update(behind_ones.values_list("target_id", flat=True).distinct())
        if targets:
            found.update(shared.filter(target_id__in=targets).values_list("pk", flat=True))
    return sorted(found)


def taking_up(outboxes: QuerySet[Outbox]) -> QuerySet[Outbox]:
    """Return the outboxes whose continuous shares take up new data, as `Outbox.takes_up` says of one."""
    now = clock.now()
    lasting = Q(until__isnull=True) | Q(until__gt=now)
    rule_lasts = Q(rule__paused="") & (Q(rule__until__isnull=True) | Q(rule__until__gt=now))
    ruled = Q(rule__isnull=True) | rule_lasts
    return outboxes.filter(lasting, ruled, share_id__isnull=False, paused="")


def unseen() -> bool:
    """Return True when the latest data have a backlog that no scan has looked at, by a cheap query."""
    spans: dict[str, tuple[int, int]] = {}
    for position in ScanPosition.objects.filter(model__in=DATUM_MODELS):
        rows = DATUM_MODELS[position.model]._default_manager
        newest = rows.aggregate(highest=Max("pk"))["highest"] or 0
        if newest > position.newest:
            spans[position.model] = (max(position.newest, newest - PORTION), newest)
    return bool(behind(spans))
