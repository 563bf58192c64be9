"""Show who did what: a section on the pages of shares and rules, and a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tom_integration import access, site
from tom_integration.models import Activity, AtAddress, Outbox
from tom_integration.pages import form_values, phrases, replay_results
from tom_integration.pages.guards import Page, require

PAGE = 25
NEWEST = 5
"""Actions in the section of a page."""
_ACTION = ("time", "what", "user_id", "user_name", "rule_id", "rule_name", "destination", "topic")
"""The columns that the rows of one action share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Hold one action on one or many shares, on a rule or on a destination, in words."""

    time: datetime
    who: str
    what: str
    about: str
    """With what it was done."""
    detail: str
    result: str
    """What came of it, as far as that is known now; empty for most actions."""
    share_id: int | None
    """The share, when it is one that is still there."""


class ActivityPage(Page):
    """Serve `/targets/persistentshare/activity/`; `destination`, `target`, `share` and `rule` choose."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the actions, the newest first."""
        require(request.user, "view", "add", "change")
        destination = request.GET.get("destination", "").strip()
        found = chosen(access.activity_for(request.user), request.GET)
        page = Paginator(actions(found), PAGE).get_page(request.GET.get("page"))
        context = {
            "page": page,
            "actions": told(page, request.user),
            "label": site.label(destination) if destination else "",
            "some": any(request.GET.get(name) for name in ("destination", "target", "share", "rule")),
        }
        return render(request, "tom_integration/activity.html", context)


def chosen(rows: AtAddress[Activity], fields: Mapping[str, str]) -> AtAddress[Activity]:
    """Return the rows of the `destination`, `target`, `share` and `rule` that the fields name."""
    if destination := fields.get("destination", "").strip():
        rows = rows.matching(destination)
    if (target := form_values.pk(fields.get("target", ""))) is not None:
        rows = rows.filter(target_id=target)
    if (share := form_values.pk(fields.get("share", ""))) is not None:
        rows = of_share(rows, share)
    if (rule := form_values.pk(fields.get("rule", ""))) is not None:
        rows = rows.filter(rule_id=rule)
    return rows


def of_share(rows: AtAddress[Activity], share_id: int) -> AtAddress[Activity]:
    """Return the rows of a share; while it exists, with those of its target there before it and once."""
    outbox = Outbox.objects.filter(share_id=share_id).first()
    return rows.filter(share_id=share_id) if outbox is None else of_outbox(rows, outbox)


def of_outbox(rows: AtAddress[Activity], outbox: Outbox) -> AtAddress[Activity]:
    """Return the rows of one target at one address."""
    return rows.filter(destination=outbox.destination, topic=outbox.topic, target_id=outbox.target_id)


def actions(rows: AtAddress[Activity]) -> QuerySet[Any, Any]:
    """Return the actions, the newest first: one on many shares is one."""
    grouped: QuerySet[Any, Any] = rows.order_by().values(*_ACTION).annotate(number=Count("pk"), one=Max("pk"))
    return grouped.order_by("-time", "-one")


def section(rows: AtAddress[Activity], link: str, user: Any) -> dict[str, Any]:
    """Return the context of the section of a page: the newest actions, and a link where there are more."""
    found = list(actions(rows)[: NEWEST + 1])
    return {"actions": told(found[:NEWEST], user), "all_actions": link if len(found) > NEWEST else ""}


def told(groups: Iterable[Mapping[str, Any]], user: Any) -> list[Action]:
    """Return actions in words, with results of what the user may see; of all for None, the operator."""
    groups = list(groups)
    rows = Activity.objects.in_bulk([each["one"] for each in groups])
    places = Q(pk__in=())
    for row in rows.values():
        if row.share_id is not None:
            places |= Q(share_id=row.share_id, target_id=row.target_id)
    there = set(Outbox.objects.filter(places).values_list("share_id", flat=True))
    found = replay_results.results(rows.values(), user)
    return [
        _told(rows[each["one"]], each["number"], there, found.get(each["one"], ""))
        for each in groups
        if each["one"] in rows
    ]


def _told(row: Activity, number: int, there: set[int | None], result: str) -> Action:
    one = number == 1
    return Action(
        time=row.time,
        who=row.user_name or (f"the rule {row.rule_name}" if row.rule_id else "this TOM"),
        what=str(Activity.What(row.what).label),
        about=_about(row, number),
        detail=row.detail if one else "",
        result=result,
        share_id=row.share_id if one and row.share_id in there else None,
    )


def _about(row: Activity, number: int) -> str:
    to = site.label(str(row.address))
    if row.target_id is None:
        return f"the rule {row.rule_name}" if row.rule_id else to
    if number > 1:
        return f"{phrases.number(number, 'share')} to {to}"
    return f"{row.target_name or f'a deleted target ({row.target_id})'} to {to}"
