"""Store the ledger: the deliveries of each outbox, their attempts, and what was sent and answered."""

from __future__ import annotations

from django.db import models
from django.db.models import Func, Q

from sharecore.delivery import NEEDS_PERSON, State
from sharecore.outcomes import TICKET_LENGTH
from tom_integration.models.activity import Activity
from tom_integration.models.shared_columns import FIELD_LENGTH, REASON_LENGTH, REMOTE_ID_LENGTH, HasAddress
from tom_integration.models.shares import OneTimeShare, Outbox

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
TO_APPROVE = Q(state=_constant(State.TO_APPROVE))
"""Select deliveries that wait for approval, by an index of these alone."""


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

    asked = models.CharField(
        max_length=64, blank=True, help_text="Digest of the content for which approval was asked last."
    )
    approved = models.CharField(
        max_length=64, blank=True, help_text="Digest of the content that was approved last."
    )
    approved_by = models.BigIntegerField(null=True, help_text="The user who approved it.")

    state = models.CharField(max_length=12, choices=[(state.value, state.value) for state in State])
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    field = models.CharField(max_length=FIELD_LENGTH, blank=True)
    remote_id = models.CharField(max_length=REMOTE_ID_LENGTH, blank=True)
    ticket = models.CharField(
        max_length=TICKET_LENGTH,
        blank=True,
        help_text="Text under which the destination is asked what became of the record.",
    )
    withdrawal_reason = models.CharField(
        max_length=REASON_LENGTH, blank=True, help_text="The reason that a person gave for withdrawing it."
    )
    replayed = models.ForeignKey(
        Activity,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The entry of the activity that asked last for it to be sent again.",
    )
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
                fields=["state", "outbox"],  # With the state, SQLite prefers it to the whole ledger.
                name="sharecore_delivery_asked",
                condition=Q(state=State.TO_APPROVE.value),
            ),
            models.Index(
                fields=["replayed", "state"],
                name="sharecore_delivery_replayed",
                condition=Q(replayed__isnull=False),
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


class LedgerVersion(models.Model):
    """Name the present version of the deliveries of one outbox.

    Each transaction that changes some of them writes a new version, see `outbox.versions`. It has a table of
    its own, so that nobody who marks or leases an outbox waits for the writes of its deliveries.
    """

    outbox = models.OneToOneField(
        Outbox, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )
    version = models.BigIntegerField(help_text="A random number, never used before.")

    def __str__(self) -> str:
        return f"outbox {self.outbox_id}: {self.version}"


class Call(models.Model):
    """Hold what was sent and answered in one call, for the attempts of all its deliveries."""

    outbox = models.ForeignKey(
        Outbox, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    started = models.DateTimeField(help_text="The time at which its attempts started.")
    requests = models.PositiveIntegerField(help_text="The number of requests, those that are not kept too.")
    exchanges = models.JSONField(help_text="The requests that are kept: `sharecore.exchanges.Exchange`.")

    class Meta:
        indexes = [models.Index(fields=["started"], name="sharecore_call_started")]

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M:%S}"


class Attempt(models.Model):
    """Hold the outcome of one call for one delivery."""

    delivery = models.ForeignKey(Delivery, models.DO_NOTHING, db_constraint=False)
    # Found by `started`, which has an index and is the same in both.
    call = models.ForeignKey(Call, models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    started = models.DateTimeField()
    finished = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    worker = models.CharField(max_length=100)

    class Meta:
        indexes = [models.Index(fields=["started"], name="sharecore_attempt_started")]

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M:%S} {self.outcome}"
