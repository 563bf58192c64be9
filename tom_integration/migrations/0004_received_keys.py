"""A table for the keys of data that other sites give to this TOM."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tom_integration", "0003_faster_ledger"),
    ]

    operations = [
        migrations.CreateModel(
            name="Received",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("origin", models.CharField(help_text="UUID of the site that observed it.", max_length=64)),
                ("kind", models.CharField(max_length=20)),
                ("record_id", models.CharField(help_text="The record within that site.", max_length=64)),
                ("target_id", models.BigIntegerField()),
                ("brought_by", models.CharField(help_text="UUID of the site that sent it.", max_length=64)),
                (
                    "fingerprint",
                    models.CharField(help_text="Digest of the content last sent.", max_length=64),
                ),
                ("model", models.CharField(help_text="The datum's model.", max_length=40)),
                (
                    "datum_pk",
                    models.BigIntegerField(help_text="Where the datum is now; data move and are made again."),
                ),
                (
                    "identity",
                    models.CharField(help_text="Digest of what makes the datum unique.", max_length=64),
                ),
                (
                    "content",
                    models.CharField(
                        blank=True,
                        help_text="Digest of the datum as it was stored; empty when it was here before.",
                        max_length=64,
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name_plural": "received",
                "indexes": [
                    models.Index(fields=["model", "datum_pk"], name="sharecore_received_pointer"),
                    models.Index(fields=["identity"], name="sharecore_received_content"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("record_id", "target_id", "origin", "kind"), name="sharecore_received_key"
                    )
                ],
            },
        ),
    ]
