"""Change which data a share sends, and when."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from tom_integration import access, site
from tom_integration.outbox import open_outboxes
from tom_integration.pages import passing
from tom_integration.pages.guards import Page, page_of, share_or_404
from tom_integration.pages.limits_form import LimitsForm
from tom_integration.services import shares


class Change(Page):
    """Serve `/targets/persistentshare/manage/<share>/change` to users who may change the share."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the present filter and dates."""
        share = share_or_404(request.user, pk, "change")
        return _page(request, share, LimitsForm(limited=shares.outbox_of(share)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the filter and dates, or show the errors beside the fields."""
        share = share_or_404(request.user, pk, "change")
        outbox = shares.outbox_of(share)
        form = LimitsForm(request.POST, limited=outbox)
        if not form.is_valid():
            return _page(request, share, form)
        open_outboxes.limit(outbox, **form.limits)
        messages.success(
            request, f"What {share.target.name} shares with {site.label(share.destination)} is changed."
        )
        return redirect(page_of(outbox, request.user))


class Counted(Page):
    """Count the data that pass, for the choices in the form."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the numbers in words."""
        share = share_or_404(request.user, pk, "change")
        found = _counted(request, share, LimitsForm(request.POST))
        return render(request, "tom_integration/partials/passing.html", found)


def _counted(request: HttpRequest, share: Any, form: LimitsForm) -> dict[str, Any]:
    targets = Q(target_id=share.target_id)
    return passing.context(request.user, targets, share.destination, form)


def _page(request: HttpRequest, share: Any, form: LimitsForm) -> HttpResponse:
    context = {
        "share": share,
        "form": form,
        "kinds": form.choices,
        "counted_url": reverse("sharing:counted", args=[share.pk]),
        **_counted(request, share, form),
        "may_view": access.may(request.user, "view", share=share),
    }
    return render(request, "tom_integration/share_change.html", context)
