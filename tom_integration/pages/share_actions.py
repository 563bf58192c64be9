"""Act on a share: pause, resume, adopt, retry, resolve, delete. Plain forms, by POST."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from sharecore.delivery import NEEDS_PERSON, UNDER_WAY, State
from tom_integration import access, site
from tom_integration.models import Outbox
from tom_integration.pages import form_values, phrases
from tom_integration.pages.counts import existing
from tom_integration.pages.guards import (
    Page,
    delivery_or_404,
    outbox_or_404,
    page_of,
    share_or_404,
    target_or_404,
)
from tom_integration.services import resolve, retry, shares, target_names

_RETRIES = {
    "retry": ("{} will be tried again.", "record", "What did not arrive"),
    "hurry": ("{} will be tried now.", "record", "What waits"),
    "send-existing": ("{} will be sent.", "existing record", "Existing data"),
    "send-edited": ("The new values of {} will be sent.", "record", "edited data"),
}
"""The message after an action of `retry.retry_outbox`, its noun, and the words without a number."""


class Act(Page):
    """Pause, resume or adopt a share, send missing records, or resolve those that may have arrived."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do the action, show a message, and go back to the page of the button."""
        share = share_or_404(request.user, pk, "change")
        name = f"{share.target.name} to {site.label(share.destination)}"
        outbox = shares.outbox_of(share)

        def act() -> str:
            match action:
                case "pause":
                    shares.pause(share, by=request.user)
                    return f"{name} is paused."
                case "resume":
                    shares.resume(share)
                    return f"{name} goes on."
                case "adopt":
                    shares.adopt(share, by=request.user)
                    return f"{name} now acts with your rights."
            return _act_on_all(outbox, action, request)

        return _answer(request, outbox, act)


class ActOnDelivery(Page):
    """Send one record now, or resolve one that may have arrived."""

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Do the action, show a message, and go back to the page of the button."""
        row = delivery_or_404(request.user, pk, "change")

        def act() -> str:
            if action == "retry":
                retry.retry_one(row)
                return "It will be tried again now."
            arrived = action == "arrived"
            resolve.resolve(row, arrived=arrived, by=request.user.get_username())
            return "Noted as arrived. It will not be sent again." if arrived else "It will be sent again now."

        return _answer(request, row.outbox, act)


class ActOnHistory(Page):
    """Retry or resolve the records of one-time shares to a destination."""

    def post(self, request: HttpRequest, target_pk: int, pk: int, action: str) -> HttpResponse:
        """Do the action with each delivery of the outbox, and go back."""
        outbox = outbox_or_404(request.user, target_pk, pk, "change")
        return _answer(request, outbox, lambda: _act_on_all(outbox, action, request))


class AddAlias(Page):
    """Add the name that a destination gave a target to its aliases."""

    def post(self, request: HttpRequest, target_pk: int, pk: int) -> HttpResponse:
        """Add it, show a message, and go back. Whoever sees the share may change the target."""
        outbox = outbox_or_404(request.user, target_pk, pk, "view")
        target = target_or_404(request.user, target_pk)
        return _answer(
            request, outbox, lambda: f"{target_names.add_alias(outbox, target)} is an alias of {target.name}."
        )


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
        continuous = rows.filter(one_time_share__isnull=True).order_by()
        numbers = Counter(dict(continuous.values_list("state").annotate(number=Count("pk"))))
        return {
            "delivered": numbers[State.DELIVERED],
            "pending": sum(numbers[state] for state in UNDER_WAY),
            "stuck": sum(numbers[state] for state in NEEDS_PERSON),
            "once": rows.filter(one_time_share__isnull=False, state__in=UNDER_WAY).count(),
        }

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete the share; the signal of the model cancels its open deliveries."""
        share = share_or_404(request.user, pk, "delete")
        name, destination = share.target.name, site.label(share.destination)
        share.delete()
        messages.success(request, f"{name} is no longer shared with {destination}.")
        return redirect("targets:persistent-share-manage-form")


def _answer(request: HttpRequest, outbox: Outbox, act: Callable[[], str]) -> HttpResponse:
    """Act, show a message, and go back; tell a user who may not see the outbox nothing of its state."""
    seen = access.may(request.user, "view", outbox=outbox)
    try:
        messages.success(request, act())
    except shares.NotPossible as reason:
        messages.error(request, str(reason) if seen else "This is not possible now.")
    return back(request, page_of(outbox, request.user))


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
    if action in _RETRIES:
        said, word, unnumbered = _RETRIES[action]
        among = existing(outbox, rows) if action == "send-existing" else rows
        number = retry.retry_outbox(outbox, action, among=among)
        return said.format(phrases.number(number, word) if seen else unnumbered)
    arrived = action == "arrived"
    if sent_at := request.POST.get("sent_at"):
        moment = form_values.moment(sent_at)
        if moment is None:
            raise Http404("Nothing was sent at that time.")
        rows = rows.filter(sent_at=moment)
    number = resolve.resolve_all(rows, arrived=arrived, by=request.user.get_username())
    noted = "noted as arrived, and not sent again" if arrived else "to be sent again, now"
    return f"{phrases.number(number) if seen else 'What may have arrived'}: {noted}."
