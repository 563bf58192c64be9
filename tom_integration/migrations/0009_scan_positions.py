"""How far the scan for new data is outlives the worker: see `tom_integration.sending.sweep`."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0008_outages"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScanPosition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "model",
                    models.CharField(help_text="The model of the data.", max_length=40, unique=True),
                ),
                (
                    "newest",
                    models.BigIntegerField(default=0, help_text="The highest primary key at the last scan."),
                ),
                (
                    "compared_to",
                    models.BigIntegerField(default=0, help_text="How far all data are compared."),
                ),
            ],
        ),
    ]
