"""Serve `/targets/<pk>/share/` with both tabs, and the share page of a target list."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from tom_integration import access, site
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.pages import (
    destination_choices,
    form_values,
    one_time,
    phrases,
    reports,
    selected_targets,
    share_fields,
)
from tom_integration.pages.guards import Page, page_of, target_or_404
from tom_integration.pages.new_share import form_context
from tom_integration.pages.share_list import table_context
from tom_integration.pages.share_status import summaries
from tom_integration.services.one_time import EVERYTHING, number_of, restricted, share_once

HISTORY = 10
LISTED_TARGETS = 500


class TargetShare(Page):
    """Share a target once, or from now on."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the tab that the URL names: once (the first), or continuously."""
        target = target_or_404(request.user, pk)
        if request.GET.get("tab") == "continuous":
            context = {**form_context(request, target), **table_context(request, target)}
            return render(request, "tom_integration/target_continuous.html", context)
        initial = {"share_title": f"Updated data for {target.name}"}
        form = one_time.OnceForm(initial=initial, user=request.user, download=True)
        return self._page(request, target, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Share once, or return the file."""
        target = target_or_404(request.user, pk)
        form = one_time.OnceForm(request.POST, user=request.user, download=True)
        if not form.is_valid():
            return self._page(request, target, form)
        address = Address.parse(form.cleaned_data["share_destination"])
        done = one_time.carry_out(
            request,
            target,
            form,
            one_time.selection_of(request.POST, request.user, target),
            nothing="Choose the data that the file is to hold.",
            onward=lambda: page_of(Outbox.to(address, target.pk), request.user),
            introduce=True,
        )
        return done or self._page(request, target, form)

    @staticmethod
    def _page(request: HttpRequest, target: Any, form: one_time.OnceForm) -> HttpResponse:
        context = {
            "target": target,
            "form": form,
            "destination": form["share_destination"].value(),
            "download": True,
            "groups": one_time.listed(request.user, target),
            "ticked": set(request.POST.getlist("datum")) | set(request.POST.getlist("kinds")),
            "history": _history(request.user, target),
            "reporters": destination_choices.reporters(request.user),
            "reports": reports.listed(request.user, target),
        }
        return render(request, "tom_integration/target_once.html", context)


def _history(user: Any, target: Any) -> list[dict[str, Any]]:
    """Return the last one-time shares of a target, the newest first, without those of reports.

    For a destination whose data the user may not know of, return the user's own shares only, with the records
    that did not arrive.
    """
    outboxes = {each.pk: each for each in Outbox.objects.filter(target_id=target.pk)}
    known = set(access.outboxes_for(user, "view").filter(pk__in=outboxes).values_list("pk", flat=True))
    mine = Q(outbox__in=known) | Q(outbox__in=outboxes, user_id=user.pk)
    reports_made = Delivery.objects.filter(outbox__in=outboxes, model=REPORT_MODEL)
    shares = OneTimeShare.objects.filter(mine).exclude(pk__in=reports_made.values("one_time_share_id"))
    made = list(shares.order_by("-pk")[:HISTORY])
    states = summaries([outboxes[pk] for pk in known & {each.outbox_id for each in made}], user)
    return [
        {
            "share": each,
            "filled": share_fields.filled_in(each, outboxes[each.outbox_id].address),
            "outbox": outboxes[each.outbox_id],
            "summary": states.get(each.outbox_id),
            "failed": "" if each.outbox_id in states else one_time.failed(user, each),
        }
        for each in made
    ]


class ListShare(Page):
    """Serve `/targets/targetgrouping/<pk>/share/`: share the targets of a list once."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the targets of the list that the user may share."""
        target_list = _list_or_404(request.user, pk)
        initial = {"share_title": f"Updated targets for group {target_list.name}."}
        form = one_time.OnceForm(initial=initial, user=request.user, download=False)
        return _once_page(request, _shareable(request.user, target_list), form, target_list)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Share each chosen target that the user may share, whatever the form says."""
        target_list = _list_or_404(request.user, pk)
        return _share_chosen(request, _shareable(request.user, target_list), target_list)


class SelectedShare(Page):
    """Serve `/targets/persistentshare/targets/once`: share the targets that were ticked once."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or share each chosen target that the user may share."""
        targets = selected_targets.shareable(request)
        if "share_title" in request.POST:
            return _share_chosen(request, targets, None)
        if not targets.exists():
            return selected_targets.nothing(request)
        form = one_time.OnceForm(user=request.user, download=False)
        return _once_page(request, targets, form, None)


def _share_chosen(request: HttpRequest, shareable: Any, target_list: Any | None) -> HttpResponse:
    form = one_time.OnceForm(request.POST, user=request.user, download=False)
    chosen = form_values.pks(request.POST.getlist("selected-target"))
    targets = list(shareable.filter(pk__in=chosen))
    if not targets:
        form.add_error(None, "Choose at least one target.")
    if not form.is_valid():
        return _once_page(request, shareable, form, target_list)
    address = form.cleaned_data["share_destination"]
    label = site.label(address)
    with_data = bool(request.POST.get("dataSwitch"))
    with_files = bool(request.POST.get("filesSwitch"))
    if with_files and not site.takes_files(address):
        form.add_error("share_destination", f"{label} takes no files.")
        return _once_page(request, shareable, form, target_list)
    queued, there, rest = 0, 0, ""
    wanted = dict(EVERYTHING) if with_data else {}
    if with_files:
        wanted[FILE_MODEL] = WITH_A_FILE
    unasked = form.check(targets[0], request.user)
    if form.errors:
        return _once_page(request, shareable, form, target_list)
    text = form.text | {"values": form.values}
    text |= {"lists": [target_list.name] if target_list else [], "introduce": True}
    try:
        for target in targets:
            selection = restricted(request.user, target.pk, wanted)
            number = share_once(address, target.pk, selection, user_id=request.user.pk, **text)
            if not one_time.may_follow(request.user, target, address):
                number = number_of(target.pk, selection)
                rest = ", except what is there"
            else:
                there += number_of(target.pk, selection) - number
            queued += number
    except ConfigurationError as error:
        form.add_error("share_destination", str(error))
        return _once_page(request, shareable, form, target_list)
    targets_sent = phrases.number(len(targets), "target")
    records = f" with {phrases.number(queued)}" if queued else ""
    said = f"{targets_sent}{records} will be sent to {label}{rest if queued else ''}"
    are = "is" if there == 1 else "are"
    already = f"{phrases.number(there)} of their data {are} there, or on the way"
    follow = "The Share page of each target shows how far it is"
    messages.success(request, phrases.join(said, already if there else "", follow, unasked))
    query = f"?targetlist__name={target_list.pk}" if target_list else ""
    return redirect(f"{reverse('targets:list')}{query}")


def _once_page(
    request: HttpRequest, shareable: Any, form: one_time.OnceForm, target_list: Any | None
) -> HttpResponse:
    context = {
        "target_list": target_list,
        "form": form,
        "destination": form["share_destination"].value(),
        "targets": shareable.order_by("name")[:LISTED_TARGETS],
        "number": shareable.count(),
        "limit": LISTED_TARGETS,
        "ticked": set(request.POST.getlist("selected-target")),
        "with_files": bool(request.POST.get("filesSwitch")),
        "with_data": not form.is_bound or bool(request.POST.get("dataSwitch")),
    }
    return render(request, "tom_integration/list_share.html", context)


def _list_or_404(user: Any, pk: int) -> Any:
    target_list = access.lists_for(user).filter(pk=pk).first()
    if target_list is None:
        raise Http404("There is no such target list.")
    if not _shareable(user, target_list).exists() and target_list.targets.exists():
        raise PermissionDenied
    return target_list


def _shareable(user: Any, target_list: Any) -> Any:
    members = target_list.targets.values("pk")
    return access.targets_for_shares(user).filter(pk__in=members)
