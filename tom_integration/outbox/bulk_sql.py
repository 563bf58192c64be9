"""Write many rows of the ledger by one statement, each with values of its own.

The ORM has `bulk_update` and `bulk_create` for this. For 1,000 rows on SQLite they take 70 and 8 times the
CPU: 0.77 s and 0.04 s, against 0.011 s and 0.005 s here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from django.db import connections, router
from django.db.models import Model

from tom_integration.models import Delivery
from tom_integration.portions import portions

_AT_ONCE = 500
"""Rows of one statement, since SQLite takes 32,766 values at the most."""


def update_each(
    rows: Iterable[Delivery],
    columns: Sequence[str],
    *,
    constants: Mapping[str, object] | None = None,
    expressions: Mapping[str, str] | None = None,
    only: Mapping[str, Sequence[object]],
) -> int:
    """Write columns of text, each row with its own values; return how many rows were written.

    Args:
        rows: the rows, with the values as attributes.
        columns: the names of the columns.
        constants: further columns, with one value for all rows.
        expressions: further columns, with one SQL expression for all rows.
        only: the values of columns that a row must have in the database to be written.
    """
    constants = constants or {}
    quote = connections[router.db_for_write(Delivery)].ops.quote_name
    table = quote(Delivery._meta.db_table)
    # Both databases name the columns of VALUES column1, column2, ...
    assignments = [f"{quote(name)} = mine.column{number}" for number, name in enumerate(columns, start=2)]
    assignments += [f"{quote(name)} = %s" for name in constants]
    assignments += [f"{quote(name)} = {sql}" for name, sql in (expressions or {}).items()]
    where = [f"{table}.{quote('id')} = mine.column1"]
    # The join implies this range, but PostgreSQL without statistics would read the whole ledger for it.
    where += [f"{table}.{quote('id')} BETWEEN %s AND %s"]
    where += [f"{table}.{quote(name)} IN ({_marks(any_of)})" for name, any_of in only.items()]
    same = _prepared(Delivery, constants)
    asked = [str(value) for any_of in only.values() for value in any_of]
    values = [
        (row.pk, *(getattr(row, name) for name in columns)) for row in sorted(rows, key=attrgetter("pk"))
    ]
    return sum(
        _execute(
            Delivery,
            f"UPDATE {table} SET {', '.join(assignments)} "  # noqa: S608 - our own names
            f"FROM (VALUES {_rows(some)}) AS mine WHERE {' AND '.join(where)}",
            [*same, *(value for row in some for value in row), some[0][0], some[-1][0], *asked],
        )
        for some in portions(values, _AT_ONCE)
    )


def insert_many(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    constants: Mapping[str, object],
) -> int:
    """Insert rows of numbers and text.

    Args:
        model: the model of the rows.
        columns: the names of the columns.
        rows: the values of these columns, for each row.
        constants: further columns, with one value for all rows.
    """
    quote = connections[router.db_for_write(model)].ops.quote_name
    names = ", ".join(map(quote, (*columns, *constants)))
    same = _prepared(model, constants)
    return sum(
        _execute(
            model,
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES {_rows(some)}",  # noqa: S608
            [value for row in some for value in row],
        )
        for some in portions([(*row, *same) for row in rows], _AT_ONCE)
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _rows(values: Sequence[Sequence[object]]) -> str:
    return ", ".join([f"({_marks(values[0])})"] * len(values))


def _prepared(model: type[Model], values: Mapping[str, object]) -> list[Any]:
    """Return the values as the database takes them."""
    connection = connections[router.db_for_write(model)]
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]


def _execute(model: type[Model], sql: str, values: Sequence[Any]) -> int:
    with connections[router.db_for_write(model)].cursor() as cursor:
        cursor.execute(sql, values)
        return max(int(cursor.rowcount), 0)
