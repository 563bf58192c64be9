"""Serialize deliveries for REST, with their attempts, and read what a person found out about them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from rest_framework import serializers

from tom_integration.access import with_calls
from tom_integration.api.times import MomentField, Utc
from tom_integration.links import link
from tom_integration.models import Attempt, Call, Delivery


class AttemptSerializer(serializers.ModelSerializer):
    """Serialize one attempt."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: Utc
    }

    class Meta:
        model = Attempt
        fields = ("started", "finished", "outcome", "reason")

    def to_representation(self, attempt: Any) -> dict[str, Any]:
        """Add the exchanges of the call, where they are kept and the user may read them."""
        call = self.context["calls"].get(attempt.readable)
        kept = {"requests": call.requests, "exchanges": call.exchanges} if call else dict.fromkeys(_OF_CALL)
        return {**super().to_representation(attempt), **kept}


_OF_CALL = ("requests", "exchanges")


_DELIVERY = (
    "id",
    "model",
    "datum_pk",
    "timestamp",
    "kind",
    "state",
    "reason",
    "field",
    "attempts",
    "failures",
    "next_at",
    "sent_at",
    "delivered_at",
    "remote_id",
    "link",
    "revision",
    "one_time_share_id",
    "approved_by",
    "created",
)


class DeliverySerializer(serializers.ModelSerializer):
    """Serialize one delivery; the datum is named by its model and primary key in this TOM."""

    # In the time zone of the TOM, a datum of the year 1 or 9999 may have no time, and break the list.
    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: Utc
    }
    link = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = _DELIVERY
        read_only_fields: tuple[str, ...] = fields

    def get_link(self, row: Delivery) -> str:
        """Return the page of the record at the destination, from the adapter, without a call."""
        return link(row.address, row.remote_id)


class DeliveryDetailSerializer(DeliverySerializer):
    """Serialize one delivery with its attempts, the latest first."""

    history = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = (*_DELIVERY, "history")
        read_only_fields: tuple[str, ...] = fields

    def get_history(self, row: Delivery) -> Any:
        """Return the attempts that are still kept."""
        mine = with_calls(self.context["request"].user, Attempt.objects.filter(delivery=row))
        attempts = list(mine.order_by("-started", "-pk")[:100])
        calls = Call.objects.in_bulk({each.readable for each in attempts} - {None})
        return AttemptSerializer(attempts, many=True, context={"calls": calls}).data


class ResolveSerializer(serializers.Serializer):
    """Read what a person found out about a delivery that may have arrived."""

    sent = serializers.BooleanField()
    """True when it arrived."""


class ResolveManySerializer(ResolveSerializer):
    """Read the same for many deliveries: those of one call, the named ones, or all that may have arrived."""

    sent_at = MomentField(required=False)
    deliveries = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**63 - 1), required=False, max_length=1000
    )

    def chosen(self) -> Q:
        """Return a condition for the chosen deliveries."""
        given = self.validated_data
        meant = Q(sent_at=given["sent_at"]) if "sent_at" in given else Q()
        return meant & Q(pk__in=given["deliveries"]) if "deliveries" in given else meant
