"""Read and show times in REST: every time that is read is one that a database can hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django_filters.fields import IsoDateTimeField
from rest_framework import serializers

from tom_integration.pages.form_values import InUtc


class Utc(serializers.DateTimeField):
    """Serialize times in UTC, whatever the time zone of the TOM."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)


def utc(moment: datetime | None) -> Any:
    """Return a time as it is shown; None for none."""
    return None if moment is None else Utc().to_representation(moment)


class MomentField(serializers.DateTimeField):
    """Read a time; without a zone it is in the time zone of the TOM, as in all of its REST API."""

    def to_internal_value(self, value: Any) -> datetime:
        """Return the time in UTC; a ValidationError before the year 1 and after 9999 in UTC."""
        try:
            moment: datetime = super().to_internal_value(value).astimezone(UTC)
        except OverflowError:
            self.fail("overflow")
        return moment


class _MomentFormField(InUtc, IsoDateTimeField):
    pass


class MomentFilter(django_filters.IsoDateTimeFilter):
    """Filter by a time, read as `MomentField` does."""

    field_class = _MomentFormField
