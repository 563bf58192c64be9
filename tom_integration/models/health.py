"""Store the health of destinations, the processes that deliver, and the position of their scan."""

from __future__ import annotations

from dataclasses import fields

from django.db import models
from django.db.models import Q

from sharecore.addresses import Address
from sharecore.circuit_breaker import Health
from tom_integration.models.shared_columns import NAME_LENGTH, REASON_LENGTH


class ScanPosition(models.Model):
    """Hold the position of the scan in one model, for all workers together."""

    model = models.CharField(max_length=40, unique=True, help_text="The model of the data.")
    newest = models.BigIntegerField(default=0, help_text="The highest primary key at the last scan.")
    compared_to = models.BigIntegerField(default=0, help_text="The last primary key compared in rotation.")

    def __str__(self) -> str:
        return f"{self.model}: new data from {self.newest}, all data from {self.compared_to}"


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
    next_call_at = models.DateTimeField(
        null=True, help_text="The time of the next call, as the destination asked."
    )
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
    takes_tests = models.BooleanField(
        null=True, help_text="Whether it takes a test, as its adapter said last; null before."
    )
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


class Worker(models.Model):
    """Hold the heartbeat of one process that delivers."""

    name = models.CharField(max_length=100, unique=True)
    runner = models.CharField(max_length=20)
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.runner} {self.name}"
