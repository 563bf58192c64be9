"""A datum that has moved to another target since it was sent is looked up where it was sent to."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0010_glances"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="sent_to",
            field=models.BigIntegerField(
                help_text="The target of the datum when it was last sent; none where it still is that.",
                null=True,
            ),
        ),
    ]
