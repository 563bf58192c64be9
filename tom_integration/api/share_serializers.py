"""Serialize shares for REST: the fields of tomtoolkit, and ours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import IntegrityError, transaction
from rest_framework import exceptions, serializers
from tom_targets.models import PersistentShare, get_target_model_class

from tom_integration import share_conflict
from tom_integration.access import REFUSAL, holds, may, targets_for_shares
from tom_integration.api.limits import LIMITS, LimitsSerializer
from tom_integration.api.times import utc
from tom_integration.models import Outbox, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.pages.share_status import NEW, summaries
from tom_integration.services import shares
from tom_integration.services.one_time import EVERYTHING, restricted

_CHANGED = "This has changed meanwhile; try again."


class ShareList(serializers.ListSerializer):
    """Serialize many shares, with one reading of all their outboxes."""

    def to_representation(self, data: Any) -> list[dict[str, Any]]:
        shares = list(data)
        states = read(shares, self.context["request"].user)
        return [self.child.shown(share, states[share.pk]) for share in shares]


class ShareSerializer(LimitsSerializer, serializers.ModelSerializer):
    """Serialize a share. Its creator is the user who made or last moved it, whatever the request says."""

    target = serializers.PrimaryKeyRelatedField(queryset=get_target_model_class().objects.none())
    share_existing_data = serializers.BooleanField(default=False, required=False, write_only=True)

    class Meta:
        model = PersistentShare
        fields = (
            "id",
            "target",
            "destination",
            "user",
            "created",
            "share_existing_data",
            *LIMITS,
        )
        read_only_fields = ("user",)
        validators: ClassVar[list[Any]] = []  # see `validate`: an error belongs beside its field
        list_serializer_class = ShareList

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].queryset = targets_for_shares(self.context["request"].user)

    def validate_destination(self, value: str) -> str:
        """Check that a new destination can be used; an unchanged one may be out of order."""
        new = self.instance is None or value != self.instance.destination
        if new and (fault := share_conflict.unusable(self.context["request"].user, value)):
            raise serializers.ValidationError(fault)
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user, share = self.context["request"].user, self.instance
        target_id, destination = self._place(attrs)
        if share is not None and share_conflict.moves(share, target_id, destination):
            if not holds(user, "add"):
                raise exceptions.PermissionDenied(REFUSAL)
            attrs["user"] = user
        if problem := share_conflict.taken(user, target_id, destination, by=share):
            raise serializers.ValidationError({"destination": [problem]})
        return attrs

    def _place(self, given: dict[str, Any]) -> tuple[int, str]:
        """Return the primary key of the target, and the destination, that the share would have."""
        old = PersistentShare() if self.instance is None else self.instance
        target_id = given["target"].pk if "target" in given else old.target_id
        return target_id, given.get("destination", old.destination)

    def create(self, validated_data: dict[str, Any]) -> Any:
        return self._save(None, validated_data)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        return self._save(instance, validated_data)

    def _save(self, share: Any | None, data: dict[str, Any]) -> Any:
        """Save the share with its limits in one transaction, so that nothing leaves before they are set."""
        existing = data.pop("share_existing_data", False)
        limits = {name: data.pop(name) for name in LIMITS if name in data}
        if "filter" in limits:
            limits["filter"] = write_filter(limits["filter"])
        target_id, destination = self._place(data)
        user = self.context["request"].user
        wanted = restricted(user, target_id, EVERYTHING) if existing else None
        try:
            if share is None:
                return shares.make(target_id, destination, user=user, limits=limits, existing=wanted)
            with transaction.atomic():
                share = super().update(share, data)
                outbox = shares.outbox_of(share)
                if limits:
                    open_outboxes.limit(outbox, **limits)
                if wanted is not None:
                    open_outboxes.ask_for(outbox, selection=wanted)
        except IntegrityError:
            problem = share_conflict.taken(self.context["request"].user, *self._place(data), by=self.instance)
            raise serializers.ValidationError({"destination": [problem or _CHANGED]}) from None
        return share

    def to_representation(self, share: Any) -> dict[str, Any]:
        user = self.context["request"].user
        if may(user, "view", share=share):
            return self.shown(share, read([share], user)[share.pk])
        # A user who may make or change the share without viewing it gets back their own input only.
        return self.shown(share, {}) if share.user_id == user.pk else {"id": share.pk}

    def shown(self, share: Any, state: dict[str, Any]) -> dict[str, Any]:
        """Return the columns of the share, with its state."""
        return {**super().to_representation(share), "target_name": share.target.name, **state}


def read(shares: Iterable[Any], user: Any) -> dict[int, dict[str, Any]]:
    """Return the states of shares by primary key, in the words of the pages."""
    shares = list(shares)
    by_share = {each.share_id: each for each in Outbox.objects.filter(share_id__in=[s.pk for s in shares])}
    seen = summaries(by_share.values(), user)
    found = {}
    for share in shares:
        outbox = by_share.get(share.pk, Outbox())
        summary = seen.get(outbox.pk, NEW)
        states = summary.counts
        found[share.pk] = {
            "state": summary.status.value,
            "state_text": summary.text,
            "counts": states,
            "pending": summary.pending,
            "to_approve": states.get("to_approve", 0),
            "failed": states.get("failed", 0),
            "needs_review": states.get("needs_review", 0),
            "withheld": states.get("withheld", 0),
            "unsupported": states.get("unsupported", 0),
            "delivered": summary.delivered,
            "problem": outbox.problem,
            "delivered_at": utc(summary.delivered_at),
            "next_at": utc(outbox.next_at),
            "paused": outbox.paused,
            "filter": json.loads(outbox.filter) if outbox.filter else {},
            "until": utc(outbox.until),
            "release_days": outbox.release_days,
            "not_before": utc(outbox.not_before),
            "rule": outbox.rule_id,
            "remote": outbox.adapter_state,
            "named_there": outbox.target_name,
        }
    return found
