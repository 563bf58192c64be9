"""Serve `/targets/shareapproval/`: what waits for the approval of the user, and its approval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, permissions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tom_integration import access
from tom_integration.api.list_filters import DestinationFilter, PrimaryKeyFilter
from tom_integration.api.permissions import ShareApi
from tom_integration.api.times import Utc
from tom_integration.models import Delivery
from tom_integration.services import approval
from tom_integration.services.approval_preview import previews


class ApprovalRights(permissions.IsAuthenticated):
    """Reject anonymous users, and those who may approve nothing."""

    message = "You have no permission to approve what is sent."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            raise exceptions.NotAuthenticated
        return access.may_approve(request.user)


class WaitingSerializer(serializers.ModelSerializer):
    """Serialize one record that waits."""

    timestamp = Utc()
    destination = serializers.CharField(source="address")
    target = serializers.IntegerField(source="outbox.target_id")
    share = serializers.IntegerField(source="outbox.share_id")
    content = serializers.CharField(source="asked")

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id", "target", "destination", "share", "one_time_share_id", "model", "datum_pk", "timestamp",
            "kind", "content",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields


class _Seen(serializers.Serializer):
    """Read a delivery with the content that was seen."""

    id = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    content = serializers.CharField(max_length=64)


class ApproveSerializer(serializers.Serializer):
    """Read what is approved."""

    deliveries = serializers.ListField(child=_Seen(), max_length=1000)

    @property
    def seen(self) -> dict[int, str]:
        """Return the content that was seen, by primary key of the delivery."""
        return {each["id"]: each["content"] for each in self.validated_data["deliveries"]}


class DeclineSerializer(ApproveSerializer):
    """Read what is declined, and why."""

    reason = serializers.CharField(max_length=400)


class ApprovalFilter(DestinationFilter):
    """Filter by target, share and destination."""

    target = PrimaryKeyFilter("outbox__target_id")
    share = PrimaryKeyFilter("outbox__share_id")

    class Meta:
        model = Delivery
        fields = ("target", "share", "destination")


class ApprovalViewSet(ShareApi, viewsets.ReadOnlyModelViewSet):
    """List what waits for the user, read one with exactly what would be sent, approve and decline."""

    permission_classes = (ApprovalRights,)
    serializer_class = WaitingSerializer
    filter_backends = (DjangoFilterBackend,)
    filterset_class = ApprovalFilter

    def get_queryset(self) -> QuerySet[Delivery]:
        return access.approvable(self.request.user).select_related("outbox").order_by("pk")

    def retrieve(self, request: Request, pk: int) -> Response:
        """Show one record, with exactly what would be sent."""
        row = get_object_or_404(self.get_queryset(), pk=pk)
        shown = previews(row.outbox, [row])[row.pk]
        return Response(
            {
                **self.get_serializer(row).data,
                "content": shown.content or row.asked,
                "preview": shown.body,
                "content_type": shown.content_type,
                "problem": shown.problem,
            }
        )

    def approve(self, request: Request) -> Response:
        """Let records go: `{"deliveries": [{"id": 1, "content": "..."}]}`."""
        given = ApproveSerializer(data=request.data)
        return self._done(given, "approved", lambda seen: approval.approve(request.user, seen))

    def decline(self, request: Request) -> Response:
        """Keep records here: the same, with a `reason`."""
        given = DeclineSerializer(data=request.data)

        def decline(seen: Mapping[int, str]) -> int:
            return approval.decline(request.user, seen, reason=given.validated_data["reason"])

        return self._done(given, "declined", decline)

    def _done(self, given: Any, word: str, act: Callable[[Mapping[int, str]], int]) -> Response:
        given.is_valid(raise_exception=True)
        number = act(given.seen)
        return Response({word: number, "left": len(given.seen) - number})
