"""Store who did what with a share, a rule, a target or a destination."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tom_integration.models.shared_columns import REASON_LENGTH, HasAddress


class Activity(HasAddress):
    """Hold who did what with a share, a rule or a destination.

    It outlives what it tells about, so it keeps primary keys, and the names of that time. The rows of one
    action on many shares have the same time.
    """

    class What(models.TextChoices):
        """Name what was done."""

        MADE = "made", "Made"
        SHARED_ONCE = "shared-once", "Shared once"
        REPORTED = "reported", "Reported"
        CHANGED = "changed", "Changed"
        MOVED = "moved", "Moved"
        PAUSED = "paused", "Paused"
        RESUMED = "resumed", "Resumed"
        ADOPTED = "adopted", "Adopted"
        RETRIED = "retried", "Retried"
        REPLAYED = "replayed", "To be sent again"
        RESOLVED = "resolved", "Resolved"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawal asked for"
        ALIAS_ADDED = "alias-added", "Alias added"
        DELETED = "deleted", "Deleted"
        ENDED = "ended", "Ended"
        SETTINGS_CHANGED = "settings-changed", "Settings changed"
        KEY_GIVEN = "key-given", "Key given"
        KEY_REMOVED = "key-removed", "Key removed"

    time = models.DateTimeField()
    what = models.CharField(max_length=20, choices=What.choices)
    user_id = models.BigIntegerField(null=True, help_text="Who did it; null for the site or a rule.")
    user_name = models.CharField(max_length=200, blank=True)
    rule_id = models.BigIntegerField(null=True, help_text="The rule that did it, or that it is about.")
    rule_name = models.CharField(max_length=200, blank=True)
    target_id = models.BigIntegerField(null=True, help_text="Null for a whole rule or destination.")
    target_name = models.CharField(max_length=200, blank=True)
    share_id = models.BigIntegerField(null=True, help_text="The continuous share.")
    detail = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        verbose_name_plural = "activity"
        indexes = [
            models.Index(fields=["time"], name="sharecore_activity_time"),
            models.Index(fields=["target_id"], name="sharecore_activity_target"),
            models.Index(
                fields=["rule_id"], name="sharecore_activity_rule", condition=Q(rule_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S} {self.what}"
