"""Filter lists of shares and of deliveries; answer 400 to a value that is not valid."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from tom_targets.models import PersistentShare

from sharecore.delivery import State
from tom_integration.models import AtAddress, Delivery, at_destination
from tom_integration.pages import share_filters
from tom_integration.pages.find_causes import Around
from tom_integration.pages.share_status import ShareStatus


class PrimaryKeyFilter(django_filters.Filter):
    """Filter by a primary key: a whole number that every database can hold."""

    field_class = forms.IntegerField

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name=field_name, max_value=2**63 - 1, min_value=0)


class DestinationFilter(django_filters.FilterSet):
    """Filter rows with an address by destination: `name` with any topic, `name:topic` with that topic."""

    destination = django_filters.CharFilter(method="at_destination")

    def at_destination(self, rows: AtAddress[Any], name: str, value: str) -> AtAddress[Any]:
        return rows.matching(value)


class ShareFilter(django_filters.FilterSet):
    """Filter by target, destination (with all its topics, or one), user and state."""

    target = PrimaryKeyFilter("target_id")
    user = PrimaryKeyFilter("user_id")
    destination = django_filters.CharFilter(method="at_destination")
    state = django_filters.MultipleChoiceFilter(choices=ShareStatus.choices, method="in_state")

    class Meta:
        model = PersistentShare
        fields = ("target", "destination", "user", "state")

    def at_destination(self, shares: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Filter by destination: `name` with any topic, `name:topic` with that topic."""
        return shares.filter(at_destination(value))

    def in_state(self, shares: QuerySet[Any], name: str, values: list[str]) -> QuerySet[Any]:
        """Filter by any of these states, after all other filters."""
        return share_filters.in_states(shares, values, Around.read(self.request.user))


class DeliveryFilter(django_filters.FilterSet):
    """Filter by state, kind of record, and datum."""

    state = django_filters.MultipleChoiceFilter(choices=[(state.value, state.value) for state in State])
    datum_pk = PrimaryKeyFilter("datum_pk")

    class Meta:
        model = Delivery
        fields = ("state", "kind", "model", "datum_pk")
