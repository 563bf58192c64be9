"""What is due is the difference between the data of a target and the ledger.

INSERT ... SELECT writes a ledger row for each datum that has none. It needs no hint, no order of primary keys
and no time of modification, so data that were loaded in bulk, committed late or arrived while nothing was
running are found like all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import connections, models, router
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.lookups import IsNull

from sharecore.delivery import State
from tom_integration import clock
from tom_integration.mapping.data_files import SHARED_MODELS, time_column
from tom_integration.mapping.row_to_record import DATUM_MODELS
from tom_integration.models import Delivery, Outbox, ScanPosition

PORTION = 1000
"""Ledger rows that one statement writes: on SQLite nobody else can save until it is done."""


def missing(model: type[models.Model], *, destination: str, target_id: int) -> QuerySet[Any]:
    """The data of a target that the ledger of an address does not know."""
    return _unknown(model, destination).filter(target_id=target_id)


def _unknown(model: type[models.Model], destination: str) -> QuerySet[Any]:
    name = model._meta.model_name
    known = Delivery.objects.filter(model=name, datum_pk=OuterRef("pk"), destination=destination)
    return model._default_manager.filter(absent(known))


def absent(known: QuerySet[Delivery]) -> IsNull:
    """No such row in the ledger, looked up by its index for each datum.

    As NOT EXISTS it would be a join to PostgreSQL, which compares each row with each other one as long as it
    has no statistics of a ledger that has just grown.
    """
    return IsNull(Subquery(known.values("pk")[:1]), True)


def register(
    outbox: Outbox,
    state: State,
    *,
    next_at: datetime | None = None,
    selection: Mapping[str, Q] | None = None,
    **columns: Any,
) -> int:
    """Write a ledger row in this state for each datum of the outbox's target that has none; how many.

    selection: a condition for each model whose data are meant; all data when None. columns: further columns
    of the rows.
    """
    columns = {"destination": outbox.destination, "state": state.value, "next_at": next_at, **columns}
    conditions = {name: Q() for name in DATUM_MODELS} if selection is None else selection
    return sum(
        _register(
            missing(SHARED_MODELS[name], destination=outbox.destination, target_id=outbox.target_id).filter(
                condition
            ),
            {"model": name, **columns},
        )
        for name, condition in conditions.items()
    )


def register_before(destination: str, targets: Iterable[int]) -> None:
    """The same for many targets at one address: all of their data were there before.

    At once: in portions, each would look through the data of all of these targets.
    """
    columns = {"destination": destination, "state": State.BASELINE.value}
    for name, model in DATUM_MODELS.items():
        rows = _unknown(model, destination).filter(target_id__in=list(targets))
        _insert(rows, {"model": name, **columns})


def _register(rows: QuerySet[Any], columns: dict[str, Any]) -> int:
    return sum(_insert(portion, columns) for portion in _portions(rows))


def _portions(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    """The rows in the order of their primary keys, up to `PORTION` at a time; nothing where there are none.

    They are looked for by reading: an INSERT of nothing is a write all the same.
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


def _insert(rows: QuerySet[Any], constants: dict[str, Any]) -> int:
    """INSERT ... SELECT of ledger rows; columns that are not named get the default of their field."""
    constants = {"created": clock.now(), **constants}
    timestamp = F(time_column(constants["model"]))
    selected: dict[str, Any] = {"target_id": F("target_id"), "datum_pk": F("pk"), "timestamp": timestamp}
    for field in Delivery._meta.concrete_fields:
        if field.primary_key or field.attname in selected:
            continue
        value = constants[field.attname] if field.attname in constants else field.get_default()
        selected[field.attname] = Value(value, output_field=_untouched(field))
    names = {attname: f"ledger_{attname}" for attname in selected}
    query = rows.order_by().annotate(**{names[attname]: each for attname, each in selected.items()})
    using = router.db_for_write(Delivery)
    sql, params = query.values_list(*names.values()).query.get_compiler(using=using).as_sql()
    connection = connections[using]
    quote = connection.ops.quote_name
    columns = ", ".join(map(quote, selected))  # of plain fields: column and attribute have one name
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(Delivery._meta.db_table)} ({columns}) {sql} ON CONFLICT DO NOTHING",
            params,
        )
        return max(int(cursor.rowcount), 0)


def _untouched(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """The type of a field without what happens on saving, so that a constant stays as given."""
    kind = models.DateTimeField if isinstance(field, models.DateTimeField) else type(field)
    return kind(max_length=field.max_length)


def behind(spans: Mapping[str, tuple[int, int]]) -> list[int]:
    """Ids of the continuous shares' outboxes of targets with data that the ledger of a share does not know.

    spans: by model, look at the data above the first primary key, and up to the second one. One query for
    each model, and what it costs is what is in its span.
    """
    lasting = Q(until__isnull=True) | Q(until__gt=clock.now())
    shared = Outbox.objects.filter(lasting, share_id__isnull=False, paused="")
    targets: set[int] = set()
    for name, (above, last) in spans.items():
        known = Delivery.objects.filter(
            model=name, datum_pk=OuterRef(OuterRef("pk")), destination=OuterRef("destination")
        )
        lacking = shared.filter(target_id=OuterRef("target_id")).filter(absent(known))
        rows = DATUM_MODELS[name]._default_manager.order_by().filter(pk__gt=above, pk__lte=last)
        targets.update(rows.filter(Exists(lacking)).values_list("target_id", flat=True).distinct())
    return sorted(shared.filter(target_id__in=targets).values_list("pk", flat=True)) if targets else []


def unseen() -> bool:
    """Is there something new that no scan has looked at, among the latest data? Costs little."""
    spans: dict[str, tuple[int, int]] = {}
    for position in ScanPosition.objects.filter(model__in=DATUM_MODELS):
        rows = DATUM_MODELS[position.model]._default_manager
        newest = rows.aggregate(highest=Max("pk"))["highest"] or 0
        if newest > position.newest:
            spans[position.model] = (max(position.newest, newest - PORTION), newest)
    return bool(behind(spans))
