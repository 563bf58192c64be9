"""Read and show the limits of shares and rules: filter and dates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from sharecore.exceptions import ConfigurationError
from sharecore.filters import Filter
from tom_integration.api.times import MomentField
from tom_integration.services.shares import TIME_OVER

LIMITS = ("filter", "until", "release_days", "not_before")


class LimitsSerializer(serializers.Serializer):
    """Read the limits; how they are shown depends on who asks."""

    filter = serializers.JSONField(required=False, write_only=True)
    until = MomentField(required=False, allow_null=True, write_only=True)
    release_days = serializers.FloatField(required=False, min_value=0, max_value=36500, write_only=True)
    not_before = MomentField(required=False, allow_null=True, write_only=True)

    def validate_until(self, value: datetime | None) -> datetime | None:
        """Check that the time lies ahead, since the share would send nothing else."""
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(TIME_OVER)
        return value

    def validate_filter(self, value: Any) -> Filter:
        """Check a filter in its JSON form."""
        try:
            return Filter.from_json(value, where="filter")
        except ConfigurationError as error:
            raise serializers.ValidationError([str(each) for each in error.problems]) from None
