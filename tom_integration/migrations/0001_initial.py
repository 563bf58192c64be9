"""Make the tables of the app."""

from __future__ import annotations

import uuid

import django.db.models.deletion
import django.db.models.manager
import tom_common.encryption
from django.conf import settings
from django.db import migrations, models

import sharecore.delivery


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                (
                    "creator_id",
                    models.BigIntegerField(help_text="The user with whose rights the share acts.", null=True),
                ),
                (
                    "filter",
                    models.TextField(
                        blank=True, help_text="The filter as JSON; empty to let all data through."
                    ),
                ),
                (
                    "until",
                    models.DateTimeField(blank=True, help_text="New data are shared until then.", null=True),
                ),
                (
                    "release_days",
                    models.FloatField(default=0, help_text="Days from the time of a datum until it is sent."),
                ),
                (
                    "not_before",
                    models.DateTimeField(blank=True, help_text="No datum is sent before then.", null=True),
                ),
                ("paused", models.CharField(blank=True, help_text="The reason of a pause.", max_length=500)),
                ("target_id", models.BigIntegerField()),
                (
                    "share_id",
                    models.BigIntegerField(
                        help_text="The continuous share; null if there is none.", null=True, unique=True
                    ),
                ),
                (
                    "existing_to",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="The highest primary keys when a share with a filter was made.",
                    ),
                ),
                ("problem", models.CharField(blank=True, help_text="The present problem.", max_length=500)),
                (
                    "needs_person",
                    models.BooleanField(default=False, help_text="Only a person can end the problem."),
                ),
                (
                    "adapter_state",
                    models.JSONField(blank=True, default=dict, help_text="The adapter state of the target."),
                ),
                (
                    "target_name",
                    models.CharField(
                        blank=True, help_text="The name that the destination gave the target.", max_length=100
                    ),
                ),
                (
                    "names",
                    models.JSONField(
                        blank=True,
                        help_text="The name and aliases of the target at the last call.",
                        null=True,
                    ),
                ),
                (
                    "settings_digest",
                    models.CharField(
                        blank=True,
                        help_text="Digest of settings and plugins at the last look.",
                        max_length=64,
                    ),
                ),
                (
                    "replay",
                    models.TextField(
                        blank=True, help_text="The replays that are asked for, one JSON object a line."
                    ),
                ),
                ("look_now", models.BooleanField(default=False, help_text="The outbox has work.")),
                ("next_at", models.DateTimeField(help_text="The time of the next look.", null=True)),
                ("lease", models.CharField(blank=True, max_length=64)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "scanned_at",
                    models.DateTimeField(help_text="When the backlog was last searched.", null=True),
                ),
                (
                    "rescanned_at",
                    models.DateTimeField(help_text="When the last full rescan ended.", null=True),
                ),
                (
                    "rescanned_to",
                    models.BigIntegerField(
                        default=0,
                        help_text="The last row compared in the full rescan; 0 if none is under way.",
                    ),
                ),
                ("delivered_at", models.DateTimeField(help_text="When a record last arrived.", null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "permissions": [("approve_share", "Can approve what is sent to destinations with APPROVAL")],
            },
        ),
        migrations.CreateModel(
            name="NoticeRecipient",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="Key of a user, address without account, or destination:NAME.",
                        max_length=320,
                        unique=True,
                    ),
                ),
                (
                    "choice",
                    models.CharField(
                        choices=[
                            ("at_once", "At once"),
                            ("daily", "In a daily digest"),
                            ("nothing", "Not at all"),
                        ],
                        default="at_once",
                        max_length=10,
                    ),
                ),
                (
                    "told",
                    models.JSONField(
                        blank=True, default=dict, help_text="The open troubles of the last mails."
                    ),
                ),
                (
                    "mails",
                    models.JSONField(blank=True, default=list, help_text="When the last mails were sent."),
                ),
                (
                    "version",
                    models.PositiveIntegerField(default=0, help_text="How often `told` was changed."),
                ),
                ("lease", models.CharField(blank=True, max_length=64)),
                ("lease_until", models.DateTimeField(null=True)),
                ("refusals", models.PositiveIntegerField(default=0)),
                (
                    "next_at",
                    models.DateTimeField(help_text="When a mail that failed is tried again.", null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NoticeScan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(blank=True, help_text="Digest of what it found.", max_length=64)),
                (
                    "next_at",
                    models.DateTimeField(help_text="When to go on, even if nothing changes.", null=True),
                ),
            ],
        ),
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
                    models.CharField(blank=True, help_text="The name that it sent first.", max_length=200),
                ),
                ("user_id", models.BigIntegerField(help_text="The account that may use its origin.")),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("topic", models.CharField(blank=True, max_length=200)),
                (
                    "token",
                    models.UUIDField(
                        default=uuid.uuid4,
                        help_text="Made with the form, so that one that comes twice is one report.",
                        unique=True,
                    ),
                ),
                ("target_id", models.BigIntegerField(db_index=True)),
                ("form", models.CharField(help_text="The name of the adapter's form.", max_length=64)),
                ("label", models.CharField(help_text="The name of the form for people.", max_length=200)),
                ("values", models.JSONField(default=dict, help_text="The values by field.")),
                (
                    "data",
                    models.JSONField(
                        default=dict,
                        help_text="The chosen data by field: a list of model and primary key of each.",
                    ),
                ),
                (
                    "shown",
                    models.JSONField(
                        default=list,
                        help_text="What the person filled in: a list of name, label and text of each field.",
                    ),
                ),
                ("creator_id", models.BigIntegerField(help_text="The user who made it.", null=True)),
                ("created", models.DateTimeField()),
            ],
            options={
                "abstract": False,
            },
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
                    models.BigIntegerField(default=0, help_text="The last primary key compared in rotation."),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ShareRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("topic", models.CharField(blank=True, max_length=200)),
                (
                    "creator_id",
                    models.BigIntegerField(help_text="The user with whose rights the share acts.", null=True),
                ),
                (
                    "filter",
                    models.TextField(
                        blank=True, help_text="The filter as JSON; empty to let all data through."
                    ),
                ),
                (
                    "until",
                    models.DateTimeField(blank=True, help_text="New data are shared until then.", null=True),
                ),
                (
                    "release_days",
                    models.FloatField(default=0, help_text="Days from the time of a datum until it is sent."),
                ),
                (
                    "not_before",
                    models.DateTimeField(blank=True, help_text="No datum is sent before then.", null=True),
                ),
                ("paused", models.CharField(blank=True, help_text="The reason of a pause.", max_length=500)),
                ("name", models.CharField(max_length=200)),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("list", "The targets of a list"),
                            ("extra", "The targets with a tag or extra field"),
                            ("all", "All targets that I may change"),
                        ],
                        max_length=10,
                    ),
                ),
                ("target_list_id", models.BigIntegerField(blank=True, null=True)),
                ("extra_key", models.CharField(blank=True, max_length=200)),
                ("extra_value", models.TextField(blank=True, help_text="The value; empty for any.")),
                (
                    "existing",
                    models.BooleanField(
                        default=False, help_text="Share the data that are there already, too."
                    ),
                ),
                (
                    "existing_to",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="The highest primary keys at the last look at its targets.",
                    ),
                ),
                (
                    "ends",
                    models.BooleanField(default=True, help_text="End the share of a target that leaves."),
                ),
                (
                    "ending",
                    models.BooleanField(
                        default=False, help_text="Its shares are being ended, then it is deleted."
                    ),
                ),
                (
                    "skipped",
                    models.PositiveIntegerField(
                        default=0, help_text="Targets that the creator may not share, at the last look."
                    ),
                ),
                (
                    "problem",
                    models.CharField(blank=True, help_text="Why it makes no shares.", max_length=500),
                ),
                (
                    "applied_at",
                    models.DateTimeField(help_text="When its targets were last looked at.", null=True),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "abstract": False,
            },
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
            name="Activity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=200)),
                ("topic", models.CharField(blank=True, max_length=200)),
                ("time", models.DateTimeField()),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("made", "Made"),
                            ("shared-once", "Shared once"),
                            ("reported", "Reported"),
                            ("changed", "Changed"),
                            ("moved", "Moved"),
                            ("paused", "Paused"),
                            ("resumed", "Resumed"),
                            ("adopted", "Adopted"),
                            ("retried", "Retried"),
                            ("replayed", "To be sent again"),
                            ("resolved", "Resolved"),
                            ("approved", "Approved"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawal asked for"),
                            ("alias-added", "Alias added"),
                            ("deleted", "Deleted"),
                            ("ended", "Ended"),
                            ("settings-changed", "Settings changed"),
                            ("key-given", "Key given"),
                            ("key-removed", "Key removed"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "user_id",
                    models.BigIntegerField(help_text="Who did it; null for the site or a rule.", null=True),
                ),
                ("user_name", models.CharField(blank=True, max_length=200)),
                (
                    "rule_id",
                    models.BigIntegerField(help_text="The rule that did it, or that it is about.", null=True),
                ),
                ("rule_name", models.CharField(blank=True, max_length=200)),
                (
                    "target_id",
                    models.BigIntegerField(help_text="Null for a whole rule or destination.", null=True),
                ),
                ("target_name", models.CharField(blank=True, max_length=200)),
                ("share_id", models.BigIntegerField(help_text="The continuous share.", null=True)),
                ("detail", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name_plural": "activity",
                "indexes": [
                    models.Index(fields=["time"], name="sharecore_activity_time"),
                    models.Index(fields=["target_id"], name="sharecore_activity_target"),
                    models.Index(
                        condition=models.Q(("rule_id__isnull", False)),
                        fields=["rule_id"],
                        name="sharecore_activity_rule",
                    ),
                ],
            },
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
                        help_text="The topic; empty for no topic, null for the whole destination.",
                        max_length=200,
                        null=True,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                (
                    "down_since",
                    models.DateTimeField(help_text="When the first of these failures happened.", null=True),
                ),
                ("open_until", models.DateTimeField(null=True)),
                (
                    "next_call_at",
                    models.DateTimeField(
                        help_text="The time of the next call, as the destination asked.", null=True
                    ),
                ),
                (
                    "refusals",
                    models.PositiveIntegerField(
                        default=0, help_text="Failed calls in a row, each after a probe that succeeded."
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
                        help_text="The transport, as the adapter describes it.",
                        max_length=500,
                    ),
                ),
                (
                    "exclusive_until",
                    models.DateTimeField(help_text="The end of the exclusive access of a worker.", null=True),
                ),
                (
                    "settings_digest",
                    models.CharField(
                        blank=True,
                        help_text="Digest of its settings when a worker last started.",
                        max_length=64,
                    ),
                ),
                (
                    "topics",
                    models.JSONField(blank=True, default=list, help_text="The offered topics, with notes."),
                ),
                ("topics_at", models.DateTimeField(help_text="When its topics were last read.", null=True)),
                (
                    "takes_tests",
                    models.BooleanField(
                        help_text="Whether it takes a test, as its adapter said last; null before.", null=True
                    ),
                ),
                ("checked_at", models.DateTimeField(help_text="When a person last tested it.", null=True)),
                (
                    "check_result",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What that test covered, and the problems that it found.",
                    ),
                ),
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
                    models.BigIntegerField(
                        help_text="The primary key of the datum now; negative if it was deleted."
                    ),
                ),
                ("identity", models.CharField(help_text="Digest of the identifying fields.", max_length=64)),
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
            name="LedgerVersion",
            fields=[
                (
                    "outbox",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="sharecore.outbox",
                    ),
                ),
                ("version", models.BigIntegerField(help_text="A random number, never used before.")),
            ],
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("started", models.DateTimeField(help_text="The time at which its attempts started.")),
                (
                    "requests",
                    models.PositiveIntegerField(
                        help_text="The number of requests, those that are not kept too."
                    ),
                ),
                (
                    "exchanges",
                    models.JSONField(help_text="The requests that are kept: `sharecore.exchanges.Exchange`."),
                ),
                (
                    "outbox",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sharecore.outbox",
                    ),
                ),
            ],
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
                    models.BigIntegerField(
                        help_text="The user whose rights hold; null for the site.", null=True
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                ("message", models.TextField(blank=True)),
                (
                    "values",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What was filled in in the fields of the destination.",
                    ),
                ),
                (
                    "introduce",
                    models.BooleanField(default=False, help_text="Make the target known, even without data."),
                ),
                (
                    "lists",
                    models.JSONField(
                        blank=True, default=list, help_text="Target lists to join at the destination."
                    ),
                ),
                (
                    "problem",
                    models.CharField(blank=True, help_text="Why the target was not sent.", max_length=500),
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
                    models.BigIntegerField(
                        help_text="The primary key of the datum now; negative if it was deleted."
                    ),
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
                    models.CharField(
                        blank=True, help_text="Digest of the identifying fields.", max_length=64
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(blank=True, help_text="Digest of the content last sent.", max_length=64),
                ),
                (
                    "arrived",
                    models.CharField(
                        blank=True, help_text="Digest of the content at the destination.", max_length=64
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
                        default=False, help_text="The mark that the content is to be compared."
                    ),
                ),
                (
                    "asked",
                    models.CharField(
                        blank=True,
                        help_text="Digest of the content for which approval was asked last.",
                        max_length=64,
                    ),
                ),
                (
                    "approved",
                    models.CharField(
                        blank=True, help_text="Digest of the content that was approved last.", max_length=64
                    ),
                ),
                ("approved_by", models.BigIntegerField(help_text="The user who approved it.", null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("baseline", "baseline"),
                            ("pending", "pending"),
                            ("to_approve", "to_approve"),
                            ("sending", "sending"),
                            ("submitted", "submitted"),
                            ("delivered", "delivered"),
                            ("unconfirmed", "unconfirmed"),
                            ("needs_review", "needs_review"),
                            ("withheld", "withheld"),
                            ("unsupported", "unsupported"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                            ("withdrawing", "withdrawing"),
                            ("withdrawn", "withdrawn"),
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
                (
                    "ticket",
                    models.CharField(
                        blank=True,
                        help_text="Text under which the destination is asked what became of the record.",
                        max_length=200,
                    ),
                ),
                (
                    "withdrawal_reason",
                    models.CharField(
                        blank=True,
                        help_text="The reason that a person gave for withdrawing it.",
                        max_length=500,
                    ),
                ),
                (
                    "replayed",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The entry of the activity that asked last for it to be sent again.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sharecore.activity",
                    ),
                ),
                ("lease", models.CharField(blank=True, max_length=64)),
                ("sent_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
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
                        help_text="The outbox of the target under which it was sent.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="sharecore.outbox",
                    ),
                ),
                (
                    "one_time_share",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        help_text="The one-time share that asked for it; null for the continuous share.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="sharecore.onetimeshare",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="PersonalKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(help_text="A key of `DATA_SHARING`.", max_length=200)),
                (
                    "secret",
                    tom_common.encryption.EncryptedModelField(
                        editable=True, help_text="The values by setting, as JSON."
                    ),
                ),
                ("changed_at", models.DateTimeField(help_text="When the person gave it.")),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "base_manager_name": "objects",
            },
            managers=[
                ("whole", django.db.models.manager.Manager()),
                ("objects", django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddField(
            model_name="outbox",
            name="rule",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="The rule that made the share; kept when a person deletes it.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="outboxes",
                to="sharecore.sharerule",
            ),
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
                    "call",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="sharecore.call",
                    ),
                ),
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
        migrations.CreateModel(
            name="KeyRefusal",
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
                        help_text="The topic; empty for no topic, null for the whole destination.",
                        max_length=200,
                        null=True,
                    ),
                ),
                (
                    "credentials",
                    models.CharField(help_text="Digest of the refused key and its settings.", max_length=64),
                ),
                ("reason", models.CharField(max_length=500)),
                ("since", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "destination", "topic"), name="sharecore_key_refusal_part"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("topic", None)),
                        fields=("user", "destination"),
                        name="sharecore_key_refusal_whole",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(fields=["started"], name="sharecore_call_started"),
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
                fields=["outbox", "state", "arrived"],
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
                name="sharecore_delivery_once",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        [sharecore.delivery.State["FAILED"], sharecore.delivery.State["NEEDS_REVIEW"]],
                    )
                ),
                fields=["state", "outbox"],
                name="sharecore_delivery_needy",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "to_approve")),
                fields=["state", "outbox"],
                name="sharecore_delivery_asked",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("replayed__isnull", False)),
                fields=["replayed", "state"],
                name="sharecore_delivery_replayed",
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
        migrations.AddConstraint(
            model_name="personalkey",
            constraint=models.UniqueConstraint(
                fields=("user", "destination"), name="sharecore_one_key_for_each"
            ),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(fields=["target_id"], name="sharecore_outbox_target"),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(fields=["next_at"], name="sharecore_outbox_next"),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(fields=["scanned_at"], name="sharecore_outbox_scanned"),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(
                condition=models.Q(("look_now", True)), fields=["look_now"], name="sharecore_outbox_marked"
            ),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False)),
                fields=["lease_until"],
                name="sharecore_outbox_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(
                condition=models.Q(("rule_id__isnull", False)), fields=["rule"], name="sharecore_outbox_rule"
            ),
        ),
        migrations.AddConstraint(
            model_name="outbox",
            constraint=models.UniqueConstraint(
                fields=("destination", "topic", "target_id"), name="sharecore_outbox_address"
            ),
        ),
    ]
