"""Answer for the parts of pages that refresh themselves: 204 when the browser has the present content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from tom_integration import site
from tom_integration.models import DestinationHealth, Outbox
from tom_integration.outbox import versions
from tom_integration.pages import navigation_counts

_AT_LEAST = 60.0
"""Seconds after which a part is rendered anew in any case: times pass, and data are edited."""
ONCE = 10
"""One-time shares that a page shows, the last ones."""
_UNSEEN = {"lease", "lease_until", "scanned_at", "rescanned_at", "rescanned_to", "adapter_state"}
_UNSEEN |= {"exclusive_until", "last_success_at", "about", "topics", "topics_at", "takes_tests"}
_UNSEEN |= {"checked_at", "check_result", "next_call_at"}
"""Columns that this part does not show: they are written without news."""


def fresh(
    request: HttpRequest, template: str, context: Callable[[], Mapping[str, Any]], *, state: str = ""
) -> HttpResponse:
    """Render a partial with a digest of its content; answer 204 when the browser has the same digest.

    The answer has the number of the navigation bar, which would grow old on a page that stays open; a 204 for
    an unchanged state has not, since that number costs more than all else of it.

    Args:
        request: the request, which says what the browser has.
        template: the template of the partial.
        context: returns its context.
        state: a text that changes when the content does, so that nothing is read and rendered for a 204;
            empty to compare the content itself.
    """
    seen = request.GET.get("seen")
    if state and seen == _digest(state):
        return _answer(None, _digest(state))
    body = render_to_string(template, dict(context()), request=request)
    # The masked CSRF token differs in each answer, so leave it out of the digest.
    shown = body.replace(str(request.META.get("CSRF_COOKIE", "")), "")
    digest = _digest(state or _without_tokens(shown))
    response = _answer(None if seen == digest else body, digest)
    response["X-Sharing-Needing"] = str(navigation_counts.number(request.user))
    return response


def _answer(body: str | None, digest: str) -> HttpResponse:
    response = HttpResponse(status=204) if body is None else HttpResponse(body)
    response["X-Sharing-Digest"] = digest
    response["Cache-Control"] = "no-store"
    return response


def state_of(request: HttpRequest, outbox: Outbox, target_name: str) -> str:
    """Return what an outbox shows in a text: of a few rows, however many deliveries there are.

    The rights of the user, and workers that come and go, are seen when a minute has passed.
    """
    now = timezone.now()
    health = list(DestinationHealth.objects.filter(destination=outbox.destination).order_by("pk"))
    once = outbox.one_time_shares.order_by("-pk")[:ONCE]
    shown: list[object] = [
        versions.of([outbox]),
        [_columns(row) for row in (outbox, outbox.rule, *health, *once) if row is not None],
        [bool(each.open_until and each.open_until > now) for each in health],
        site.halted(),
        target_name,
        request.user.pk,
        sorted((name, value) for name, value in request.GET.items() if name != "seen"),
        now.timestamp() // _AT_LEAST,
    ]
    return repr(shown)


def _columns(row: Model) -> list[object]:
    fields = row._meta.concrete_fields
    return [getattr(row, each.attname) for each in fields if each.attname not in _UNSEEN]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_tokens(body: str) -> str:
    return "\n".join(line for line in body.splitlines() if "csrfmiddlewaretoken" not in line)
