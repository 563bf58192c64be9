"""Sites that send data to this TOM, and what they call their targets."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0006_turns"),
    ]

    operations = [
        migrations.CreateModel(
            name="Peer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(help_text="UUID of the site.", max_length=64, unique=True)),
                (
                    "name",
                    models.CharField(blank=True, help_text="As it first called itself.", max_length=200),
                ),
                (
                    "user_id",
                    models.BigIntegerField(help_text="The account that may use its origin."),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="TargetKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(help_text="UUID of the site.", max_length=64)),
                ("key", models.CharField(help_text="The target at that site.", max_length=64)),
                ("target_id", models.BigIntegerField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("origin", "key"), name="sharecore_target_key")
                ],
            },
        ),
    ]
