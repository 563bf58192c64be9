"""What is due is the difference between the data of a target and the ledger.

INSERT ... SELECT writes a ledger row for each datum that has none. It needs no hint, no order of primary keys
and no time of modification, so data that were loaded in bulk, committed late or arrived while nothing was
running are found like all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import connections, models, router
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.lookups import IsNull

from sharecore.addresses import Address
from sharecore.delivery import DeliveryState, State
from tom_integration import clock
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import SHARED_MODELS, time_column
from tom_integration.models import Delivery, Outbox, ScanPosition
from tom_integration.outbox import transitions

PORTION = 1000
"""Ledger rows that one statement writes: on SQLite nobody else can save until it is done."""


def missing(model: type[models.Model], address: Address, target_id: int) -> QuerySet[Any]:
    """The data of a target that the ledger of an address does not know."""
    return _unknown(model, address).filter(target_id=target_id)


def _unknown(model: type[models.Model], address: Address) -> QuerySet[Any]:
    known = Delivery.objects.at(address).filter(model=model._meta.model_name, datum_pk=OuterRef("pk"))
    return model._default_manager.filter(absent(known))


def absent(known: QuerySet[Delivery]) -> IsNull:
    """No such row in the ledger, looked up by its index for each datum.

    As NOT EXISTS it would be a join to PostgreSQL, which compares each row with each other one as long as it
    has no statistics of a ledger that has just grown.
    """
    return IsNull(Subquery(known.values("pk")[:1]), True)


def register(
    outbox: Outbox, state: DeliveryState, *, selection: Mapping[str, Q] | None = None, **others: Any
) -> int:
    """Write a ledger row in this state for each datum of the outbox's target that has none; how many.

    selection: a condition for each model whose data are meant; all data when None. others: further columns
    of the rows.
    """
    columns = {"outbox_id": outbox.pk, **transitions.columns(state), **others}
    conditions = {name: Q() for name in DATUM_MODELS} if selection is None else selection
    number = 0
    for name, condition in conditions.items():
        rows = missing(SHARED_MODELS[name], outbox.address, outbox.target_id).filter(condition)
        number += sum(_insert(some, name, outbox.address, columns) for some in _portions(rows))
    return number


def register_before(address: Address, targets: Iterable[int]) -> None:
    """The same for many targets at one address: all of their data were there before.

    At once: in portions, each would look through the data of all of these targets.
    """
    outboxes = Outbox.objects.at(address).filter(target_id=OuterRef("target_id"))
    before = transitions.columns(DeliveryState(state=State.BASELINE))
    columns = {"outbox_id": Subquery(outboxes.values("pk")[:1]), **before}
    for name, model in DATUM_MODELS.items():
        _insert(_unknown(model, address).filter(target_id__in=list(targets)), name, address, columns)


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


def _insert(rows: QuerySet[Any], model: str, address: Address, columns: Mapping[str, Any]) -> int:
    """INSERT ... SELECT of ledger rows; columns that are not named get the default of their field."""
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
    sql, params = query.values_list(*names.values()).query.get_compiler(using=using).as_sql()
    connection = connections[using]
    quote = connection.ops.quote_name
    into = ", ".join(map(quote, selected))  # columns have the names of attributes
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(Delivery._meta.db_table)} ({into}) {sql} ON CONFLICT DO NOTHING",
            params,
        )
        return max(int(cursor.rowcount), 0)


def _untouched(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """The type of a field without what happens on saving, so that a constant stays as given."""
    if isinstance(field, models.ForeignKey):
        return models.BigIntegerField()
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
            model=name,
            datum_pk=OuterRef(OuterRef("pk")),
            destination=OuterRef("destination"),
            topic=OuterRef("topic"),
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
