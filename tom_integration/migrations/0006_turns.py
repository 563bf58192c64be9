"""A worker may have a destination for itself: see `tom_integration.sending.turns`."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0005_how_data_go"),
    ]

    operations = [
        migrations.AddField(
            model_name="destinationhealth",
            name="alone_until",
            field=models.DateTimeField(help_text="Until when one worker has it for itself.", null=True),
        ),
    ]
