"""What was sent is looked up under the names that its target had then, also when that target is gone."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0011_sent_to"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="names",
            field=models.JSONField(
                blank=True, help_text="The target's name and aliases when data were last sent.", null=True
            ),
        ),
    ]
