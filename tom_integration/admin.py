"""Show the ledger in the Django admin, read-only: it must not be changed by hand.

The permission of the model lets a user read the rows that the pages would show to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from tom_targets.models import BaseTarget, PersistentShare, get_target_model_class

from tom_integration import access
from tom_integration.links import link
from tom_integration.models import Activity, Attempt, Delivery, InboxRecord, OneTimeShare, Outbox, Peer
from tom_integration.share_admin import ShareAdmin, name_no_share

if admin.site.is_registered(PersistentShare):  # by tomtoolkit, whose admin module is imported above
    admin.site.unregister(PersistentShare)
admin.site.register(PersistentShare, ShareAdmin)
for _model in {BaseTarget, get_target_model_class()}:
    name_no_share(_model)


def _outboxes(user: Any) -> QuerySet[Any]:
    return access.outboxes_for(user, "view").values("pk")


def _deliveries(user: Any) -> QuerySet[Any]:
    return access.of_visible_data(user, Delivery.objects.filter(outbox__in=_outboxes(user))).values("pk")


def _received(user: Any) -> QuerySet[Any]:
    here = InboxRecord.objects.filter(target_id__in=access.targets_for_shares(user).values("pk"))
    return access.of_visible_data(user, here).values("pk")


_READABLE: Mapping[type[Model], Callable[[Any], Q]] = {
    Outbox: lambda user: Q(pk__in=_outboxes(user)),
    OneTimeShare: lambda user: Q(outbox__in=_outboxes(user)),
    Delivery: lambda user: Q(pk__in=_deliveries(user)),
    Attempt: lambda user: Q(delivery__in=_deliveries(user)),
    InboxRecord: lambda user: Q(pk__in=_received(user)),
    Activity: lambda user: Q(pk__in=access.activity_for(user).values("pk")),
}
"""The rows of each model that a user may read who is no superuser."""


class _ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    def get_queryset(self, request: Any) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(_READABLE[self.model](request.user))

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow the filters that the page shows: a filter on another column would reveal its values."""
        return lookup.partition("__")[0] in self.list_filter

    def _never(self, request: Any, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _never


@admin.register(Outbox)
class OutboxAdmin(_ReadOnly):
    """Show outboxes: one target at one address each."""

    list_display = ("address", "target_id", "share_id", "look_now", "next_at", "delivered_at", "problem")
    list_filter = ("destination", "look_now")
    search_fields = ("destination", "topic", "=target_id")


@admin.register(OneTimeShare)
class OneTimeShareAdmin(_ReadOnly):
    """Show one-time shares."""

    list_display = ("created", "outbox", "user_id", "title", "introduce", "problem")
    list_select_related = ("outbox",)


@admin.register(Delivery)
class DeliveryAdmin(_ReadOnly):
    """Show deliveries: one record at one address each."""

    list_display = (
        "outbox",
        "model",
        "datum_pk",
        "observed",
        "state",
        "attempts",
        "reason",
        "at_destination",
    )
    list_filter = ("state", "destination", "kind")
    list_select_related = ("outbox",)
    search_fields = ("=outbox__target_id", "=datum_pk", "record_id", "remote_id", "reason")
    readonly_fields = ("observed", "at_destination")
    exclude = ("timestamp",)

    @admin.display(description="observed (UTC)", ordering="timestamp")
    def observed(self, row: Delivery) -> str:
        """Return the time in UTC: at the ends of the calendar, some time zones have no such time."""
        return row.timestamp.astimezone(UTC).isoformat(" ").removesuffix("+00:00") if row.timestamp else ""

    @admin.display(description="at the destination")
    def at_destination(self, row: Delivery) -> str:
        """Return the remote id, with a link where the destination has a page."""
        page = link(row.address, row.remote_id)
        return format_html('<a href="{}">{}</a>', page, row.remote_id) if page else row.remote_id


@admin.register(Attempt)
class AttemptAdmin(_ReadOnly):
    """Show the attempts to send a delivery."""

    list_display = ("started", "delivery", "outcome", "reason", "worker")
    list_filter = ("outcome",)
    list_select_related = ("delivery",)
    search_fields = ("=delivery__pk", "reason")
    exclude = ("call",)
    readonly_fields = ("sent_and_answered",)

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        return access.with_calls(request.user, super().get_queryset(request))

    @admin.display(description="sent and answered")
    def sent_and_answered(self, attempt: Any) -> str:
        """Return the page of the attempt, where its exchanges are kept and the user may read them."""
        if attempt.readable is None:
            return "-"
        page = reverse("sharing:attempt", args=[attempt.delivery_id, attempt.pk])
        return format_html('<a href="{}">{}</a>', page, "What was sent and answered")


@admin.register(InboxRecord)
class InboxRecordAdmin(_ReadOnly):
    """Show the records that other sites gave to this TOM."""

    list_display = ("created", "target_id", "model", "datum_pk", "origin", "relayed_by", "record_id")
    list_filter = ("kind", "relayed_by")
    search_fields = ("=target_id", "=datum_pk", "record_id", "origin")


@admin.register(Activity)
class ActivityAdmin(_ReadOnly):
    """Show who did what with shares, rules and destinations."""

    list_display = ("time", "user_name", "what", "target_name", "rule_name", "destination", "topic", "detail")
    list_filter = ("what", "destination")
    search_fields = ("user_name", "target_name", "rule_name", "=share_id")


class PeerForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Edit a site and its account, by user name."""

    account = forms.ModelChoiceField(get_user_model()._default_manager.order_by("username"))

    class Meta:
        model = Peer
        fields = ("origin", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("account", self.instance.user_id)

    def save(self, commit: bool = True) -> Any:
        self.instance.user_id = self.cleaned_data["account"].pk
        return super().save(commit)


@admin.register(Peer)
class PeerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Show the sites that send data here; a superuser may give them to other accounts."""

    form = PeerForm
    list_display = ("name", "origin", "account", "created")

    @admin.display(description="account")
    def account(self, peer: Peer) -> str:
        """Return the user name of the account."""
        user = get_user_model()._default_manager.filter(pk=peer.user_id).first()
        return user.get_username() if user else "an account that was deleted"

    def _is_superuser(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_view_permission = has_change_permission = has_delete_permission = _is_superuser
    has_add_permission = has_module_permission = _is_superuser
