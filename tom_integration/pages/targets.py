"""`/targets/<pk>/share/` and the share page of a target list: both tabs, and the sending."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from tom_targets.models import TargetList

from sharecore.exceptions import ConfigurationError
from tom_integration import permissions, site
from tom_integration.data.files import FILE_MODEL, WITH_A_FILE
from tom_integration.models import Channel, Request
from tom_integration.pages import download, one_time
from tom_integration.pages.access import Page, target_or_404
from tom_integration.pages.creating import form_context
from tom_integration.pages.glance import glances
from tom_integration.pages.listing import table_context
from tom_integration.pages.share import may_see

HISTORY = 10
LISTED_TARGETS = 500


class TargetShare(Page):
    """Share a target once, or from now on."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The tab that the address names: once (the first), or continuously."""
        target = target_or_404(request.user, pk)
        if request.GET.get("tab") == "continuous":
            context = {**form_context(request, target), **table_context(request, target)}
            return render(request, "tom_integration/target_continuous.html", context)
        initial = {"share_title": f"Updated data for {target.name}"}
        form = one_time.OnceForm(initial=initial, download=True)
        return self._page(request, target, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Send once, or make the file."""
        target = target_or_404(request.user, pk)
        form = one_time.OnceForm(request.POST, download=True)
        if not form.is_valid():
            return self._page(request, target, form)
        data = form.cleaned_data
        selection = one_time.selection_of(request.POST, request.user, target)
        address = data["share_destination"]
        if address == one_time.DOWNLOAD:
            if not one_time.number_of(target.pk, selection):
                form.add_error(None, "Choose the data that the file is to hold.")
                return self._page(request, target, form)
            return download.answer(target, selection, data["share_title"], data["share_message"])
        if objection := one_time.objection_to_files(address, selection):
            form.add_error("share_destination", objection)
            return self._page(request, target, form)
        try:
            queued = one_time.ask(
                request.user,
                address,
                target,
                title=data["share_title"],
                message=data["share_message"],
                introduce=True,
                selection=selection,
            )
        except ConfigurationError as error:
            form.add_error("share_destination", str(error))
            return self._page(request, target, form)
        asked = one_time.number_of(target.pk, selection)
        messages.success(request, one_time.told(queued, asked, target.name, address, selection=selection))
        channel = Channel.objects.get(destination=address, target_id=target.pk)
        if may_see(request.user, channel):
            return redirect("sharing:history", target.pk, channel.pk)
        return redirect("targets:share", target.pk)

    @staticmethod
    def _page(request: HttpRequest, target: Any, form: one_time.OnceForm) -> HttpResponse:
        context = {
            "target": target,
            "form": form,
            "addresses": form.addresses,
            "destination": form["share_destination"].value(),
            "download": True,
            "groups": one_time.listed(request.user, target),
            "ticked": set(request.POST.getlist("datum")) | set(request.POST.getlist("kinds")),
            "history": _history(request.user, target),
        }
        return render(request, "tom_integration/target_once.html", context)


def _history(user: Any, target: Any) -> list[dict[str, Any]]:
    """What was asked for by hand before, the newest first."""
    channels = {each.pk: each for each in Channel.objects.filter(target_id=target.pk) if may_see(user, each)}
    states = glances(channels.values(), user)
    requests = Request.objects.filter(channel_id__in=channels).order_by("-pk")[:HISTORY]
    return [
        {"request": each, "channel": channels[each.channel_id], "glance": states[each.channel_id]}
        for each in requests
    ]


class ListShare(Page):
    """`/targets/targetgrouping/<pk>/share/`: share the targets of a list once."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The targets of the list that the user may share."""
        target_list = _list_or_404(request.user, pk)
        initial = {"share_title": f"Updated targets for group {target_list.name}."}
        return self._page(request, target_list, one_time.OnceForm(initial=initial, download=False))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for each chosen target; what the user may not share is left out, whatever the form says."""
        target_list = _list_or_404(request.user, pk)
        form = one_time.OnceForm(request.POST, download=False)
        chosen = [int(each) for each in request.POST.getlist("selected-target") if each.isdecimal()]
        targets = list(_shareable(request.user, target_list).filter(pk__in=chosen))
        if not targets:
            form.add_error(None, "Choose at least one target.")
        if not form.is_valid():
            return self._page(request, target_list, form)
        data = form.cleaned_data
        with_data = bool(request.POST.get("dataSwitch"))
        with_files = bool(request.POST.get("filesSwitch"))
        if with_files and not site.takes_files(data["share_destination"]):
            form.add_error("share_destination", f"{site.label(data['share_destination'])} takes no files.")
            return self._page(request, target_list, form)
        queued = 0
        try:
            for target in targets:
                wanted = one_time.everything() if with_data else {}
                if with_files:
                    wanted[FILE_MODEL] = WITH_A_FILE
                selection = one_time.restricted(request.user, target.pk, wanted)
                queued += one_time.ask(
                    request.user,
                    data["share_destination"],
                    target,
                    title=data["share_title"],
                    message=data["share_message"],
                    introduce=True,
                    lists=[target_list.name],
                    selection=selection,
                )
        except ConfigurationError as error:
            form.add_error("share_destination", str(error))
            return self._page(request, target_list, form)
        number = "1 target" if len(targets) == 1 else f"{len(targets):,} targets"
        records = f" with {queued:,} record{'' if queued == 1 else 's'}" if queued else ""
        messages.success(
            request, f"{number}{records} will be sent to {site.label(data['share_destination'])}."
        )
        return redirect(f"{reverse('targets:list')}?targetlist__name={target_list.pk}")

    @staticmethod
    def _page(request: HttpRequest, target_list: Any, form: one_time.OnceForm) -> HttpResponse:
        shareable = _shareable(request.user, target_list)
        context = {
            "target_list": target_list,
            "form": form,
            "addresses": form.addresses,
            "destination": form["share_destination"].value(),
            "targets": shareable.order_by("name")[:LISTED_TARGETS],
            "number": shareable.count(),
            "limit": LISTED_TARGETS,
            "posted": form.is_bound,
            "ticked": set(request.POST.getlist("selected-target")),
            "with_files": bool(request.POST.get("filesSwitch")),
            "with_data": not form.is_bound or bool(request.POST.get("dataSwitch")),
        }
        return render(request, "tom_integration/list_share.html", context)


def _list_or_404(user: Any, pk: int) -> Any:
    target_list = TargetList.objects.filter(pk=pk).first()
    right = "tom_targets.view_targetlist"
    if target_list is None or not (user.has_perm(right) or user.has_perm(right, target_list)):
        raise Http404("There is no such target list.")
    if not _shareable(user, target_list).exists() and target_list.targets.exists():
        raise PermissionDenied
    return target_list


def _shareable(user: Any, target_list: Any) -> Any:
    members = target_list.targets.values("pk")
    return permissions.targets_for_shares(user).filter(pk__in=members)
