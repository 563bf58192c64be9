"""Act on a share: pause, resume, adopt, retry, resolve, delete. Plain forms, by POST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme

from sharecore.delivery import NEEDS_PERSON, OPEN, State
from tom_integration import access, site
from tom_integration.models import Outbox
from tom_integration.pages import phrases
from tom_integration.pages.counts import existing
from tom_integration.pages.guards import Page, delivery_or_404, outbox_or_404, page_of, share_or_404
from tom_integration.services import resolve, shares

_NOT_POSSIBLE = "This is not possible now."


class Act(Page):
    """Pause, resume or adopt a share, send missing records, or resolve those that may have arrived."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do the action, show a message, and go back to the page of the button."""
        share = share_or_404(request.user, pk, "change")
        name = f"{share.target.name} to {site.label(share.destination)}"
        try:
            match action:
                case "pause":
                    shares.pause(share, by=request.user)
                    text = f"{name} is paused."
                case "resume":
                    shares.resume(share)
                    text = f"{name} goes on."
                case "adopt":
                    shares.adopt(share, by=request.user)
                    text = f"{name} now acts with your rights."
                case _:
                    text = _act_on_all(shares.outbox_of(share), action, request)
        except shares.NotPossible as reason:
            messages.error(request, str(reason))
        else:
            messages.success(request, text)
        return back(request, page_of(shares.outbox_of(share), request.user))


class ActOnDelivery(Page):
    """Send one record now, or resolve one that may have arrived."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do the action, show a message, and go back to the page of the button."""
        row = delivery_or_404(request.user, pk, "change")
        seen = access.may(request.user, "view", outbox=row.outbox)
        try:
            match action:
                case "retry":
                    shares.retry_one(row)
                    text = "It will be tried again now."
                case "arrived":
                    resolve.resolve(row, arrived=True, by=request.user.get_username())
                    text = "Noted as arrived. It will not be sent again."
                case _:
                    resolve.resolve(row, arrived=False, by=request.user.get_username())
                    text = "It will be sent again now."
        except shares.NotPossible as reason:
            messages.error(request, str(reason) if seen else _NOT_POSSIBLE)
        else:
            messages.success(request, text)
        return back(request, page_of(row.outbox, request.user))


class ActOnHistory(Page):
    """Retry or resolve the records of one-time shares to a destination."""

    def post(self, request: HttpRequest, target_pk: int, pk: int, action: str) -> HttpResponse:
        """Do the action with each delivery of the outbox, and go back."""
        outbox = outbox_or_404(request.user, target_pk, pk, "change")
        messages.success(request, _act_on_all(outbox, action, request))
        return back(request, page_of(outbox, request.user))


class Delete(Page):
    """Delete a share, after a question that tells the effect on its data."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask."""
        share = share_or_404(request.user, pk, "delete")
        may_view = access.may(request.user, "view", share=share)
        context = {
            "share": share,
            "target": share.target,
            "may_change": access.may(request.user, "change", share=share),
            "may_view": may_view,
            **(self._numbers(request.user, share) if may_view else {}),
        }
        return render(request, "tom_integration/share_delete.html", context)

    @staticmethod
    def _numbers(user: Any, share: Any) -> dict[str, int]:
        rows = access.deliveries_for(user, share)
        numbers = dict(
            rows.filter(one_time_share__isnull=True)
            .order_by()
            .values_list("state")
            .annotate(number=Count("pk"))
        )
        return {
            "delivered": numbers.get(State.DELIVERED, 0),
            "pending": sum(numbers.get(state, 0) for state in OPEN),
            "stuck": sum(numbers.get(state, 0) for state in NEEDS_PERSON),
            "once": rows.filter(one_time_share__isnull=False, state__in=OPEN).count(),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete the share; the signal of the model cancels its open deliveries."""
        share = share_or_404(request.user, pk, "delete")
        name, destination = share.target.name, site.label(share.destination)
        share.delete()
        messages.success(request, f"{name} is no longer shared with {destination}.")
        return redirect("targets:persistent-share-manage-form")


def back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Redirect to the page that the form names, if it is one of this TOM, or to another one."""
    page = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # `redirect` would look for a view with the name of the page.
    return HttpResponseRedirect(page if page and here else otherwise)


def _act_on_all(outbox: Outbox, action: str, request: HttpRequest) -> str:
    """Act on the deliveries that the user may see, of one call if the form names it; return a message."""
    rows = access.deliveries_for(request.user, outbox)
    seen = access.may(request.user, "view", outbox=outbox)
    if action == "retry":
        number = shares.retry_outbox(outbox, among=rows)
        return f"{phrases.number(number) if seen else 'What did not arrive'} will be tried again."
    if action == "hurry":
        number = shares.hurry(outbox, among=rows)
        return f"{phrases.number(number) if seen else 'What waits'} will be tried now."
    if action == "send-existing":
        number = shares.send_existing(outbox, among=existing(outbox, rows))
        return f"{phrases.number(number, 'existing record') if seen else 'Existing data'} will be sent."
    if action == "send-edited":
        number = shares.send_edited(outbox, among=rows)
        return f"The new values of {phrases.number(number) if seen else 'edited data'} will be sent."
    arrived = action == "arrived"
    if sent_at := request.POST.get("sent_at"):
        rows = rows.filter(sent_at=_moment(sent_at))
    number = resolve.resolve_all(rows, arrived=arrived, by=request.user.get_username())
    noted = "noted as arrived, and not sent again" if arrived else "to be sent again, now"
    return f"{phrases.number(number) if seen else 'What may have arrived'}: {noted}."


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Http404("Nothing was sent at that time.")
