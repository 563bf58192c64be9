"""Store who this TOM is, and the sites, targets and records that are known from elsewhere."""

from __future__ import annotations

import uuid

from django.db import models


class Origin(models.Model):
    """Identify this TOM among all sites, whose names are not unique: one row, made by `migrate`."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)

    def __str__(self) -> str:
        return str(self.uuid)


class InboxRecord(models.Model):
    """Hold the key of a record that another site gave to this TOM, and its datum here.

    A key is unique among the data of one target only. Several keys may lead to one datum; and one key, given
    by several sites, to a datum for each, when a site may not view the datum of another one.
    """

    origin = models.CharField(max_length=64, help_text="UUID of the site that observed it.")
    kind = models.CharField(max_length=20)
    record_id = models.CharField(max_length=64, help_text="The record within that site.")
    target_id = models.BigIntegerField()
    relayed_by = models.CharField(max_length=64, help_text="UUID of the site that sent it.")
    fingerprint = models.CharField(max_length=64, help_text="Digest of the content last sent.")

    model = models.CharField(max_length=40, help_text="The datum's model.")
    datum_pk = models.BigIntegerField(
        help_text="The primary key of the datum now; negative if it was deleted."
    )
    identity = models.CharField(max_length=64, help_text="Digest of the identifying fields.")
    """Empty for a record that was not stored, since a datum that its sender may not view was in the way."""
    content = models.CharField(
        max_length=64,
        blank=True,
        help_text="Digest of the datum as it was stored; empty when it was here before.",
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "received"
        constraints = [
            models.UniqueConstraint(
                fields=["record_id", "target_id", "origin", "kind", "relayed_by"],
                name="sharecore_inbox_key",
            )
        ]
        indexes = [
            models.Index(fields=["model", "datum_pk"], name="sharecore_inbox_pointer"),
            models.Index(fields=["identity"], name="sharecore_inbox_content"),
        ]

    def __str__(self) -> str:
        return f"{self.origin}/{self.kind}/{self.record_id}"


class Peer(models.Model):
    """Hold another site that sends data to this TOM, and the account to which its origin belongs."""

    origin = models.CharField(max_length=64, unique=True, help_text="UUID of the site.")
    name = models.CharField(max_length=200, blank=True, help_text="The name that it sent first.")
    user_id = models.BigIntegerField(help_text="The account that may use its origin.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"


class TargetKey(models.Model):
    """Hold the key at another site of a target that it has sent here; the key outlives new names."""

    origin = models.CharField(max_length=64, help_text="UUID of the site.")
    key = models.CharField(max_length=64, help_text="The target at that site.")
    target_id = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "key"], name="sharecore_target_key")]

    def __str__(self) -> str:
        return f"{self.origin}/{self.key}"
