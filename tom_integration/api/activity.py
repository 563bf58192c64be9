"""Serve `/targets/shareactivity/` and `/targets/persistentshare/<pk>/activity/`: who did what."""

from __future__ import annotations

import django_filters
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers, viewsets

from tom_integration.access import activity_for
from tom_integration.api.list_filters import DestinationFilter, PrimaryKeyFilter
from tom_integration.api.permissions import ShareApi
from tom_integration.api.times import MomentFilter, Utc
from tom_integration.models import Activity, AtAddress
from tom_integration.pages.activity import of_outbox
from tom_integration.services.shares import outbox_of


class ActivitySerializer(serializers.ModelSerializer):
    """Serialize one action on one share, rule or destination, with the names of that time."""

    time = Utc()
    user = serializers.IntegerField(source="user_id")
    rule = serializers.IntegerField(source="rule_id")
    target = serializers.IntegerField(source="target_id")
    share = serializers.IntegerField(source="share_id")
    destination = serializers.CharField(source="address")

    class Meta:
        model = Activity
        fields = (
            "id",
            "time",
            "what",
            "user",
            "user_name",
            "rule",
            "rule_name",
            "share",
            "target",
            "target_name",
            "destination",
            "detail",
        )
        read_only_fields = fields


class ActivityFilter(DestinationFilter):
    """Filter by what was done, by whom, with what, and since when."""

    what = django_filters.MultipleChoiceFilter(choices=Activity.What.choices)
    user = PrimaryKeyFilter("user_id")
    rule = PrimaryKeyFilter("rule_id")
    share = PrimaryKeyFilter("share_id")
    target = PrimaryKeyFilter("target_id")
    since = MomentFilter("time", "gte")
    until = MomentFilter("time", "lt")

    class Meta:
        model = Activity
        fields = ("what", "user", "rule", "share", "target", "destination", "since", "until")


class ActivityViewSet(ShareApi, viewsets.ReadOnlyModelViewSet):
    """List the activity that the user may see, the newest first."""

    serializer_class = ActivitySerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = ActivityFilter
    collections: tuple[str, ...] = ("list",)

    def get_queryset(self) -> AtAddress[Activity]:
        return activity_for(self.request.user).order_by("-time", "-pk")


class ShareActivityViewSet(ActivityViewSet):
    """List the activity of one share, and of its target at its destination before it."""

    collections: tuple[str, ...] = ()

    def get_queryset(self) -> AtAddress[Activity]:
        """Return the activity of the share in the URL, after the check of the user's rights on it."""
        return of_outbox(Activity.objects.order_by("-time", "-pk"), outbox_of(self.share()))
