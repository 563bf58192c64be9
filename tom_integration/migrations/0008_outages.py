"""An outage has a beginning, and a destination may answer and yet take nothing: see `sharecore.health`."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0007_peers"),
    ]

    operations = [
        migrations.AddField(
            model_name="destinationhealth",
            name="down_since",
            field=models.DateTimeField(help_text="When the first of these failures was.", null=True),
        ),
        migrations.AddField(
            model_name="destinationhealth",
            name="refusals",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Calls in a row that it could not take although it had just answered.",
            ),
        ),
    ]
