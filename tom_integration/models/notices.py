"""Store what people were told by mail, and what they want to be told."""

from __future__ import annotations

from django.db import models


class NoticeRecipient(models.Model):
    """Hold what one person wants to be told by mail, was told, and is being told now."""

    class Choice(models.TextChoices):
        """Name the choices of a person."""

        AT_ONCE = "at_once", "At once"
        DAILY = "daily", "In a daily digest"
        NOTHING = "nothing", "Not at all"

    key = models.CharField(
        max_length=320,
        unique=True,
        help_text="Key of a user, address without account, or destination:NAME.",
    )
    choice = models.CharField(max_length=10, choices=Choice.choices, default=Choice.AT_ONCE)
    told = models.JSONField(default=dict, blank=True, help_text="The open troubles of the last mails.")
    mails = models.JSONField(default=list, blank=True, help_text="When the last mails were sent.")
    version = models.PositiveIntegerField(default=0, help_text="How often `told` was changed.")
    lease = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, help_text="When a mail that failed is tried again.")

    def __str__(self) -> str:
        return self.key


class NoticeScan(models.Model):
    """Hold what the last search for troubles found, for all workers together: one row."""

    digest = models.CharField(max_length=64, blank=True, help_text="Digest of what it found.")
    next_at = models.DateTimeField(null=True, help_text="When to go on, even if nothing changes.")

    def __str__(self) -> str:
        return self.digest
