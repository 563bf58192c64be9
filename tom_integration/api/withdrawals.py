"""Serve `/targets/persistentshare/<pk>/withdraw/`: withdraw what a destination should not have."""

from __future__ import annotations

from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tom_integration.access import may
from tom_integration.api.permissions import ShareApi
from tom_integration.api.shares import conflicts
from tom_integration.services import shares, withdraw


class WithdrawSerializer(serializers.Serializer):
    """Read which deliveries are meant, and whether to withdraw them."""

    deliveries = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**63 - 1), min_length=1, max_length=1000
    )
    reason = serializers.CharField(max_length=400, required=False, allow_blank=True, default="")
    withdraw = serializers.BooleanField(default=False)
    """True to withdraw, not only to count."""
    with_others = serializers.BooleanField(default=False)
    """True to withdraw, too, what has the same name there."""

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if attrs["withdraw"] and not attrs["reason"]:
            raise serializers.ValidationError({"reason": ["Give a reason: the ledger keeps it."]})
        return attrs


class WithdrawalViewSet(ShareApi, viewsets.GenericViewSet):
    """Withdraw deliveries of one share."""

    serializer_class = WithdrawSerializer

    def withdraw(self, request: Request, pk: int) -> Response:
        """Count what would be withdrawn, or withdraw it."""
        share = self.share()
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        outbox, seen = shares.outbox_of(share), may(request.user, "view", share=share)
        with conflicts(seen=seen):
            try:
                if said["withdraw"]:
                    plan = withdraw.withdraw(
                        outbox,
                        said["deliveries"],
                        reason=said["reason"],
                        by=request.user,
                        with_others=said["with_others"],
                    )
                else:
                    plan = withdraw.plan(outbox, said["deliveries"], by=request.user)
            except withdraw.TakesOthers as error:
                hint = 'Add "with_others": true to withdraw all of them.'
                raise shares.NotPossible(f"{error} {hint}") from None
        return Response({"number": plan.number, "others": plan.others, "withdrawn": said["withdraw"]})
