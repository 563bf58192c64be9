"""Give this TOM its identity, and attach the existing shares, which act from now on.

They act as the site, as they did, and the data from before are `baseline`, since nobody asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

from sharecore.addresses import Address

DATUM_MODELS = (
    "ReducedDatum",
    "PhotometryReducedDatum",
    "SpectroscopyReducedDatum",
    "AstrometryReducedDatum",
)
CHUNK = 2000


def forwards(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write the identity, an outbox for each share, and a `baseline` row for each datum of its target."""
    apps.get_model("sharecore", "Origin").objects.create()
    outbox = apps.get_model("sharecore", "Outbox")
    delivery = apps.get_model("sharecore", "Delivery")
    for share in apps.get_model("tom_targets", "PersistentShare").objects.all():
        address = Address.parse(share.destination)
        opened = outbox.objects.create(
            destination=address.name,
            topic=address.topic,
            target_id=share.target_id,
            share_id=share.pk,
            look_now=True,
        )
        rows = _baseline(apps, delivery, opened)
        while chunk := list(islice(rows, CHUNK)):
            delivery.objects.bulk_create(chunk)


def _baseline(apps: Any, delivery: Any, outbox: Any) -> Iterator[Any]:
    for name in DATUM_MODELS:
        data = apps.get_model("tom_dataproducts", name).objects.filter(target_id=outbox.target_id)
        for pk, timestamp in data.values_list("pk", "timestamp").iterator(chunk_size=CHUNK):
            yield delivery(
                outbox=outbox,
                destination=outbox.destination,
                topic=outbox.topic,
                model=name.lower(),
                datum_pk=pk,
                timestamp=timestamp,
                state="baseline",
                created=timezone.now(),
            )


class Migration(migrations.Migration):
    """Change data only; the way back has nothing to undo."""

    dependencies = [
        ("sharecore", "0001_initial"),
        ("tom_targets", "0022_persistentshare"),
        ("tom_dataproducts", "0016_reduceddatum_instrument_reduceddatum_telescope_and_more"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
