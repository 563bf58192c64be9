"""Share the targets that were ticked in the list of targets continuously, all with one form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from sharecore.addresses import Address
from tom_integration import access, site
from tom_integration.pages import form_values, passing, phrases
from tom_integration.pages.destination_form import DestinationForm
from tom_integration.pages.guards import Page, require
from tom_integration.services import many_shares

NAMED = 20
"""Targets that the form names."""


class SelectedForm(DestinationForm):
    """Choose the destination and the limits of the shares of several targets."""

    share_existing_data = forms.BooleanField(required=False, label="Share existing data too")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer(user)


def selected(request: HttpRequest) -> list[int]:
    """Return the primary keys of the targets that were ticked."""
    return form_values.pks(request.POST.getlist("selected-target"))


def shareable(request: HttpRequest) -> Any:
    """Return those of the ticked targets that the user may share."""
    return access.targets_for_shares(request.user).filter(pk__in=selected(request))


def nothing(request: HttpRequest) -> HttpResponse:
    """Go back to the targets, and say that none was chosen."""
    chosen = (
        "Choose at least one target." if not selected(request) else "You may share none of these targets."
    )
    messages.error(request, chosen)
    return redirect("targets:list")


class Selected(Page):
    """Serve `/targets/persistentshare/targets/`: share each of the ticked targets from now on."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the form that the ticked targets need, or make the shares."""
        require(request.user, "add")
        targets = shareable(request)
        if not targets.exists():
            return nothing(request)
        sent = "kinds" in request.POST or "destination" in request.POST
        form = SelectedForm(request.POST if sent else None, user=request.user)
        if not sent or not form.is_valid():
            return self._page(request, targets, form)
        messages.success(request, _share(request, targets, form))
        return redirect("targets:persistent-share-manage-form")

    @staticmethod
    def _page(request: HttpRequest, targets: Any, form: SelectedForm) -> HttpResponse:
        number = targets.count()
        context = {
            "form": form,
            "kinds": form.choices,
            "targets": targets.order_by("name", "pk"),
            "named": NAMED,
            "number": number,
            "left": len(set(selected(request))) - number,
            **_counted(request, form),
        }
        return render(request, "tom_integration/selected_targets.html", context)


class Counted(Page):
    """Count the data that pass, for the choices in the form."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the numbers in words."""
        require(request.user, "add")
        form = SelectedForm(request.POST, user=request.user)
        return render(request, "tom_integration/partials/passing.html", _counted(request, form))


def _counted(request: HttpRequest, form: SelectedForm) -> dict[str, Any]:
    address = form["destination"].value() or ""
    if not access.may_use(request.user, Address.parse(address).name):
        address = ""
    targets = Q(target_id__in=shareable(request).values("pk"))
    return passing.context(request.user, targets, address, form)


def _share(request: HttpRequest, targets: Any, form: SelectedForm) -> str:
    """Make the shares that are not there yet; return what was done, for people."""
    address, existing = form.cleaned_data["destination"], form.cleaned_data["share_existing_data"]
    pks = list(targets.order_by("pk").values_list("pk", flat=True))
    made = many_shares.make(pks, address, user=request.user, limits=form.limits, existing=existing)
    already = len(pks) - made
    left = len(set(selected(request))) - len(pks)
    are = "is" if made == 1 else "are"
    return phrases.join(
        f"{phrases.number(made, 'target')} {are} now shared with {site.label(address)}",
        f"{phrases.number(already, 'target')} {'was' if already == 1 else 'were'} already" if already else "",
        f"{phrases.number(left, 'target')} you may not share" if left else "",
    )
