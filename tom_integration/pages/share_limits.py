"""Change the kinds of data that a share sends, and until when."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tom_integration import access, site
from tom_integration.outbox import open_outboxes
from tom_integration.pages.forms import LimitsForm
from tom_integration.pages.guards import Page, page_of, share_or_404
from tom_integration.services import shares


class Limits(Page):
    """Serve `/targets/persistentshare/manage/<share>/limits` to users who may change the share."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the present limits."""
        share = share_or_404(request.user, pk, "change")
        return _page(request, share, LimitsForm(outbox=shares.outbox_of(share)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change the limits, or show the errors beside the fields."""
        share = share_or_404(request.user, pk, "change")
        outbox = shares.outbox_of(share)
        form = LimitsForm(request.POST, outbox=outbox)
        if not form.is_valid():
            return _page(request, share, form)
        open_outboxes.limit(outbox, **form.limits)
        messages.success(
            request, f"What {share.target.name} shares with {site.label(share.destination)} is changed."
        )
        return redirect(page_of(outbox, request.user))


def _page(request: HttpRequest, share: object, form: LimitsForm) -> HttpResponse:
    context = {
        "share": share,
        "form": form,
        "kinds": form.choices,
        "may_view": access.may(request.user, "view", share=share),
    }
    return render(request, "tom_integration/share_limits.html", context)
