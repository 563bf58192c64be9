"""Withdraw deliveries that are ticked on the page of a share: ask why, and say what goes with them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tom_integration import access, site
from tom_integration.models import Outbox
from tom_integration.pages import form_values, phrases
from tom_integration.pages.guards import Page, outbox_or_404, page_of, share_or_404
from tom_integration.services import shares, withdraw


class _Withdraw(Page):
    """Ask, then withdraw by POST with `confirmed`."""

    def _answer(self, request: HttpRequest, outbox: Outbox) -> HttpResponse:
        chosen = form_values.pks(request.POST.getlist("delivery"))
        reason = request.POST.get("reason", "")
        page = page_of(outbox, request.user)
        confirmed = "confirmed" in request.POST
        if not chosen:
            messages.error(request, "Choose at least one delivered record.")
            return redirect(page)
        try:
            if confirmed and reason.strip():
                planned = withdraw.withdraw(
                    outbox, chosen, reason=reason, by=request.user, with_others="with_others" in request.POST
                )
                number = len(planned.pks)
                messages.success(request, f"{phrases.number(number)} will be withdrawn.")
                return redirect(page)
            planned = withdraw.plan(outbox, chosen, by=request.user)
        except withdraw.TakesOthers:
            # More goes with them than the question said.
            planned = withdraw.plan(outbox, chosen, by=request.user)
        except shares.NotPossible as error:
            seen = access.may(request.user, "view", outbox=outbox)
            messages.error(request, str(error) if seen else "This is not possible now.")
            return redirect(page)
        context: dict[str, Any] = {
            "plan": planned,
            "number": planned.number + planned.others,
            "chosen": chosen,
            "reason": reason,
            "missing": confirmed and not reason.strip(),
            "label": site.label(str(outbox.address)),
            "page": page,
        }
        return render(request, "tom_integration/withdraw.html", context)


class OfShare(_Withdraw):
    """Withdraw what a share delivered."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, or withdraw."""
        return self._answer(request, shares.outbox_of(share_or_404(request.user, pk, "change")))


class OfHistory(_Withdraw):
    """Withdraw what one-time shares delivered."""

    def post(self, request: HttpRequest, target_pk: int, pk: int) -> HttpResponse:
        """Ask, or withdraw."""
        return self._answer(request, outbox_or_404(request.user, target_pk, pk, "change"))
