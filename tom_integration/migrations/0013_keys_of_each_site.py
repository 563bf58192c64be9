"""Each site has keys of its own: what another one brought under a key may be hidden from it."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import Exists, OuterRef

KEY = ("record_id", "target_id", "origin", "kind")


def first_only(apps: Any, schema_editor: Any) -> None:
    """Keep the first row of each key."""
    rows = apps.get_model("tom_integration", "Received")._default_manager.using(
        schema_editor.connection.alias
    )
    earlier = rows.filter(pk__lt=OuterRef("pk"), **{name: OuterRef(name) for name in KEY})
    rows.filter(Exists(earlier)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0012_names"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="received", name="sharecore_received_key"),
        migrations.RunPython(migrations.RunPython.noop, first_only),
        migrations.AddConstraint(
            model_name="received",
            constraint=models.UniqueConstraint(fields=(*KEY, "brought_by"), name="sharecore_received_key"),
        ),
    ]
