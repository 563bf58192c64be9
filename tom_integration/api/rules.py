"""Serve `/targets/sharerule/`: list, create, read, update, delete, preview, pause and resume rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import exceptions, permissions, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from sharecore.addresses import Address
from tom_integration.access import REFUSAL, Action, holds, rules_for
from tom_integration.api.limits import LimitsSerializer
from tom_integration.api.permissions import ShareApi
from tom_integration.api.shares import conflicts
from tom_integration.api.times import utc
from tom_integration.models import ShareRule
from tom_integration.outbox import rule_scope
from tom_integration.services import rule_outlook, rules

_PLAIN = ("id", "name", "scope", "extra_key", "extra_value", "existing", "ends")
_LIST = "target_list"


class RuleSerializer(LimitsSerializer, serializers.ModelSerializer):
    """Serialize a rule. Its creator is the user who made or last changed it, whatever the request says."""

    destination = serializers.CharField(max_length=401)
    target_list = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**63 - 1)

    class Meta:
        model = ShareRule
        fields = (*_PLAIN, _LIST, "destination", "filter", "until", "release_days", "not_before")
        extra_kwargs: ClassVar[dict[str, Any]] = {"extra_value": {"max_length": 10_000}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = dict(attrs)
        if "destination" in given:
            given["address"] = Address.parse(given.pop("destination"))
        if _LIST in given:
            given["target_list_id"] = given.pop(_LIST)
        user = self.context["request"].user
        draft = rules.draft(self.instance, creator=user, **given)
        if faults := rules.faults(draft, by=user):
            raise serializers.ValidationError({field: [text] for field, text in faults.items()})
        return given

    def create(self, validated_data: dict[str, Any]) -> ShareRule:
        return rules.make(creator=self.context["request"].user, **validated_data)

    def update(self, instance: ShareRule, validated_data: dict[str, Any]) -> ShareRule:
        return rules.change(instance, by=self.context["request"].user, **validated_data)

    def to_representation(self, rule: ShareRule) -> dict[str, Any]:
        return {
            **{name: getattr(rule, name) for name in _PLAIN},
            _LIST: rule.target_list_id,
            "destination": str(rule.address),
            "filter": json.loads(rule.filter) if rule.filter else {},
            "until": utc(rule.until),
            "release_days": rule.release_days,
            "not_before": utc(rule.not_before),
            "creator": rule.creator_id,
            "created": utc(rule.created),
            "paused": rule.paused,
            "ending": rule.ending,
            "problem": rule.problem,
            "skipped": rule.skipped,
            "applied_at": utc(rule.applied_at),
            "shares": rule_scope.shares_of(rule).count(),
        }


class RuleRights(permissions.BasePermission):
    """Reject anonymous users; to make, preview or change a rule needs the right to add shares."""

    message = REFUSAL

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            raise exceptions.NotAuthenticated
        return view.action not in view.adding or holds(request.user, "add")


class RuleViewSet(ShareApi, viewsets.ModelViewSet):
    """List, edit and act on rules; users without rights on all shares have only their own."""

    serializer_class = RuleSerializer
    permission_classes = (RuleRights,)
    adding = ("create", "preview", "update", "partial_update")
    """The actions that need the right to add shares."""
    rights: Mapping[str, Action] = {
        "update": "change",
        "partial_update": "change",
        "destroy": "delete",
        "pause": "change",
        "resume": "change",
    }

    def get_queryset(self) -> QuerySet[ShareRule]:
        return rules_for(self.request.user, "view").order_by("-created", "-pk")

    def get_object(self) -> ShareRule:
        """Return the rule of the URL, also to a user who may change it without viewing it.

        Raises:
            NotFound: the user may not see the rule.
            PermissionDenied: the user may see the rule only.
        """
        pk = self.kwargs["pk"]
        rule = rules_for(self.request.user, self.right).filter(pk=pk).first()
        if rule is not None:
            return rule
        if rules_for(self.request.user, "view").filter(pk=pk).exists():
            raise exceptions.PermissionDenied(REFUSAL)
        raise exceptions.NotFound

    def perform_update(self, serializer: serializers.BaseSerializer[ShareRule]) -> None:
        """Change the rule.

        Raises:
            Conflict: it is being ended.
        """
        with conflicts():
            serializer.save()

    def destroy(self, request: Request, pk: int) -> Response:
        """End the rule: a worker ends its shares, then deletes it."""
        return self._done(rules.end, status.HTTP_202_ACCEPTED)

    def preview(self, request: Request) -> Response:
        """Answer what a rule would do, without making it."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        draft = rules.draft(creator=request.user, **given.validated_data)
        outlook = rule_outlook.outlook(draft, seen_by=request.user)
        return Response({**asdict(outlook), "shares": outlook.shares, "filter_text": str(draft.chosen)})

    def pause(self, request: Request, pk: int) -> Response:
        """Pause the rule and its shares."""
        return self._done(partial(rules.pause, by=request.user))

    def resume(self, request: Request, pk: int) -> Response:
        """Go on with the rule and its shares."""
        return self._done(rules.resume)

    def _done(self, act: Callable[[ShareRule], None], code: int = status.HTTP_200_OK) -> Response:
        rule = self.get_object()
        seen = rules_for(self.request.user, "view").filter(pk=rule.pk).exists()
        with conflicts(seen=seen):
            act(rule)
        rule = ShareRule.objects.filter(pk=rule.pk).first() or rule  # A worker may have ended it by now.
        return Response(self.get_serializer(rule).data if seen else {"id": rule.pk}, status=code)
