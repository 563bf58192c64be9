"""Store rules, outboxes with their continuous shares, and one-time shares."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from sharecore.addresses import Address
from sharecore.filters import Filter
from sharecore.outcomes import TARGET_NAME_LENGTH
from sharecore.release import Release
from tom_integration.models.shared_columns import REASON_LENGTH, HasAddress, read_filter


class Limited(HasAddress):
    """Hold which data a share or a rule sends, and when."""

    creator_id = models.BigIntegerField(null=True, help_text="The user with whose rights the share acts.")
    filter = models.TextField(blank=True, help_text="The filter as JSON; empty to let all data through.")
    until = models.DateTimeField(null=True, blank=True, help_text="New data are shared until then.")
    release_days = models.FloatField(default=0, help_text="Days from the time of a datum until it is sent.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="No datum is sent before then.")
    paused = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="The reason of a pause.")

    class Meta:
        abstract = True

    @property
    def chosen(self) -> Filter:
        """Return the filter.

        Raises:
            ConfigurationError: a newer version of this app wrote it.
        """
        return read_filter(self.filter)

    @property
    def halted(self) -> str:
        """Return why it sends nothing; empty while it sends."""
        return self.paused

    @property
    def release(self) -> Release:
        """Return when its data may be sent."""
        return Release(after_days=self.release_days, not_before=self.not_before, field="")


class ShareRule(Limited):
    """Share each target of a list, or with a tag, or that its creator may change: those now and later ones.

    A rule makes ordinary continuous shares. Its filter and dates hold for each of them, beside their own.
    """

    class Scope(models.TextChoices):
        """Name the targets of a rule."""

        LIST = "list", "The targets of a list"
        EXTRA = "extra", "The targets with a tag or extra field"
        ALL = "all", "All targets that I may change"

    name = models.CharField(max_length=200)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    target_list_id = models.BigIntegerField(null=True, blank=True)
    extra_key = models.CharField(max_length=200, blank=True)
    extra_value = models.TextField(blank=True, help_text="The value; empty for any.")
    existing = models.BooleanField(default=False, help_text="Share the data that are there already, too.")
    existing_to = models.JSONField(
        default=dict,
        blank=True,
        help_text="The highest primary keys at the last look at its targets.",
    )
    ends = models.BooleanField(default=True, help_text="End the share of a target that leaves.")
    ending = models.BooleanField(default=False, help_text="Its shares are being ended, then it is deleted.")
    skipped = models.PositiveIntegerField(
        default=0, help_text="Targets that the creator may not share, at the last look."
    )
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="Why it makes no shares.")
    applied_at = models.DateTimeField(null=True, help_text="When its targets were last looked at.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def halted(self) -> str:
        """Return why its shares send nothing; empty while they send."""
        return f"the rule {self.name} is being ended" if self.ending else self.paused


class Outbox(Limited):
    """Hold one target at one address: the unit that one worker leases.

    A continuous or one-time share opens it. It stays when the share is deleted, so that a share made again
    sends nothing twice.
    """

    target_id = models.BigIntegerField()
    share_id = models.BigIntegerField(
        null=True, unique=True, help_text="The continuous share; null if there is none."
    )
    rule = models.ForeignKey(
        ShareRule,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="outboxes",
        help_text="The rule that made the share; kept when a person deletes it.",
    )
    existing_to = models.JSONField(
        default=dict,
        blank=True,
        help_text="The highest primary keys when a share with a filter was made.",
    )
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="The present problem.")
    needs_person = models.BooleanField(default=False, help_text="Only a person can end the problem.")
    adapter_state = models.JSONField(default=dict, blank=True, help_text="The adapter state of the target.")
    target_name = models.CharField(
        max_length=TARGET_NAME_LENGTH, blank=True, help_text="The name that the destination gave the target."
    )
    names = models.JSONField(
        null=True, blank=True, help_text="The name and aliases of the target at the last call."
    )

    settings_digest = models.CharField(
        max_length=64, blank=True, help_text="Digest of settings and plugins at the last look."
    )

    replay = models.TextField(blank=True, help_text="The replays that are asked for, one JSON object a line.")
    look_now = models.BooleanField(default=False, help_text="The outbox has work.")
    next_at = models.DateTimeField(null=True, help_text="The time of the next look.")
    lease = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    scanned_at = models.DateTimeField(null=True, help_text="When the backlog was last searched.")
    rescanned_at = models.DateTimeField(null=True, help_text="When the last full rescan ended.")
    rescanned_to = models.BigIntegerField(
        default=0, help_text="The last row compared in the full rescan; 0 if none is under way."
    )
    delivered_at = models.DateTimeField(null=True, help_text="When a record last arrived.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("approve_share", "Can approve what is sent to destinations with APPROVAL")]
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "topic", "target_id"], name="sharecore_outbox_address"
            )
        ]
        indexes = [
            models.Index(fields=["target_id"], name="sharecore_outbox_target"),
            models.Index(fields=["next_at"], name="sharecore_outbox_next"),
            models.Index(fields=["scanned_at"], name="sharecore_outbox_scanned"),
            models.Index(fields=["look_now"], name="sharecore_outbox_marked", condition=Q(look_now=True)),
            models.Index(
                fields=["lease_until"],
                name="sharecore_outbox_leased",
                condition=Q(lease_until__isnull=False),
            ),
            models.Index(fields=["rule"], name="sharecore_outbox_rule", condition=Q(rule_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"target {self.target_id} to {self.address}"

    @classmethod
    def to(cls, address: Address, target_id: int) -> Self:
        """Return an outbox that is not saved."""
        return cls(destination=address.name, topic=address.topic, target_id=target_id)

    @property
    def levels(self) -> tuple[Limited, ...]:
        """Return the share, and the rule that made it: the limits of each hold."""
        return (self,) if self.rule is None else (self, self.rule)

    @property
    def pause(self) -> str:
        """Return why the continuous share is paused; empty when it is not."""
        return next((each.halted for each in self.levels if each.halted), "")

    @property
    def ends_at(self) -> datetime | None:
        """Return the time until which new data are shared."""
        return min((each.until for each in self.levels if each.until), default=None)

    def takes_up(self, now: datetime) -> bool:
        """Return True when the continuous share takes up new data.

        While its rule is being ended it does: another rule may go on with it.
        """
        ends_at = self.ends_at
        paused = any(each.paused for each in self.levels)
        return self.share_id is not None and not paused and (ends_at is None or now < ends_at)


class OneTimeShare(models.Model):
    """Share a target, or data of it, once, by hand."""

    outbox = models.ForeignKey(Outbox, models.DO_NOTHING, db_constraint=False, related_name="one_time_shares")
    user_id = models.BigIntegerField(null=True, help_text="The user whose rights hold; null for the site.")
    title = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    values = models.JSONField(
        default=dict, blank=True, help_text="What was filled in in the fields of the destination."
    )
    introduce = models.BooleanField(default=False, help_text="Make the target known, even without data.")
    lists = models.JSONField(default=list, blank=True, help_text="Target lists to join at the destination.")
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="Why the target was not sent.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title or f"one-time share {self.pk}"
