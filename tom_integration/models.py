"""Store the ledger: the deliveries to each destination, their attempts and answers.

Rows refer to data, targets, shares and users of the TOM by plain integers: a foreign key could block or slow
a delete there, and the ledger has to outlive them. Rows refer to each other by foreign keys that the database
does not check, since it would check each row of a batch.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Self, TypeVar

from django.db import models
from django.db.models import Case, Func, Q, Value, When
from django.db.models.functions import Concat

from sharecore.addresses import DIVIDER, Address
from sharecore.circuit_breaker import Health
from sharecore.delivery import NEEDS_PERSON, State
from sharecore.filters import Filter
from sharecore.release import Release
from sharecore.texts import MOST

NAME_LENGTH = 200  # the length of PersistentShare.destination, which holds name and topic
REASON_LENGTH = MOST
FIELD_LENGTH = 100
REMOTE_ID_LENGTH = 200

RENAMED = ~Q(record_id=models.F("identity"))
"""Select deliveries whose record id is not their identity; all others are found by their identity."""
EDITED = Q(delivered_at__isnull=False) & ~Q(arrived=models.F("fingerprint"))
"""Select deliveries whose datum was edited since it arrived. A constant here would hide SQLite's index."""

OUTDATED = EDITED & Q(state=State.DELIVERED) & ~Q(arrived="")
"""Select deliveries of which a destination that takes no edits has the old content."""


def _constant(text: str) -> Func:
    """Return a text that is written into the SQL: SQLite uses a partial index for constants only."""
    return Func(template=f"'{text}'", arity=0, output_field=models.CharField())


NEEDY = Q(state__in=[_constant(state) for state in sorted(NEEDS_PERSON)])
"""Select deliveries that need a person, by an index of these alone."""

ADDRESS = Case(When(Q(topic=""), then="destination"), default=Concat("destination", Value(DIVIDER), "topic"))
"""The address of a row in the form of `PersistentShare.destination`, in SQL."""


@lru_cache
def read_filter(text: str) -> Filter:
    """Return the filter of a column of text."""
    return Filter.from_json(json.loads(text), where="the filter") if text else Filter()


def write_filter(chosen: Filter) -> str:
    """Return a filter as a column of text; equal filters have equal texts."""
    return json.dumps(chosen.as_json(), sort_keys=True) if chosen else ""


def at_destination(name: str) -> Q:
    """Return a condition for shares to this destination, with any topic."""
    return Q(destination=name) | Q(destination__startswith=f"{name}{DIVIDER}")


_Row = TypeVar("_Row", bound=models.Model)


class AtAddress(models.QuerySet[_Row]):
    """Query rows that have an address."""

    def at(self, address: Address) -> Self:
        """Return the rows at this address."""
        return self.filter(destination=address.name, topic=address.topic)

    def matching(self, text: str) -> Self:
        """Return the rows at a destination: `name` with any topic, `name:topic` with that topic."""
        address = Address.parse(text)
        return self.at(address) if address.topic else self.filter(destination=address.name)


class HasAddress(models.Model):
    """Hold an address in two columns."""

    destination = models.CharField(max_length=NAME_LENGTH)
    """A key of `DATA_SHARING`."""
    topic = models.CharField(max_length=NAME_LENGTH, blank=True)
    """A topic of the destination; empty for none."""

    objects = AtAddress.as_manager()

    class Meta:
        abstract = True

    @property
    def address(self) -> Address:
        """Return destination and topic as one value."""
        return Address(self.destination, self.topic)


class Origin(models.Model):
    """Identify this TOM among all sites, whose names are not unique: one row, made by `migrate`."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)

    def __str__(self) -> str:
        return str(self.uuid)


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
    introduce = models.BooleanField(default=False, help_text="Make the target known, even without data.")
    lists = models.JSONField(default=list, blank=True, help_text="Target lists to join at the destination.")
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="Why the target was not sent.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title or f"one-time share {self.pk}"


class Delivery(HasAddress):
    """Hold one record in an outbox. Its content identifies it; the primary key of the datum may change.

    It repeats the address of its outbox, since a datum has one row at an address, whatever its target is now.
    """

    outbox = models.ForeignKey(
        Outbox, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    model = models.CharField(max_length=40, help_text="The datum's model.")
    datum_pk = models.BigIntegerField(
        help_text="The primary key of the datum now; negative if it was deleted."
    )
    timestamp = models.DateTimeField(help_text="The time of the datum.")
    one_time_share = models.ForeignKey(
        OneTimeShare,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        help_text="The one-time share that asked for it; null for the continuous share.",
    )

    kind = models.CharField(max_length=20, blank=True)
    record_id = models.CharField(max_length=64, blank=True, help_text="The record's id, kept through edits.")
    identity = models.CharField(max_length=64, blank=True, help_text="Digest of the identifying fields.")
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Digest of the content last sent.")
    arrived = models.CharField(
        max_length=64, blank=True, help_text="Digest of the content at the destination."
    )
    revision = models.PositiveIntegerField(default=0, help_text="How often other content was delivered.")
    named = models.BooleanField(default=False, help_text="The mark that the content is to be compared.")

    state = models.CharField(max_length=12, choices=[(state.value, state.value) for state in State])
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    field = models.CharField(max_length=FIELD_LENGTH, blank=True)
    remote_id = models.CharField(max_length=REMOTE_ID_LENGTH, blank=True)
    lease = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(null=True)
    sent_from = models.ForeignKey(
        Outbox,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The outbox of the target under which it was sent.",
    )
    delivered_at = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "datum_pk", "destination", "topic"], name="sharecore_delivery_pointer"
            )
        ]
        indexes = [
            models.Index(
                fields=["outbox", "state", "next_at", "delivered_at"],
                name="sharecore_delivery_work",
            ),
            models.Index(
                # With `arrived` this index answers `OUTDATED` alone; else PostgreSQL reads the whole table.
                fields=["outbox", "state", "arrived"],
                name="sharecore_delivery_outdated",
                condition=EDITED,
            ),
            models.Index(
                fields=["outbox", "identity", "timestamp"],
                name="sharecore_delivery_content",
            ),
            models.Index(
                fields=["outbox", "record_id"],
                name="sharecore_delivery_renamed",
                condition=RENAMED,
            ),
            models.Index(
                fields=["one_time_share"],
                name="sharecore_delivery_once",
                condition=Q(one_time_share_id__isnull=False),
            ),
            models.Index(
                fields=["state", "outbox"],
                name="sharecore_delivery_needy",
                condition=Q(state__in=sorted(NEEDS_PERSON)),
            ),
            models.Index(
                fields=["outbox"],
                name="sharecore_delivery_named",
                condition=Q(named=True),
            ),
        ]

    @property
    def is_outdated(self) -> bool:
        """Return True when `OUTDATED` selects this row."""
        return self.state == State.DELIVERED and self.arrived not in ("", self.fingerprint)

    def __str__(self) -> str:
        return f"{self.model} {self.datum_pk} to {self.address}: {self.state}"


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


class ScanPosition(models.Model):
    """Hold the position of the scan in one model, for all workers together."""

    model = models.CharField(max_length=40, unique=True, help_text="The model of the data.")
    newest = models.BigIntegerField(default=0, help_text="The highest primary key at the last scan.")
    compared_to = models.BigIntegerField(default=0, help_text="The last primary key compared in rotation.")

    def __str__(self) -> str:
        return f"{self.model}: new data from {self.newest}, all data from {self.compared_to}"


class Attempt(models.Model):
    """Hold the outcome of one call for one delivery."""

    delivery = models.ForeignKey(Delivery, models.DO_NOTHING, db_constraint=False)
    started = models.DateTimeField()
    finished = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    worker = models.CharField(max_length=100)

    class Meta:
        indexes = [models.Index(fields=["started"], name="sharecore_attempt_started")]

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M:%S} {self.outcome}"


class DestinationHealth(models.Model):
    """Hold the health of a destination, or of one of its topics; see `sharecore.circuit_breaker`."""

    destination = models.CharField(max_length=NAME_LENGTH)
    topic = models.CharField(
        max_length=NAME_LENGTH,
        null=True,
        help_text="The topic; empty for no topic, null for the whole destination.",
    )
    failures = models.PositiveIntegerField(default=0)
    down_since = models.DateTimeField(null=True, help_text="When the first of these failures happened.")
    open_until = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(
        default=0,
        help_text="Failed calls in a row, each after a probe that succeeded.",
    )
    paused = models.CharField(max_length=REASON_LENGTH, blank=True)
    credentials = models.CharField(max_length=64, blank=True)
    last_error = models.CharField(max_length=REASON_LENGTH, blank=True)
    last_error_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    about = models.CharField(
        max_length=REASON_LENGTH,
        blank=True,
        default="",
        help_text="The transport, as the adapter describes it.",
    )
    exclusive_until = models.DateTimeField(
        null=True, help_text="The end of the exclusive access of a worker."
    )
    settings_digest = models.CharField(
        max_length=64, blank=True, help_text="Digest of its settings when a worker last started."
    )
    topics = models.JSONField(default=list, blank=True, help_text="The offered topics, with notes.")
    topics_at = models.DateTimeField(null=True, help_text="When its topics were last read.")
    checked_at = models.DateTimeField(null=True, help_text="When a person last tested it.")
    check_result = models.JSONField(
        default=dict, blank=True, help_text="What that test covered, and the problems that it found."
    )

    class Meta:
        verbose_name_plural = "destination health"
        constraints = [
            models.UniqueConstraint(fields=["destination", "topic"], name="sharecore_health_part"),
            models.UniqueConstraint(
                fields=["destination"], condition=Q(topic=None), name="sharecore_health_whole"
            ),
        ]

    def __str__(self) -> str:
        return self.destination if self.topic is None else str(Address(self.destination, self.topic))

    @property
    def health(self) -> Health:
        """Return the row as a value for the rules."""
        return Health(**{each.name: getattr(self, each.name) for each in fields(Health)})


class Activity(HasAddress):
    """Hold who did what with a share, a rule or a destination.

    It outlives what it tells about, so it keeps primary keys, and the names of that time. The rows of one
    action on many shares have the same time.
    """

    class What(models.TextChoices):
        """Name what was done."""

        MADE = "made", "Made"
        SHARED_ONCE = "shared-once", "Shared once"
        CHANGED = "changed", "Changed"
        MOVED = "moved", "Moved"
        PAUSED = "paused", "Paused"
        RESUMED = "resumed", "Resumed"
        ADOPTED = "adopted", "Adopted"
        RETRIED = "retried", "Retried"
        RESOLVED = "resolved", "Resolved"
        DELETED = "deleted", "Deleted"
        ENDED = "ended", "Ended"
        SETTINGS_CHANGED = "settings-changed", "Settings changed"

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


class Worker(models.Model):
    """Hold the heartbeat of one process that delivers."""

    name = models.CharField(max_length=100, unique=True)
    runner = models.CharField(max_length=20)
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.runner} {self.name}"


class NoticeRecipient(models.Model):
    """Hold what one person wants to be told by mail, was told, and is being told now."""

    class Choice(models.TextChoices):
        """Name the choices of a person."""

        AT_ONCE = "at_once", "At once"
        DAILY = "daily", "In a daily digest"
        NOTHING = "nothing", "Not at all"

    key = models.CharField(
        max_length=320, unique=True, help_text="The primary key of a user, or an address without an account."
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
