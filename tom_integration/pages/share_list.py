"""List the shares that a user may see, all or those of one target; the list refreshes itself."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from tom_targets.models import PersistentShare

from sharecore.delivery import NEEDS_PERSON
from tom_integration import access, site, site_status
from tom_integration.models import Delivery, Outbox, at_destination
from tom_integration.pages import form_values, removed_destinations
from tom_integration.pages.guards import Page, require, target_or_404
from tom_integration.pages.new_share import form_context
from tom_integration.pages.share_status import summaries

PAGE = 25


class Manage(Page):
    """Serve `/targets/persistentshare/manage/`, for all targets or one: make shares, and see their states."""

    def get(self, request: HttpRequest, target_pk: int | None = None) -> HttpResponse:
        """Show the whole page."""
        require(request.user, "view", "add")
        target = None if target_pk is None else target_or_404(request.user, target_pk)
        context = {"target": target, **form_context(request, target), **table_context(request, target)}
        return render(request, "tom_integration/manage.html", context)


class Table(Page):
    """Refresh the table; answer 204 when the browser has it already."""

    def get(self, request: HttpRequest, target_pk: int | None = None) -> HttpResponse:
        """Return the partial that the page asks for again and again."""
        require(request.user, "view")
        target = None if target_pk is None else target_or_404(request.user, target_pk)
        return fresh(request, "tom_integration/partials/share_table.html", table_context(request, target))


def fresh(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """Render a partial with the digest of its content; answer 204 when the browser has the same digest."""
    body = render_to_string(template, dict(context), request=request)
    # The masked CSRF token differs in each answer, so leave it out of the digest.
    shown = body.replace(str(request.META.get("CSRF_COOKIE", "")), "")
    digest = hashlib.sha256(_without_tokens(shown).encode()).hexdigest()[:16]
    if request.GET.get("seen") == digest:
        return HttpResponse(status=204)
    response = HttpResponse(body)
    response["X-Sharing-Digest"] = digest
    response["Cache-Control"] = "no-store"
    return response


def _without_tokens(body: str) -> str:
    return "\n".join(line for line in body.splitlines() if "csrfmiddlewaretoken" not in line)


def table_context(request: HttpRequest, target: Any | None) -> dict[str, Any]:
    """Return the context of the table: one page of shares with their states and allowed actions."""
    shares = access.shares_for(request.user, "view").select_related("target", "user")
    if target is not None:
        shares = shares.filter(target_id=target.pk)
    found = filtered(shares, request.user, request.GET).order_by("-created", "-pk")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    outboxes = {each.share_id: each for each in Outbox.objects.filter(share_id__in=[s.pk for s in page])}
    states = summaries(outboxes.values(), request.user)
    pks = [share.pk for share in page]
    changeable, deletable = (
        set(access.shares_for(request.user, action).filter(pk__in=pks).values_list("pk", flat=True))
        for action in ("change", "delete")
    )
    rows = [
        {
            "share": share,
            "name": f"{share.target.name} to {site.label(share.destination)}",
            "outbox": outboxes.get(share.pk),
            "state": states[outboxes[share.pk].pk] if share.pk in outboxes else None,
            "may_change": share.pk in changeable,
            "may_delete": share.pk in deletable,
        }
        for share in page
    ]
    advice = site_status.nobody_delivers() if rows else ""
    rule = form_values.pk(request.GET.get("rule", ""))
    return {
        "target": target,
        "common": _common(rows, advice),
        "removed": removed_destinations.destinations(request.user, target),
        "rows": rows,
        "page": page,
        "may_view": access.holds(request.user, "view"),
        "sees_all": access.sees_all_shares(request.user, target),
        "needs_you": request.GET.get("needs") == "you",
        "search": request.GET.get("q", ""),
        "rule": access.rules_for(request.user, "view").filter(pk=rule).first() if rule else None,
        "filtered": bool(request.GET.get("q") or request.GET.get("needs") or rule),
        "advice": advice,
        "selectable": any(row["may_change"] or row["may_delete"] for row in rows),
    }


def _common(rows: Iterable[Mapping[str, Any]], advice: str) -> list[dict[str, Any]]:
    """Return each text that is common to shares of this page once, with the number of shares.

    Leave out the texts that stand above the table in any case: no worker, and removed destinations.
    """
    numbers: Counter[str] = Counter()
    for row in rows:
        said = row["state"].common if row["state"] is not None else ""
        elsewhere = advice and advice in said
        if said and not elsewhere and removed_destinations.is_known(row["share"].destination):
            numbers[said] += 1
    return [{"text": text, "number": number} for text, number in numbers.items()]


def filtered(shares: QuerySet[Any], user: Any, chosen: Mapping[str, Any]) -> QuerySet[Any]:
    """Return the shares that fit the fields `q`, `needs` and `rule` of the page."""
    # A page of the TOM with our tags takes any text, but PostgreSQL fails on a NUL.
    if text := chosen.get("q", "").replace("\0", "").strip():
        fitting = Q(target__name__icontains=text) | Q(target__aliases__name__icontains=text)
        fitting |= Q(destination__icontains=text)
        for name, destination in site.destinations().items():
            if text.lower() in destination.display_name.lower():
                fitting |= at_destination(name)
        matching = PersistentShare.objects.filter(fitting)
        shares = shares.filter(pk__in=matching.values("pk"))
    if chosen.get("needs") == "you":
        needing = Delivery.objects.filter(outbox__share_id=OuterRef("pk"), state__in=NEEDS_PERSON)
        stuck = access.of_visible_data(user, needing)
        halted = Outbox.objects.filter(~Q(problem="") | ~Q(paused=""), share_id=OuterRef("pk"))
        shares = shares.filter(Exists(stuck) | Exists(halted))
    if (rule := form_values.pk(chosen.get("rule", ""))) is not None:
        shares = shares.filter(pk__in=Outbox.objects.filter(rule=rule).values("share_id"))
    return shares
