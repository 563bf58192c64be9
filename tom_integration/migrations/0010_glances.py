"""The state of a share, however long its ledger, is read from an index alone."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0009_scan_positions"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="delivery", name="sharecore_delivery_work"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["destination", "target_id", "state", "next_at", "delivered_at"],
                name="sharecore_delivery_work",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    ("delivered_at__isnull", False),
                    models.Q(("arrived", models.F("fingerprint")), _negated=True),
                ),
                fields=["destination", "target_id", "state"],
                name="sharecore_delivery_outdated",
            ),
        ),
    ]
