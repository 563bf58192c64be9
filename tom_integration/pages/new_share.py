"""Make a continuous share: the form, the search for a target, the number of existing data, the preview."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from tom_integration import access, share_conflict, site
from tom_integration.mapping.filter_conditions import selection
from tom_integration.outbox import open_outboxes
from tom_integration.outbox.limits import Limits
from tom_integration.pages import form_values, inventory, one_time, passing, preview_page, target_search
from tom_integration.pages.guards import Page, page_of, require, target_or_404
from tom_integration.pages.limits_form import LimitsForm
from tom_integration.pages.share_form import ShareForm
from tom_integration.services import shares
from tom_integration.services.one_time import EVERYTHING, number_of, restricted

_FORM = "tom_integration/partials/create_share.html"


def form_context(request: HttpRequest, target: Any | None, form: ShareForm | None = None) -> dict[str, Any]:
    """Return the form context; `form` is None if the user cannot add shares (of this target)."""
    if not access.may(request.user, "add", target=target):
        return {"form": None, "target": target}
    form = form or ShareForm(user=request.user, target=target)
    numbers = inventory.count_by_kind(request.user, target.pk) if target is not None else {}
    chosen = target or (form.cleaned_data.get("target_object") if form.is_bound else None)
    address = _usable(request.user, form["destination"].value() or "")
    return {
        "form": form,
        "target": target,
        "found": [] if chosen is None else [target_search.Found(pk=chosen.pk, name=chosen.name)],
        "destination": address,
        "kinds": [{**each, "number": numbers.get(each["kind"])} for each in form.choices],
        **_existing(request.user, chosen, address, form),
        "counted_url": _url("existing", target),
        "create_url": _url("create", target),
    }


def _existing(user: Any, target: Any | None, address: str, form: LimitsForm) -> dict[str, Any]:
    """Return how many data pass, and how many "share existing data" would send and are there already.

    `existing` is None without a target. Without an address, and for a user who may not know what the address
    has, `existing` counts all data of the target. In the second case `already` is None.
    """
    context = passing.context(user, None if target is None else Q(target_id=target.pk), address, form)
    if target is None or form.filter is None:
        return context | {"existing": None}
    chosen = selection([*passing.of_address(address).filters, form.filter])
    wanted = restricted(user, target.pk, chosen)
    number = number_of(target.pk, wanted)
    if address and not one_time.may_follow(user, target, address):
        return context | {"existing": number, "already": None}
    unsent = (
        open_outboxes.asked_for(Address.parse(address), target.pk, selection=wanted) if address else number
    )
    return context | {"existing": unsent, "already": number - unsent}


def _url(name: str, target: Any | None) -> str:
    if target is None:
        return reverse(f"sharing:{name}")
    return reverse(f"sharing:{name}-for-target", args=[target.pk])


class Create(Page):
    """Take the form; answer htmx with the form alone, other browsers with a redirect."""

    def post(self, request: HttpRequest, target_pk: int | None = None) -> HttpResponse:
        """Make the share, or show the errors beside the fields."""
        require(request.user, "add")
        target = None if target_pk is None else target_or_404(request.user, target_pk)
        form = ShareForm(request.POST, user=request.user, target=target)
        share = _make(form, request.user) if form.is_valid() else None
        if share is not None:
            return self._made(request, share, target)
        template = _FORM if request.headers.get("HX-Request") else "tom_integration/create.html"
        return render(request, template, form_context(request, target, form))

    def _made(self, request: HttpRequest, share: Any, target: Any | None) -> HttpResponse:
        text = f"{share.target.name} is now shared with {site.label(share.destination)}."
        if request.headers.get("HX-Request"):
            context = form_context(request, target) | {"made": share, "made_text": text}
            response = render(request, _FORM, context)
            response["HX-Trigger"] = "sharing:changed"
            return response
        messages.success(request, text)
        return redirect(page_of(shares.outbox_of(share), request.user))


def _make(form: ShareForm, user: Any) -> Any | None:
    """Make the share; return None, with an error in the form, when another user made it meanwhile."""
    data = form.cleaned_data
    target = data["target_object"]
    if not access.may(user, "add", target=target):
        raise PermissionDenied
    try:
        return shares.make(
            target.pk,
            data["destination"],
            user=user,
            limits=form.limits,
            existing=restricted(user, target.pk, EVERYTHING) if data["share_existing_data"] else None,
        )
    except IntegrityError:
        problem = share_conflict.taken(user, target.pk, data["destination"], name=target.name)
        form.add_error("destination", problem or "This has changed meanwhile; try again.")
        return None


class Targets(Page):
    """Search targets by a part of a name or alias."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a few of the targets."""
        require(request.user, "add")
        text = request.GET.get("target_name", "")
        found, more = target_search.search(request.user, text)
        context = {"found": found, "more": more, "text": text.strip(), "shortest": target_search.SHORTEST}
        return render(request, "tom_integration/partials/target_choices.html", context)


class Existing(Page):
    """Count the data that pass, and those that "share existing data" would send, for the choices."""

    def post(self, request: HttpRequest, target_pk: int | None = None) -> HttpResponse:
        """Show the numbers in words."""
        require(request.user, "add")
        target = _chosen_target(request, target_pk)
        address = _chosen_address(request)
        found = _existing(request.user, target, address, LimitsForm(request.POST))
        return render(request, "tom_integration/partials/counted.html", found)


class Preview(Page):
    """Preview what the choices in the form would send: a part of it, or with `file` all."""

    def post(self, request: HttpRequest, target_pk: int | None = None) -> HttpResponseBase:
        """Show the payload, or what has to be chosen first."""
        require(request.user, "add")
        target = _chosen_target(request, target_pk)
        address, form = _chosen_address(request), LimitsForm(request.POST)
        missing = [
            word
            for word, chosen in (
                ("destination", address), ("target", target), ("kind of data", request.POST.get("kinds"))
            )
            if not chosen
        ]  # fmt: skip
        existing = bool(request.POST.get("share_existing_data"))
        context: dict[str, Any] = {
            "missing": missing,
            "faults": form.faults,
            "target": target,
            "destination": address,
            "repeated": [(name, text) for name in form.fields for text in request.POST.getlist(name)],
            "existing": existing,
        }
        if target is None or missing or not form.is_valid():
            return render(request, "tom_integration/partials/preview.html", context)
        limits = Limits((form.filter,) if form.filter else (), (form.release,))
        if "file" in request.POST:
            return _as_file(request.user, target, address, limits, existing=existing)
        part = request.POST.get("part", "")
        context["turned"] = bool(part)
        context["shown"] = preview_page.show(
            request.user,
            target,
            address,
            limits,
            existing=existing,
            part=int(part[:9]) if part.isdecimal() else 1,
        )
        return render(request, "tom_integration/partials/preview.html", context)


def _as_file(user: Any, target: Any, address: str, limits: Limits, *, existing: bool) -> HttpResponseBase:
    """Stream all that would be sent, made while the browser reads, since there may be much of it."""
    try:
        lines = preview_page.whole(user, target, address, limits, existing=existing)
    except ConfigurationError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(lines, content_type="text/plain; charset=utf-8")
    name = slugify(f"{target.name} to {address}") or "preview"
    response["Content-Disposition"] = f'attachment; filename="{name}.txt"'
    return response


def _chosen_address(request: HttpRequest) -> str:
    return _usable(request.user, request.POST.get("destination", ""))


def _usable(user: Any, address: str) -> str:
    """Return the address; empty for one that the user may not use."""
    return address if access.may_use(user, Address.parse(address).name) else ""


def _chosen_target(request: HttpRequest, target_pk: int | None) -> Any | None:
    if target_pk is not None:
        return target_or_404(request.user, target_pk)
    if request.POST.get("target"):
        pk = form_values.pk(request.POST["target"])
        return access.targets_for_shares(request.user).filter(pk=pk).first()
    return target_search.exact(request.user, request.POST.get("target_name", "").strip())
