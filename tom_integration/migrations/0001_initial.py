"""The tables of the app."""

from __future__ import annotations

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Origin",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
        ),
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
                ("user_id", models.BigIntegerField(help_text="The account that may use its origin.")),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="ScanPosition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model", models.CharField(help_text="The model of the data.", max_length=40, unique=True)),
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
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("runner", models.CharField(max_length=20)),
                ("seen", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DestinationHealth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                (
                    "topic",
                    models.CharField(
                        help_text="Of this topic alone (if empty, of none); of all of it if null.",
                        max_length=200,
                        null=True,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                (
                    "down_since",
                    models.DateTimeField(help_text="When the first of these failures was.", null=True),
                ),
                ("open_until", models.DateTimeField(null=True)),
                (
                    "refusals",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Calls in a row that it could not take although it had just answered.",
                    ),
                ),
                ("paused", models.CharField(blank=True, max_length=500)),
                ("credentials", models.CharField(blank=True, max_length=64)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                ("last_error_at", models.DateTimeField(null=True)),
                ("last_success_at", models.DateTimeField(null=True)),
                (
                    "about",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="How data go there now, as its adapter says.",
                        max_length=500,
                    ),
                ),
                (
                    "exclusive_until",
                    models.DateTimeField(help_text="Until when one worker has it for itself.", null=True),
                ),
                (
                    "topics",
                    models.JSONField(
                        blank=True, default=list, help_text="Topics that it offers us, with notes."
                    ),
                ),
                ("topics_at", models.DateTimeField(help_text="When it was asked for its topics.", null=True)),
            ],
            options={
                "verbose_name_plural": "destination health",
                "constraints": [
                    models.UniqueConstraint(fields=("destination", "topic"), name="sharecore_health_part"),
                    models.UniqueConstraint(
                        condition=models.Q(("topic", None)),
                        fields=("destination",),
                        name="sharecore_health_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InboxRecord",
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
                ("relayed_by", models.CharField(help_text="UUID of the site that sent it.", max_length=64)),
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
                    models.Index(fields=["model", "datum_pk"], name="sharecore_inbox_pointer"),
                    models.Index(fields=["identity"], name="sharecore_inbox_content"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("record_id", "target_id", "origin", "kind", "relayed_by"),
                        name="sharecore_inbox_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Outbox",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("topic", models.CharField(blank=True, max_length=200)),
                ("target_id", models.BigIntegerField()),
                (
                    "share_id",
                    models.BigIntegerField(
                        help_text="The continuous share, if there is one.", null=True, unique=True
                    ),
                ),
                (
                    "creator_id",
                    models.BigIntegerField(help_text="The user with whose rights it acts.", null=True),
                ),
                (
                    "kinds",
                    models.JSONField(
                        blank=True, default=list, help_text="The kinds of record it sends; all if empty."
                    ),
                ),
                (
                    "until",
                    models.DateTimeField(blank=True, help_text="New data are shared until then.", null=True),
                ),
                ("paused", models.CharField(blank=True, help_text="Why nothing is sent.", max_length=500)),
                (
                    "problem",
                    models.CharField(blank=True, help_text="What is wrong at the moment.", max_length=500),
                ),
                (
                    "needs_person",
                    models.BooleanField(default=False, help_text="The problem does not end by itself."),
                ),
                (
                    "adapter_state",
                    models.JSONField(
                        blank=True, default=dict, help_text="What the adapter noted about the target."
                    ),
                ),
                (
                    "names",
                    models.JSONField(
                        blank=True,
                        help_text="The target's name and aliases when data were last sent.",
                        null=True,
                    ),
                ),
                (
                    "rules",
                    models.CharField(
                        blank=True, help_text="Digest of settings and plugins last time.", max_length=64
                    ),
                ),
                ("look_now", models.BooleanField(default=False, help_text="Look now.")),
                ("next_at", models.DateTimeField(help_text="Look then.", null=True)),
                ("lease", models.CharField(blank=True, max_length=64)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "scanned_at",
                    models.DateTimeField(help_text="When it was last compared with the data.", null=True),
                ),
                (
                    "rescanned_at",
                    models.DateTimeField(help_text="When content was last compared.", null=True),
                ),
                (
                    "rescanned_to",
                    models.BigIntegerField(
                        default=0, help_text="How far the comparison is; 0 when it is done."
                    ),
                ),
                ("delivered_at", models.DateTimeField(help_text="When something last arrived.", null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["target_id"], name="sharecore_outbox_target"),
                    models.Index(fields=["next_at"], name="sharecore_outbox_next"),
                    models.Index(fields=["scanned_at"], name="sharecore_outbox_swept"),
                    models.Index(
                        condition=models.Q(("look_now", True)),
                        fields=["look_now"],
                        name="sharecore_outbox_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("destination", "topic", "target_id"), name="sharecore_outbox_address"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OneTimeShare",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user_id",
                    models.BigIntegerField(help_text="With whose rights; the site's if empty.", null=True),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                ("message", models.TextField(blank=True)),
                (
                    "introduce",
                    models.BooleanField(default=False, help_text="Make the target known, even without data."),
                ),
                (
                    "lists",
                    models.JSONField(
                        blank=True, default=list, help_text="Target lists that it is to join there."
                    ),
                ),
                (
                    "problem",
                    models.CharField(blank=True, help_text="Why it could not be done.", max_length=500),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "outbox",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="one_time_shares",
                        to="sharecore.outbox",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("topic", models.CharField(blank=True, max_length=200)),
                ("model", models.CharField(help_text="The datum's model.", max_length=40)),
                (
                    "datum_pk",
                    models.BigIntegerField(help_text="Where the datum is now; data move and are made again."),
                ),
                ("timestamp", models.DateTimeField(help_text="The time of the datum.")),
                ("kind", models.CharField(blank=True, max_length=20)),
                (
                    "record_id",
                    models.CharField(
                        blank=True, help_text="The record's id, kept through edits.", max_length=64
                    ),
                ),
                (
                    "identity",
                    models.CharField(blank=True, help_text="Digest of what makes it unique.", max_length=64),
                ),
                (
                    "fingerprint",
                    models.CharField(blank=True, help_text="Digest of the content last sent.", max_length=64),
                ),
                (
                    "arrived",
                    models.CharField(
                        blank=True, help_text="Digest of the content that is there.", max_length=64
                    ),
                ),
                (
                    "revision",
                    models.PositiveIntegerField(
                        default=0, help_text="How often other content was delivered."
                    ),
                ),
                (
                    "named",
                    models.BooleanField(
                        default=False, help_text="Saved or named since: compare its content."
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("baseline", "baseline"),
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("delivered", "delivered"),
                            ("unconfirmed", "unconfirmed"),
                            ("needs_review", "needs_review"),
                            ("withheld", "withheld"),
                            ("unsupported", "unsupported"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=12,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("field", models.CharField(blank=True, max_length=100)),
                ("remote_id", models.CharField(blank=True, max_length=200)),
                ("lease", models.CharField(blank=True, max_length=64)),
                ("sent_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "one_time_share",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The one-time share that asked for it; none if a share did.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="sharecore.onetimeshare",
                    ),
                ),
                (
                    "outbox",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="sharecore.outbox",
                    ),
                ),
                (
                    "sent_from",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The outbox whose target it was sent as; null where it is not there.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sharecore.outbox",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
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
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started", models.DateTimeField()),
                ("finished", models.DateTimeField()),
                ("outcome", models.CharField(max_length=20)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("worker", models.CharField(max_length=100)),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="sharecore.delivery",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["started"], name="sharecore_attempt_started")],
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["outbox", "state", "next_at", "delivered_at"], name="sharecore_delivery_work"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    ("delivered_at__isnull", False),
                    models.Q(("arrived", models.F("fingerprint")), _negated=True),
                ),
                fields=["outbox", "state"],
                name="sharecore_delivery_outdated",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["outbox", "identity", "timestamp"], name="sharecore_delivery_content"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("record_id", models.F("identity")), _negated=True),
                fields=["outbox", "record_id"],
                name="sharecore_delivery_renamed",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("one_time_share_id__isnull", False)),
                fields=["one_time_share"],
                name="sharecore_delivery_request",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("named", True)), fields=["outbox"], name="sharecore_delivery_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("model", "datum_pk", "destination", "topic"), name="sharecore_delivery_pointer"
            ),
        ),
    ]
