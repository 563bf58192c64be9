"""Show what was sent and answered in the call of one attempt."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from tom_integration import access
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Attempt, Call
from tom_integration.pages.guards import Page, delivery_or_404, page_of


class AttemptPage(Page):
    """Serve `/targets/persistentshare/manage/records/<delivery>/attempts/<attempt>/`.

    The page of the share loads the list of exchanges from here when somebody opens the attempt.
    """

    def get(self, request: HttpRequest, pk: int, attempt_pk: int) -> HttpResponse:
        """Show the exchanges that are kept of the call."""
        row = delivery_or_404(request.user, pk, "view")
        mine = Attempt.objects.filter(delivery=row, pk=attempt_pk)
        attempt = access.with_calls(request.user, mine).first()
        call = Call.objects.filter(pk=attempt.readable).first() if attempt else None
        if call is None:
            raise Http404("What was sent and answered in this attempt is not kept.")
        exchanges = [{**each, "started": datetime.fromisoformat(each["started"])} for each in call.exchanges]
        context = {
            "attempt": attempt,
            "outbox": row.outbox,
            "target": find_target(row.outbox.target_id),
            "call": call,
            "exchanges": exchanges,
            "page": page_of(row.outbox, request.user),
        }
        return render(request, "tom_integration/attempt.html", context)
