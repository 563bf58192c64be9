"""What an adapter says of how data go to a destination is kept, for the page of destinations."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0004_received_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="destinationhealth",
            name="about",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="How data go there now, as its adapter says.",
                max_length=500,
            ),
        ),
    ]
