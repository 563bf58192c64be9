"""Serve `/targets/persistentshare/`: list, create, read, update and delete shares, and act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import exceptions, status, viewsets
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.response import Response

from tom_integration.access import Action, deliveries_for, may, shares_for, targets_for_shares
from tom_integration.api.delivery_serializers import ResolveManySerializer
from tom_integration.api.list_filters import ShareFilter
from tom_integration.api.permissions import ShareApi
from tom_integration.api.share_serializers import ShareSerializer
from tom_integration.services import resolve, retry, shares


class Conflict(exceptions.APIException):
    """Refuse a valid request that the present state does not allow."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The present state does not allow this."


@contextmanager
def conflicts(*, seen: bool = True) -> Iterator[None]:
    """Answer what is not possible as a conflict, with the reason for who may see the share."""
    try:
        yield
    except shares.NotPossible as error:
        raise Conflict(str(error) if seen else None) from None


class ShareViewSet(ShareApi, viewsets.ModelViewSet):
    """List, edit and act on continuous shares, with the rights in `rights`."""

    serializer_class = ShareSerializer
    filter_backends = (DjangoFilterBackend, OrderingFilter)
    filterset_class = ShareFilter
    ordering_fields = ("id", "created", "destination", "target__name")
    ordering = ("-created", "-pk")
    collections = ("list", "create")
    rights: Mapping[str, Action] = {"create": "add", "destroy": "delete"}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the shares of a list, those of one target if the URL names it and the user may share it."""
        shares = shares_for(self.request.user, "view").select_related("target", "user")
        target_pk = self.kwargs.get("target_pk")
        if target_pk is None:
            return shares
        if not targets_for_shares(self.request.user).filter(pk=target_pk).exists():
            raise exceptions.NotFound
        return shares.filter(target_id=target_pk)

    def get_object(self) -> Any:
        return self.share()

    def perform_create(self, serializer: Any) -> None:
        serializer.save(user=self.request.user)

    def pause(self, request: Request, pk: int) -> Response:
        """Pause the share."""
        return self._done(lambda share: shares.pause(share, by=request.user))

    def resume(self, request: Request, pk: int) -> Response:
        """Resume the share."""
        return self._done(shares.resume)

    def adopt(self, request: Request, pk: int) -> Response:
        """Let the share act with the rights of this user, when those of its creator no longer suffice."""
        return self._done(lambda share: shares.adopt(share, by=request.user))

    def retry(self, request: Request, pk: int) -> Response:
        """Try records again that were refused, withheld, unsupported or given up."""

        def again(share: Any) -> dict[str, int]:
            among = deliveries_for(request.user, share)
            return {"retried": retry.retry_outbox(shares.outbox_of(share), among=among)}

        return self._done(again)

    def resolve(self, request: Request, pk: int) -> Response:
        """Settle records that may have arrived: `{"sent": true}`, or `{"sent": false}` to send them again.

        Settle all of the share, those of one call (`"sent_at"`), or single ones (`"deliveries": [1, 2]`).
        """
        verdict = ResolveManySerializer(data=request.data)

        def settle(share: Any) -> dict[str, int]:
            verdict.is_valid(raise_exception=True)
            rows = deliveries_for(request.user, share).filter(verdict.chosen())
            arrived = verdict.validated_data["sent"]
            return {"resolved": resolve.resolve_all(rows, arrived=arrived, by=request.user.get_username())}

        return self._done(settle)

    def _done(self, act: Callable[[Any], dict[str, int] | None]) -> Response:
        share = self.share()
        seen = may(self.request.user, "view", share=share)
        with conflicts(seen=seen):
            numbers = act(share)
        share.refresh_from_db()
        shown = self.get_serializer(share).data
        return Response({**shown, **numbers} if seen and numbers else shown)
