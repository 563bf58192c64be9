"""Serve `replay/` of shares, rules and destinations: count what would be sent again, then send it."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from sharecore.exceptions import ConfigurationError
from tom_integration.api.permissions import ShareApi
from tom_integration.api.shares import Conflict
from tom_integration.api.times import MomentField
from tom_integration.pages.guards import (
    replayed_destination_or_404,
    replayed_rule_or_404,
    replayed_share_or_404,
)
from tom_integration.services.replay_lost import MayDouble, Replay

_HINT = 'If that is harmless, add "doubles": true.'


class ReplaySerializer(serializers.Serializer):
    """Read which records are meant, and whether to send them."""

    since = MomentField(required=False, allow_null=True, default=None)
    until = MomentField(required=False, allow_null=True, default=None)
    send = serializers.BooleanField(default=False)
    """True to send, not only to count."""
    doubles = serializers.BooleanField(default=False)
    """True to send to destinations that cannot be asked what they have, too."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs["since"], attrs["until"]
        if since is not None and until is not None and until <= since:
            raise serializers.ValidationError({"until": ["It must be after `since`."]})
        return attrs


class ReplayViewSet(ShareApi, viewsets.GenericViewSet):
    """Replay what a user may view and change."""

    serializer_class = ReplaySerializer
    collections = ("of_destination",)

    def of_share(self, request: Request, pk: int) -> Response:
        """Replay one share."""
        return self._replay(share_id=replayed_share_or_404(request.user, pk).pk)

    def of_rule(self, request: Request, pk: int) -> Response:
        """Replay the shares of a rule."""
        return self._replay(rule_id=replayed_rule_or_404(request.user, pk).pk)

    def of_destination(self, request: Request) -> Response:
        """Replay all that goes to a destination."""
        name = request.data.get("destination", "") if isinstance(request.data, dict) else ""
        if not isinstance(name, str) or not name:
            raise exceptions.ValidationError({"destination": ["Name a destination."]})
        return self._replay(destination=replayed_destination_or_404(request.user, name))

    def _replay(self, **scope: Any) -> Response:
        given = self.get_serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        replay = Replay(since=said["since"], until=said["until"], by=self.request.user, **scope)
        try:
            plan = replay.send_again(doubles=said["doubles"]) if said["send"] else replay.plan()
        except MayDouble as error:
            raise Conflict(f"{error} {_HINT}") from None
        except ConfigurationError as error:
            raise Conflict(str(error)) from None
        return Response(
            {
                "number": plan.number,
                "counts": {str(address): number for address, number in plan.counts.items()},
                "may_double": plan.doubles,
                "edited": plan.edited,
                "left": plan.left,
                "sent": said["send"],
            }
        )
