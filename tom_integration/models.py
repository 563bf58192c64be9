"""The ledger: what was promised to each destination, tried, and answered.

Rows refer to data, targets, shares and users of the TOM by plain integers: a foreign key could block or slow
a delete there, and the ledger has to outlive what it tells about. To each other they refer by keys that the
database does not check: it would, for each row of a batch.
"""

from __future__ import annotations

import uuid
from dataclasses import fields
from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Concat

from sharecore.addresses import DIVIDER, Address
from sharecore.circuit_breaker import Health
from sharecore.delivery import State
from sharecore.texts import MOST

NAME_LENGTH = 200  # as PersistentShare.destination, which holds name and topic
REASON_LENGTH = MOST
FIELD_LENGTH = 100
REMOTE_ID_LENGTH = 200

RENAMED = ~Q(record_id=models.F("identity"))
"""Of deliveries whose record was not made of what they are now. All others are found by their identity."""
EDITED = Q(delivered_at__isnull=False) & ~Q(arrived=models.F("fingerprint"))
"""Of deliveries whose datum was edited since it arrived. Without constants, else SQLite misses its index."""

OUTDATED = EDITED & Q(state=State.DELIVERED) & ~Q(arrived="")
"""Of deliveries that a destination has with the content of before, since it does not take edits."""


ADDRESS = Case(When(Q(topic=""), then="destination"), default=Concat("destination", Value(DIVIDER), "topic"))
"""The address of a row as `PersistentShare.destination` has it, in SQL."""


def at_destination(name: str) -> Q:
    """Of shares to this destination, whatever their topic."""
    return Q(destination=name) | Q(destination__startswith=f"{name}{DIVIDER}")


_Row = TypeVar("_Row", bound=models.Model)


class AtAddress(models.QuerySet[_Row]):
    """Rows that have an address."""

    def at(self, address: Address) -> Self:
        """Those at this address."""
        return self.filter(destination=address.name, topic=address.topic)


class HasAddress(models.Model):
    """A row about one address. destination: a key of `DATA_SHARING`. topic: empty where it has none."""

    destination = models.CharField(max_length=NAME_LENGTH)
    topic = models.CharField(max_length=NAME_LENGTH, blank=True)

    objects = AtAddress.as_manager()

    class Meta:
        abstract = True

    @property
    def address(self) -> Address:
        """Both as one value."""
        return Address(self.destination, self.topic)


class Origin(models.Model):
    """This TOM's identity among all sites, one row, made by `migrate`: names of TOMs are not unique."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)

    def __str__(self) -> str:
        return str(self.uuid)


class Outbox(HasAddress):
    """One target at one address: the unit that one worker leases.

    A continuous share opens it, and a one-time request does; it stays when the share is deleted, so that a
    share made again sends nothing twice.
    """

    target_id = models.BigIntegerField()
    share_id = models.BigIntegerField(
        null=True, unique=True, help_text="The continuous share, if there is one."
    )
    creator_id = models.BigIntegerField(null=True, help_text="The user with whose rights it acts.")
    kinds = models.JSONField(
        default=list, blank=True, help_text="The kinds of record it sends; all if empty."
    )
    until = models.DateTimeField(null=True, blank=True, help_text="New data are shared until then.")
    paused = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="Why nothing is sent.")
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="What is wrong at the moment.")
    needs_person = models.BooleanField(default=False, help_text="The problem does not end by itself.")
    adapter_state = models.JSONField(
        default=dict, blank=True, help_text="What the adapter noted about the target."
    )
    names = models.JSONField(
        null=True, blank=True, help_text="The target's name and aliases when data were last sent."
    )

    rules = models.CharField(max_length=64, blank=True, help_text="Digest of settings and plugins last time.")

    look_now = models.BooleanField(default=False, help_text="Look now.")
    next_at = models.DateTimeField(null=True, help_text="Look then.")
    lease = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    scanned_at = models.DateTimeField(null=True, help_text="When it was last compared with the data.")
    rescanned_at = models.DateTimeField(null=True, help_text="When content was last compared.")
    rescanned_to = models.BigIntegerField(
        default=0, help_text="How far the comparison is; 0 when it is done."
    )
    delivered_at = models.DateTimeField(null=True, help_text="When something last arrived.")
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
            models.Index(fields=["scanned_at"], name="sharecore_outbox_swept"),
            models.Index(fields=["look_now"], name="sharecore_outbox_due", condition=Q(look_now=True)),
        ]

    def __str__(self) -> str:
        return f"target {self.target_id} to {self.address}"

    @classmethod
    def to(cls, address: Address, target_id: int) -> Self:
        """One that is not in the database."""
        return cls(destination=address.name, topic=address.topic, target_id=target_id)

    def takes_up(self, now: datetime) -> bool:
        """Does its continuous share still take up new data?"""
        return self.share_id is not None and not self.paused and (self.until is None or now < self.until)


class OneTimeShare(models.Model):
    """Somebody asked, by hand, to share a target, or data of it, once."""

    outbox = models.ForeignKey(Outbox, models.DO_NOTHING, db_constraint=False, related_name="one_time_shares")
    user_id = models.BigIntegerField(null=True, help_text="With whose rights; the site's if empty.")
    title = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    introduce = models.BooleanField(default=False, help_text="Make the target known, even without data.")
    lists = models.JSONField(default=list, blank=True, help_text="Target lists that it is to join there.")
    problem = models.CharField(max_length=REASON_LENGTH, blank=True, help_text="Why it could not be done.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title or f"request {self.pk}"


class Delivery(HasAddress):
    """One record in an outbox. Identity is content; the primary key of the datum is only a pointer.

    It repeats the address of its outbox, since a datum has one row at an address, whatever target it has now.
    """

    outbox = models.ForeignKey(
        Outbox, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="deliveries"
    )
    model = models.CharField(max_length=40, help_text="The datum's model.")
    datum_pk = models.BigIntegerField(help_text="Where the datum is now; data move and are made again.")
    timestamp = models.DateTimeField(help_text="The time of the datum.")
    one_time_share = models.ForeignKey(
        OneTimeShare,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        help_text="The one-time share that asked for it; none if a share did.",
    )

    kind = models.CharField(max_length=20, blank=True)
    record_id = models.CharField(max_length=64, blank=True, help_text="The record's id, kept through edits.")
    identity = models.CharField(max_length=64, blank=True, help_text="Digest of what makes it unique.")
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Digest of the content last sent.")
    arrived = models.CharField(max_length=64, blank=True, help_text="Digest of the content that is there.")
    revision = models.PositiveIntegerField(default=0, help_text="How often other content was delivered.")
    named = models.BooleanField(default=False, help_text="Saved or named since: compare its content.")

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
        help_text="The outbox whose target it was sent as; null where it is not there.",
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
                fields=["outbox", "state"],
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
                name="sharecore_delivery_request",
                condition=Q(one_time_share_id__isnull=False),
            ),
            models.Index(
                fields=["outbox"],
                name="sharecore_delivery_named",
                condition=Q(named=True),
            ),
        ]

    @property
    def is_outdated(self) -> bool:
        """Is it one of `OUTDATED`?"""
        return self.state == State.DELIVERED and self.arrived not in ("", self.fingerprint)

    def __str__(self) -> str:
        return f"{self.model} {self.datum_pk} to {self.address}: {self.state}"


class InboxRecord(models.Model):
    """The key of a record that another site gave to this TOM, and the datum that it is here.

    A key is unique among the data of one target only. Several keys may lead to one datum; and one key, given
    by several sites, to a datum each, where a site may not view what another one brought. identity: empty of
    a record that was not stored, because a datum that its sender may not view is in its way.
    """

    origin = models.CharField(max_length=64, help_text="UUID of the site that observed it.")
    kind = models.CharField(max_length=20)
    record_id = models.CharField(max_length=64, help_text="The record within that site.")
    target_id = models.BigIntegerField()
    relayed_by = models.CharField(max_length=64, help_text="UUID of the site that sent it.")
    fingerprint = models.CharField(max_length=64, help_text="Digest of the content last sent.")

    model = models.CharField(max_length=40, help_text="The datum's model.")
    datum_pk = models.BigIntegerField(help_text="Where the datum is now; data move and are made again.")
    identity = models.CharField(max_length=64, help_text="Digest of what makes the datum unique.")
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
    """Another site that sends data to this TOM, and the account to which its origin belongs."""

    origin = models.CharField(max_length=64, unique=True, help_text="UUID of the site.")
    name = models.CharField(max_length=200, blank=True, help_text="As it first called itself.")
    user_id = models.BigIntegerField(help_text="The account that may use its origin.")
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"


class TargetKey(models.Model):
    """What another site calls a target that it has sent to this TOM; it outlives new names on both sides."""

    origin = models.CharField(max_length=64, help_text="UUID of the site.")
    key = models.CharField(max_length=64, help_text="The target at that site.")
    target_id = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "key"], name="sharecore_target_key")]

    def __str__(self) -> str:
        return f"{self.origin}/{self.key}"


class ScanPosition(models.Model):
    """How far the scan for data that nobody announced has got, in one model. Of all workers together."""

    model = models.CharField(max_length=40, unique=True, help_text="The model of the data.")
    newest = models.BigIntegerField(default=0, help_text="The highest primary key at the last scan.")
    compared_to = models.BigIntegerField(default=0, help_text="How far all data are compared.")

    def __str__(self) -> str:
        return f"{self.model}: new data from {self.newest}, all data from {self.compared_to}"


class Attempt(models.Model):
    """What one call brought one delivery."""

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
    """What is known of a destination, or of one topic of it; see `sharecore.circuit_breaker`."""

    destination = models.CharField(max_length=NAME_LENGTH)
    topic = models.CharField(
        max_length=NAME_LENGTH,
        null=True,
        help_text="Of this topic alone (if empty, of none); of all of it if null.",
    )
    failures = models.PositiveIntegerField(default=0)
    down_since = models.DateTimeField(null=True, help_text="When the first of these failures was.")
    open_until = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(
        default=0,
        help_text="Calls in a row that it could not take although it had just answered.",
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
        help_text="How data go there now, as its adapter says.",
    )
    exclusive_until = models.DateTimeField(null=True, help_text="Until when one worker has it for itself.")
    topics = models.JSONField(default=list, blank=True, help_text="Topics that it offers us, with notes.")
    topics_at = models.DateTimeField(null=True, help_text="When it was asked for its topics.")

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
        """What the row tells, for the rules."""
        return Health(**{each.name: getattr(self, each.name) for each in fields(Health)})


class Worker(models.Model):
    """The heartbeat of one process that delivers."""

    name = models.CharField(max_length=100, unique=True)
    runner = models.CharField(max_length=20)
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.runner} {self.name}"
