"""Many rows of the ledger at once, each with values of its own.

For this the ORM has `bulk_update` and `bulk_create`, which take many times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Model

from tom_integration.models import Delivery


def update_each(
    rows: Iterable[Delivery],
    columns: Sequence[str],
    *,
    constants: Mapping[str, object] | None = None,
    expressions: Mapping[str, str] | None = None,
    only: Mapping[str, Sequence[str]] | None = None,
) -> int:
    """Write these columns, which hold text, as each row has them; how many rows.

    constants, expressions: further columns, with one value, or SQL, for all rows. only: rows whose columns
    have one of these values there.
    """
    constants, conditions = constants or {}, only or {}
    quote = connections[router.db_for_write(Delivery)].ops.quote_name
    assignments = [f"{quote(name)} = %s" for name in (*columns, *constants)]
    assignments += [f"{quote(name)} = {sql}" for name, sql in (expressions or {}).items()]
    where = [f"{quote('id')} = %s"]
    where += [f"{quote(name)} IN ({', '.join(['%s'] * len(any_of))})" for name, any_of in conditions.items()]
    same = _prepared(Delivery, constants)
    asked = [str(value) for any_of in conditions.values() for value in any_of]
    return _execute(
        Delivery,
        f"UPDATE {quote(Delivery._meta.db_table)} SET {', '.join(assignments)} "  # noqa: S608 - our own names
        f"WHERE {' AND '.join(where)}",
        [(*(getattr(row, name) for name in columns), *same, row.pk, *asked) for row in rows],
    )


def insert_many(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    constants: Mapping[str, object],
) -> int:
    """Insert rows with these values of these columns, numbers and text; constants: the same in all rows."""
    quote = connections[router.db_for_write(model)].ops.quote_name
    names = (*columns, *constants)
    same = _prepared(model, constants)
    return _execute(
        model,
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(map(quote, names))}) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * len(names))})",
        [(*row, *same) for row in rows],
    )


def _prepared(model: type[Model], values: Mapping[str, object]) -> list[Any]:
    """The values as the database takes them."""
    connection = connections[router.db_for_write(model)]
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]


def _execute(model: type[Model], sql: str, values: Sequence[Sequence[Any]]) -> int:
    if not values:
        return 0
    using = router.db_for_write(model)
    # One transaction: else each row is one of its own, and on SQLite each waits for the disk.
    with transaction.atomic(using, savepoint=False), connections[using].cursor() as cursor:
        cursor.executemany(sql, values)
        return max(int(cursor.rowcount), 0)
