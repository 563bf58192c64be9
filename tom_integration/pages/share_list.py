"""List the shares that a user may see, all or those of one target; the list refreshes itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, CharField, F, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tom_integration import access, site, site_status
from tom_integration.models import Outbox
from tom_integration.pages import (
    form_values,
    navigation_counts,
    removed_destinations,
    share_filters,
    share_overview,
)
from tom_integration.pages.find_causes import Around
from tom_integration.pages.guards import Page, require, target_or_404
from tom_integration.pages.live import fresh
from tom_integration.pages.new_share import form_context
from tom_integration.pages.share_cause import NEEDING, OF_DESTINATION
from tom_integration.pages.share_overview import Overview
from tom_integration.pages.share_status import NEW, ShareStatus, summaries

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
        partial = "tom_integration/partials/share_table.html"
        return fresh(request, partial, lambda: table_context(request, target))


def table_context(request: HttpRequest, target: Any | None) -> dict[str, Any]:
    """Return the context of the table: an overview, and one page of shares with what may be done."""
    viewed = access.shares_for(request.user, "view")
    if target is not None:
        viewed = viewed.filter(target_id=target.pk)
    around = Around.read(request.user)
    chosen = share_filters.fitting(viewed, request.GET)
    shown = share_overview.overview(chosen, around)
    state = request.GET.get("state", "")
    found = share_filters.in_states(chosen, [state], around).select_related("target", "user")
    numbered: Any = _Numbered(found.order_by(*_order(chosen, shown, around)), shown.number(state))
    page = Paginator(numbered, PAGE).get_page(request.GET.get("page"))
    rows = _rows(list(page), around)
    halted = site.halted()
    rule = form_values.pk(request.GET.get("rule", ""))
    filters = {name: request.GET.get(name, "").strip() for name in share_filters.FIELDS}
    return {
        "target": target,
        "overview": shown,
        "state": state,
        "removed": removed_destinations.destinations(request.user, target),
        "once": navigation_counts.shared_once(request.user, around, target),
        "groups": _groups(rows, shown.blocked),
        "page": page,
        "may_view": access.holds(request.user, "view"),
        "sees_all": access.sees_all_shares(request.user, target),
        "filters": filters,
        "choices": share_filters.choices(viewed, request.user) if target is None else {},
        "rule": access.rules_for(request.user, "view").filter(pk=rule).first() if rule else None,
        "filtered": any(filters.values()),
        "halted": halted,
        "advice": "" if halted or not rows else site_status.nobody_delivers(),
        "selectable": any(row["may_change"] or row["may_delete"] for row in rows),
    }


class _Numbered:
    """Hold shares whose number is known already: to count those in a state costs as much as the overview."""

    def __init__(self, shares: QuerySet[Any], number: int) -> None:
        self._shares = shares
        self._number = number

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, span: slice) -> list[Any]:
        return list(self._shares[span])


def _order(shares: QuerySet[Any], shown: Overview, around: Around) -> Iterator[Any]:
    """Yield the order: what needs a person first, then what a destination holds up, together; then by age."""
    outboxes = Outbox.objects.filter(share_id__in=shares.order_by().values("pk"))
    if shown.number(ShareStatus.ACTION_NEEDED):
        needing = around.needing(outboxes).filter(cause__in=NEEDING).values("share_id")
        yield Case(When(pk__in=needing, then=0), default=1)
    if shown.blocked:
        blocked = around.annotated(outboxes).filter(cause__in=OF_DESTINATION).values("share_id")
        blocked_by = Case(When(pk__in=blocked, then=F("destination")), default=None, output_field=CharField())
        yield blocked_by.asc(nulls_last=True)
    yield from ("-created", "-pk")


def _rows(shares: list[Any], around: Around) -> list[dict[str, Any]]:
    pks = [share.pk for share in shares]
    outboxes = {each.share_id: each for each in Outbox.objects.filter(share_id__in=pks)}
    states = summaries(outboxes.values(), around.user, around)
    changeable, deletable = (
        set(access.shares_for(around.user, action).filter(pk__in=pks).values_list("pk", flat=True))
        for action in ("change", "delete")
    )
    return [
        {
            "share": share,
            "name": f"{share.target.name} to {site.label(share.destination)}",
            "outbox": outboxes.get(share.pk),
            "state": states.get(outboxes[share.pk].pk, NEW) if share.pk in outboxes else NEW,
            "may_change": share.pk in changeable,
            "may_delete": share.pk in deletable,
        }
        for share in shares
    ]


def _groups(rows: Iterable[dict[str, Any]], blocked: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the rows in groups: what a destination causes is said once, with the number of its shares."""
    by_text = groupby(rows, key=lambda row: row["state"].common if row["state"].common in blocked else "")
    groups = []
    for text, each in by_text:
        members = list(each)
        state = members[0]["state"]
        groups.append(
            {
                "text": text,
                "number": blocked.get(text, 0),
                "status": state.status,
                "refusing": state.refusing,
                "rows": members,
            }
        )
    return groups
