"""Indexes that keep a long ledger as fast as a short one."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """What `Twins` looks for, and requests only where there is one."""

    dependencies = [("tom_integration", "0002_existing_shares")]

    operations = [
        migrations.RemoveIndex(model_name="delivery", name="sharecore_delivery_content"),
        migrations.RemoveIndex(model_name="delivery", name="sharecore_delivery_request"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["destination", "target_id", "identity", "timestamp"],
                name="sharecore_delivery_content",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["destination", "target_id", "record_id"],
                name="sharecore_delivery_renamed",
                condition=models.Q(("record_id", models.F("identity")), _negated=True),
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["request_id"],
                name="sharecore_delivery_request",
                condition=models.Q(("request_id__isnull", False)),
            ),
        ),
    ]
