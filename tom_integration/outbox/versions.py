"""Change deliveries, and with them the version of their outboxes: what was counted before is out of date.

A version is random: none comes again, not after a backup was restored either. So whoever has read a version
may keep what the deliveries say from then on, for as long as the outbox has this version.

The version is written first. On PostgreSQL its row is locked until the transaction ends, and nobody else
changes a delivery of the outbox meanwhile. To wait for each other in a circle is not possible, if each
transaction writes an outbox before its version, its version before its deliveries, and versions in the order
of primary keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router, transaction
from django.db.models import QuerySet, Value

from tom_integration.models import Delivery, LedgerVersion, Outbox

_BITS = 63


def of(outboxes: Iterable[Outbox]) -> dict[int, int]:
    """Return the versions of outboxes by primary key, without those that no delivery was written to yet."""
    rows = LedgerVersion.objects.filter(outbox__in=[each.pk for each in outboxes])
    return dict(rows.values_list("outbox_id", "version"))


def update(rows: QuerySet[Delivery], **values: Any) -> int:
    """Update these deliveries; return how many."""
    with transaction.atomic():
        changing = _locked(rows)
        return 0 if changing is None else changing.update(**values)


def delete(rows: QuerySet[Delivery]) -> int:
    """Delete these deliveries; return how many."""
    with transaction.atomic():
        going = _locked(rows)
        return 0 if going is None else going.delete()[0]


def renew(outboxes: Iterable[int]) -> None:
    """Write new versions, in a transaction that goes on to write deliveries of these outboxes.

    Args:
        outboxes: the primary keys of the outboxes.
    """
    version = secrets.randbits(_BITS)
    LedgerVersion.objects.bulk_create(
        [LedgerVersion(outbox_id=pk, version=version) for pk in sorted(set(outboxes))],
        update_conflicts=True,
        unique_fields=["outbox"],
        update_fields=["version"],
    )


def renew_of(rows: QuerySet[Delivery]) -> list[int]:
    """Do the same for the outboxes of these deliveries, by one statement; return their primary keys."""
    return _renew_of(rows, secrets.randbits(_BITS))


def _locked(rows: QuerySet[Delivery]) -> QuerySet[Delivery] | None:
    """Write new versions for the outboxes of deliveries, and return those in these outboxes.

    Another process may have moved a delivery since its outbox was read.
    """
    version = secrets.randbits(_BITS)
    pks = _renew_of(rows, version)
    if not pks:
        return None
    if len(pks) == 1:
        return rows.filter(outbox=pks[0])
    return rows.filter(outbox__in=LedgerVersion.objects.filter(version=version).values("outbox"))


def _renew_of(rows: QuerySet[Delivery], version: int) -> list[int]:
    using = router.db_for_write(Delivery)
    constant = Value(version, output_field=models.BigIntegerField())
    chosen = rows.order_by("outbox_id").annotate(version=constant).values_list("outbox_id", "version")
    try:
        sql, params = chosen.distinct().query.get_compiler(using=using).as_sql()
    except EmptyResultSet:
        return []
    quote = connections[using].ops.quote_name
    outbox, column = quote("outbox_id"), quote("version")
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(LedgerVersion._meta.db_table)} ({outbox}, {column}) {sql} "
            f"ON CONFLICT ({outbox}) DO UPDATE SET {column} = excluded.{column} RETURNING {outbox}",
            params,
        )
        return [pk for (pk,) in cursor.fetchall()]
