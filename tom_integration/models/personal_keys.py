"""Store the keys of people for destinations with `'CREDENTIALS': 'user'`, and which of them are refused."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from tom_common.encryption import EncryptedModelField

from sharecore.addresses import Address
from tom_integration.models.shared_columns import NAME_LENGTH, REASON_LENGTH


class _WithoutSecrets(models.Manager["PersonalKey"]):
    """Read no secret with a row: one that cannot be decrypted any more would break every query."""

    def get_queryset(self) -> models.QuerySet[PersonalKey]:
        return super().get_queryset().defer("secret")


class PersonalKey(models.Model):
    """Hold what one person gave for one destination, encrypted with the `SECRET_KEY` of the TOM."""

    # No constraint of the database: it would outlive this app, and keep users from being deleted.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_constraint=False, related_name="+")
    destination = models.CharField(max_length=NAME_LENGTH, help_text="A key of `DATA_SHARING`.")
    secret: Any = EncryptedModelField(help_text="The values by setting, as JSON.")
    changed_at = models.DateTimeField(help_text="When the person gave it.")

    # The first one is that of tomtoolkit's command `rotate_encryption_key`, which goes on after a row that it
    # cannot read, but not after a secret that it reads later.
    whole = models.Manager["PersonalKey"]()
    objects = _WithoutSecrets()

    class Meta:
        base_manager_name = "objects"  # Django reads the keys of a user who is being deleted.
        constraints = [
            models.UniqueConstraint(fields=["user", "destination"], name="sharecore_one_key_for_each")
        ]

    def __str__(self) -> str:
        return f"key of user {self.user_id} for {self.destination}"


class KeyRefusal(models.Model):
    """Hold that a destination, or one of its topics, refuses the key of one person."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_constraint=False, related_name="+")
    destination = models.CharField(max_length=NAME_LENGTH)
    topic = models.CharField(
        max_length=NAME_LENGTH,
        null=True,
        help_text="The topic; empty for no topic, null for the whole destination.",
    )
    credentials = models.CharField(max_length=64, help_text="Digest of the refused key and its settings.")
    reason = models.CharField(max_length=REASON_LENGTH)
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "destination", "topic"], name="sharecore_key_refusal_part"
            ),
            models.UniqueConstraint(
                fields=["user", "destination"],
                condition=Q(topic=None),
                name="sharecore_key_refusal_whole",
            ),
        ]

    def __str__(self) -> str:
        there = self.destination if self.topic is None else str(Address(self.destination, self.topic))
        return f"{there} refuses the key of user {self.user_id}"
