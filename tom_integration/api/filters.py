"""How lists of shares and of deliveries are narrowed down. A value that cannot be meant is a 400."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from tom_targets.models import PersistentShare

from sharecore.delivery import State
from tom_integration.models import Channel, Delivery
from tom_integration.pages.glance import LABELS, glances


class ShareFilter(django_filters.FilterSet):
    """By target, destination (with all its topics, or one), user and state."""

    target = django_filters.NumberFilter(field_name="target_id")
    user = django_filters.NumberFilter(field_name="user_id")
    destination = django_filters.CharFilter(method="at_destination")
    state = django_filters.MultipleChoiceFilter(
        choices=[(mood.value, label) for mood, label in LABELS.items()], method="in_state"
    )

    class Meta:
        model = PersistentShare
        fields = ("target", "destination", "user", "state")

    def at_destination(self, shares: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`name` means the destination whatever the topic, `name:topic` that topic."""
        return shares.filter(destination=value) | shares.filter(destination__startswith=f"{value}:")

    def in_state(self, shares: QuerySet[Any], name: str, values: list[str]) -> QuerySet[Any]:
        """Of those that all other filters leave, since a state is made of much that SQL does not know."""
        if not values:
            return shares
        channels = Channel.objects.filter(share_id__in=shares.values("pk"))
        seen = glances(channels)
        fitting = [each.share_id for each in channels if seen[each.pk].mood in values]
        return shares.filter(pk__in=fitting)


class DeliveryFilter(django_filters.FilterSet):
    """By state, kind of record, and the datum."""

    state = django_filters.MultipleChoiceFilter(choices=[(state.value, state.value) for state in State])

    class Meta:
        model = Delivery
        fields = ("state", "kind", "model", "datum_pk")
