"""Show continuous shares in the Django admin, by the rights that hold on every page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.db.models import QuerySet
from django.utils.text import capfirst
from tom_targets.admin import PersistentShareAdmin
from tom_targets.forms import AdminPersistentShareForm
from tom_targets.models import PersistentShare

from tom_integration import access, share_conflict


class _TargetInput(ForeignKeyRawIdWidget):
    """Show the primary key only: the stock widget names any target that is typed or in the URL."""

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        return "", ""


class ShareForm(AdminPersistentShareForm):
    """Edit target and destination; the user who saves is the creator."""

    user: ClassVar[Any]
    """The user whose rights are checked."""

    def clean(self) -> dict[str, Any]:
        """Check the same rights as the REST API, with the same messages."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        target, destination = data.get("target"), data.get("destination")
        if target is None or not destination:
            return data
        moved = share_conflict.moves(self.instance, target.pk, destination)
        if moved and not access.may(self.user, "add", target=target):
            self.add_error(None, access.REFUSAL)
        elif problem := share_conflict.taken(self.user, target.pk, destination, by=self.instance):
            self.add_error("destination", problem)
        return data

    def validate_unique(self) -> None:
        """Do nothing: `clean` has checked it, without naming shares that the user may not view."""


class ShareAdmin(PersistentShareAdmin):
    """Show the shares that the user may view, with the actions that the user has a right to."""

    form = ShareForm
    fields = ("target", "destination", "user", "created")
    readonly_fields = ("user", "created")
    raw_id_fields = ("target",)

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        return access.shares_for(request.user, "view")

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return access.may(request.user, "view", share=obj)

    def has_add_permission(self, request: Any) -> bool:
        return access.may(request.user, "add")

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return access.may(request.user, "change", share=obj)

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return access.may(request.user, "delete", share=obj)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("ShareForm", (form,), {"user": request.user})

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "target":
            kwargs["queryset"] = access.targets_for_shares(request.user)
            kwargs["widget"] = _TargetInput(db_field.remote_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        if not change or {"target", "destination"} & set(form.changed_data):
            obj.user = request.user
        super().save_model(request, obj, form, change)


class TargetDeletion(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Hide shares on the admin's page that asks before a target is deleted.

    Shares are deleted with their target, as on tomtoolkit's own page; Django would name them to every user
    who may delete the target.
    """

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        """Return the objects that are deleted with these targets, without their shares."""
        nested, counts, needed, protected = super().get_deleted_objects(objs, request)
        names = PersistentShare._meta
        counts.pop(names.verbose_name_plural, None)
        needed.discard(names.verbose_name)
        return _without(nested, f"{capfirst(names.verbose_name)}: "), counts, needed, protected


def _without(nested: Iterable[Any], beginning: str) -> list[Any]:
    """Leave out lines that begin with a text, each with the nested list after it."""
    left: list[Any] = []
    dropped = False
    for each in nested:
        if isinstance(each, list):
            if not dropped:
                left.append(_without(each, beginning))
            continue
        dropped = str(each).startswith(beginning)
        if not dropped:
            left.append(each)
    return left


def name_no_share(target_model: Any) -> None:
    """Let the admin of a target model, if there is one, hide shares when it asks before a deletion."""
    registered = admin.site._registry.get(target_model)
    if registered is not None and not isinstance(registered, TargetDeletion):
        admin.site.unregister(target_model)
        kind = type(registered)
        admin.site.register(target_model, type(kind.__name__, (TargetDeletion, kind), {}))
