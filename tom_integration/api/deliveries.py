"""Serve `/targets/persistentshare/<pk>/deliveries/`: the state of each record of a share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import viewsets
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.response import Response

from tom_integration.access import deliveries_for, may
from tom_integration.api.delivery_serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    ResolveSerializer,
)
from tom_integration.api.list_filters import DeliveryFilter
from tom_integration.api.permissions import ShareApi
from tom_integration.api.shares import conflicts
from tom_integration.models import Delivery
from tom_integration.services import resolve, retry


class DeliveryViewSet(ShareApi, viewsets.ReadOnlyModelViewSet):
    """List, read, retry and resolve the deliveries of one share."""

    serializer_class = DeliverySerializer
    filter_backends = (DjangoFilterBackend, SearchFilter, OrderingFilter)
    filterset_class = DeliveryFilter
    search_fields = ("reason", "remote_id", "field", "record_id")
    ordering_fields = ("id", "timestamp", "state", "next_at", "sent_at", "delivered_at")
    ordering = ("-timestamp", "-pk")

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries of the share in the URL, after the check of the user's rights on it."""
        return deliveries_for(self.request.user, self.share())

    def get_object(self) -> Delivery:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["delivery_pk"])

    def get_serializer_class(self) -> type[DeliverySerializer]:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    def retry(self, request: Request, pk: int, delivery_pk: int) -> Response:
        """Make this delivery due now."""
        return self._done(retry.retry_one)

    def resolve(self, request: Request, pk: int, delivery_pk: int) -> Response:
        """Settle a delivery that may have arrived: `{"sent": true}`, or `{"sent": false}` to resend it."""
        row = self.get_object()
        verdict = ResolveSerializer(data=request.data)
        verdict.is_valid(raise_exception=True)
        arrived = verdict.validated_data["sent"]
        return self._done(lambda _: resolve.resolve(row, arrived=arrived, by=request.user.get_username()))

    def _done(self, act: Callable[[Any], None]) -> Response:
        row = self.get_object()
        seen = may(self.request.user, "view", outbox=row.outbox)
        with conflicts(seen=seen):
            act(row)
        row.refresh_from_db()
        return Response(self.get_serializer(row).data if seen else {"id": row.pk})
