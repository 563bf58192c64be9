"""What a person does with a share: pause, resume, adopt, retry, resolve, delete. Plain forms, by POST."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from sharecore.delivery import NEEDS_PERSON, OPEN, State
from tom_integration import actions, held, permissions, site
from tom_integration.models import Channel, Delivery
from tom_integration.pages import sentences
from tom_integration.pages.access import Page, share_or_404, target_or_404
from tom_integration.pages.share import may_see


class Act(Page):
    """POST: pause, resume, adopt, try all again what did not arrive, say what became of all that may have."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do it, say so, and go back to where the button was."""
        share = share_or_404(request.user, pk, "change")
        name = f"{share.target.name} to {site.label(share.destination)}"
        try:
            match action:
                case "pause":
                    actions.pause(share, by=request.user)
                    text = f"{name} is paused."
                case "resume":
                    actions.resume(share)
                    text = f"{name} goes on."
                case "adopt":
                    actions.adopt(share, by=request.user)
                    text = f"{name} now acts with your rights."
                case _:
                    text = _act_on_all(actions.channel_of(share), action, request)
        except actions.NotPossible as reason:
            messages.error(request, str(reason))
        else:
            messages.success(request, text)
        return back(request, _page_of(share, request.user))


class ActOnDelivery(Page):
    """POST: try one record again, or say what became of one that nobody knows the fate of."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do it, say so, and go back to where the button was."""
        row = Delivery.objects.filter(pk=pk).first()
        channel = None if row is None else _channel(row)
        if row is None or channel is None:
            raise Http404("There is no such delivery.")
        page = self._allowed(request.user, channel)
        if not permissions.deliveries_for(request.user, channel).filter(pk=pk).exists():
            raise Http404("There is no such delivery.")
        try:
            match action:
                case "retry":
                    actions.retry_one(row)
                    text = "It will be tried again now."
                case "arrived":
                    held.resolve(row, arrived=True, by=request.user.get_username())
                    text = "Noted: it arrived, and is not sent again."
                case _:
                    held.resolve(row, arrived=False, by=request.user.get_username())
                    text = "It will be sent again now."
        except actions.NotPossible as reason:
            messages.error(request, str(reason))
        else:
            messages.success(request, text)
        return back(request, page)

    @staticmethod
    def _allowed(user: Any, channel: Channel) -> str:
        """The page of the delivery; refused, or not found, when the user may not change it."""
        if channel.share_id is not None:
            return _page_of(share_or_404(user, channel.share_id, "change"), user)
        target_or_404(user, channel.target_id)
        return reverse("sharing:history", args=[channel.target_id, channel.pk])


class ActOnHistory(Page):
    """POST: the same for what was shared once, and did not arrive or may have."""

    def post(self, request: HttpRequest, target_pk: int, pk: int, action: str) -> HttpResponse:
        """Do it with each delivery of the channel, and go back."""
        target_or_404(request.user, target_pk)
        channel = Channel.objects.filter(pk=pk, target_id=target_pk, share_id__isnull=True).first()
        if channel is None or not may_see(request.user, channel):
            raise Http404("Nothing was shared there.")
        messages.success(request, _act_on_all(channel, action, request))
        return back(request, reverse("sharing:history", args=[target_pk, pk]))


class Delete(Page):
    """The question before a share is deleted, with what becomes of its data, and the deletion."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The question."""
        share = share_or_404(request.user, pk, "delete")
        rows = permissions.deliveries_for(request.user, share)
        numbers = dict(
            rows.filter(request_id__isnull=True).order_by().values_list("state").annotate(number=Count("pk"))
        )
        context = {
            "share": share,
            "target": share.target,
            "delivered": numbers.get(State.DELIVERED, 0),
            "pending": sum(numbers.get(state, 0) for state in OPEN),
            "stuck": sum(numbers.get(state, 0) for state in NEEDS_PERSON),
            "once": rows.filter(request_id__isnull=False, state__in=OPEN).count(),
            "may_change": permissions.may(request.user, "change", share=share),
            "may_view": permissions.may(request.user, "view", share=share),
        }
        return render(request, "tom_integration/share_delete.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The deletion; what it alone had asked for is cancelled by the signal of the model."""
        share = share_or_404(request.user, pk, "delete")
        name, destination = share.target.name, site.label(share.destination)
        share.delete()
        messages.success(request, f"{name} is no longer shared with {destination}.")
        return redirect("targets:persistent-share-manage-form")


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To the page that the form names, if it is one of this TOM."""
    page = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(page if page and here else otherwise)


def _page_of(share: Any, user: Any) -> str:
    """Where somebody who may change a share, but perhaps not see it, goes on."""
    if permissions.may(user, "view", share=share):
        return reverse("sharing:share-page", args=[share.pk])
    return reverse("targets:share", args=[share.target_id])


def _channel(row: Delivery) -> Channel | None:
    return Channel.objects.filter(destination=row.destination, target_id=row.target_id).first()


def _act_on_all(channel: Channel, action: str, request: HttpRequest) -> str:
    """With those that the user may see; of those that may have arrived with one call, where it is named."""
    rows = permissions.deliveries_for(request.user, channel)
    if action == "retry":
        return f"{sentences.number(actions.retry_channel(channel, among=rows))} will be tried again."
    arrived = action == "arrived"
    if sent_at := request.POST.get("sent_at"):
        rows = rows.filter(sent_at=_moment(sent_at))
    number = held.resolve_all(rows, arrived=arrived, by=request.user.get_username())
    noted = "noted as arrived, and not sent again" if arrived else "to be sent again, now"
    return f"{sentences.number(number)}: {noted}."


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Http404("Nothing was sent at that time.")
    return moment
