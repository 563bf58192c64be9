"""The REST API of continuous shares, at the URLs and with the fields of tomtoolkit."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from guardian.shortcuts import get_objects_for_user
from rest_framework import permissions, serializers, viewsets
from rest_framework.request import Request
from tom_targets.base_models import get_target_model_app_label
from tom_targets.models import PersistentShare, get_target_model_class

from sharecore.exceptions import ConfigurationError
from tom_integration import channels, site
from tom_integration.rights import may_change

_ACTIONS = {
    "GET": "view",
    "HEAD": "view",
    "OPTIONS": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


def changeable_targets(user: Any) -> QuerySet[Any]:
    """The targets that a user may change, and so the only ones whose shares they may know of."""
    model = get_target_model_class()
    targets: QuerySet[Any] = get_objects_for_user(
        user, f"{get_target_model_app_label()}.change_target", klass=model
    )
    return targets


def shares_for(user: Any, action: str) -> QuerySet[Any]:
    """The shares that a user may view, change or delete: that right, and `change_target` on the target."""
    permitted: QuerySet[Any] = get_objects_for_user(
        user, f"tom_targets.{action}_persistentshare", klass=PersistentShare
    )
    return permitted.filter(target__in=changeable_targets(user).values("pk"))


class ShareSerializer(serializers.ModelSerializer):
    """A share, as tomtoolkit shows it. The creator is the user of the request, whatever it says."""

    target = serializers.PrimaryKeyRelatedField(queryset=get_target_model_class().objects.none())
    share_existing_data = serializers.BooleanField(default=False, required=False, write_only=True)

    class Meta:
        model = PersistentShare
        fields = ("id", "target", "destination", "user", "created", "share_existing_data")
        read_only_fields = ("user",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        request = self.context.get("request")
        if request is not None:
            self.fields["target"].queryset = changeable_targets(request.user)

    def validate_destination(self, value: str) -> str:
        """It has to be configured, and to work."""
        try:
            site.destinations().resolve(value)
        except ConfigurationError as error:
            raise serializers.ValidationError(str(error)) from None
        return value

    def create(self, validated_data: dict[str, Any]) -> Any:
        existing = validated_data.pop("share_existing_data", False)
        share = super().create(validated_data)
        if existing:
            channel = channels.open_channel(share.destination, share.target_id)
            channels.ask_for(channel)
        return share

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        validated_data.pop("share_existing_data", None)
        return super().update(instance, validated_data)


class ShareRights(permissions.BasePermission):
    """`tom_targets.{view,add,change,delete}_persistentshare`, globally or for the object."""

    message = "You have no permission to do this with continuous shares."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.method == "POST":
            return bool(request.user.has_perm("tom_targets.add_persistentshare"))
        return True

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        right = f"tom_targets.{_ACTIONS[request.method]}_persistentshare"
        return bool(request.user.has_perm(right) or request.user.has_perm(right, obj))


class ShareViewSet(viewsets.ModelViewSet):
    """List, create, read, update and delete continuous shares."""

    serializer_class = ShareSerializer
    permission_classes: ClassVar = [permissions.IsAuthenticated, ShareRights]

    def get_queryset(self) -> QuerySet[Any]:
        """A share that the user may not view does not exist for them, whatever they want with it."""
        shares = shares_for(self.request.user, "view") | shares_for(
            self.request.user, _ACTIONS[self.request.method]
        )
        target_pk = self.kwargs.get("target_pk")
        if target_pk is None:
            return shares.distinct()
        target = get_target_model_class().objects.filter(pk=target_pk).first()
        if target is None or not may_change(self.request.user, target):
            raise Http404
        return shares.filter(target_id=target_pk).distinct()

    def perform_create(self, serializer: Any) -> None:
        serializer.save(user=self.request.user)
