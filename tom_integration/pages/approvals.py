"""Show what waits for approval, with exactly what would be sent; approve it or decline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from tom_targets.models import BaseTarget

from tom_integration import access
from tom_integration.models import Delivery, Outbox
from tom_integration.outbox.prepare import load
from tom_integration.pages import form_values, inventory, phrases
from tom_integration.pages.guards import Page
from tom_integration.pages.share_actions import back
from tom_integration.services import approval, shares
from tom_integration.services.approval_preview import ApprovalPreview, previews

PAGE = 20
"""Records of one page: each is shown as it would be sent."""
LONGEST = 20_000
"""Characters of one record that are shown; a page of its own has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Hold one record that waits."""

    row: Delivery
    kind: str
    what: str
    """The datum in a few words."""
    shown: ApprovalPreview

    @property
    def value(self) -> str:
        """Return the value of its checkbox: the content that was seen, too, so that no other one is sent."""
        return f"{self.row.pk}:{self.shown.content or self.row.asked}"

    @property
    def body(self) -> str:
        """Return the payload, or its beginning."""
        return self.shown.body[:LONGEST]

    @property
    def cut(self) -> bool:
        """Return True when the payload is longer."""
        return len(self.shown.body) > LONGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hold the records of one target at one destination."""

    outbox: Outbox
    target: str
    total: int
    """All records that wait there, on other pages as well."""
    all: str
    """The value of the buttons for all of them, with a digest of what they are now."""
    items: list[Item]


class Approvals(Page):
    """Serve `/targets/persistentshare/approvals/`; `outbox` chooses one target at one destination."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of what waits, by destination and target."""
        _require(request.user)
        return render(request, "tom_integration/approvals.html", listed(request, _chosen(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Approve or decline, show a message, and go back."""
        _require(request.user)
        action, _, whole = request.POST.get("action", "").partition(":")
        if action not in ("approve", "decline"):
            raise Http404("There is no such action.")
        chosen = _all_of(request.user, whole) if whole else _ticked(request.POST.getlist("chosen"))
        try:
            messages.add_message(request, *_act(request, action, chosen))
        except shares.NotPossible as reason:
            messages.error(request, str(reason))
        return back(request, reverse("sharing:approvals"))


class Whole(Page):
    """Serve `/targets/persistentshare/approvals/<delivery>/`: one record as it would be sent, as a text."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the payload."""
        _require(request.user)
        row = access.approvable(request.user).filter(pk=pk).select_related("outbox").first()
        if row is None:
            raise Http404("It does not wait for approval.")
        shown = previews(row.outbox, [row])[row.pk]
        return HttpResponse(shown.body or shown.problem, content_type="text/plain; charset=utf-8")


def _require(user: Any) -> None:
    if not access.may_approve(user):
        raise PermissionDenied


def _chosen(request: HttpRequest) -> QuerySet[Delivery]:
    rows = access.approvable(request.user)
    outbox = form_values.pk(request.GET.get("outbox", ""))
    return rows if outbox is None else rows.filter(outbox=outbox)


def of_outbox(request: HttpRequest, outbox: Outbox) -> dict[str, Any]:
    """Return the context of the section on the page of a share; empty where nothing waits for the user."""
    if not access.may_approve(request.user):
        return {}
    rows = access.approvable(request.user).filter(outbox=outbox)
    return {"approvals": listed(request, rows, page=1)} if rows.exists() else {}


def listed(request: HttpRequest, rows: QuerySet[Delivery], *, page: int | None = None) -> dict[str, Any]:
    """Return the context of one page of these deliveries that wait."""
    ordered = rows.order_by("destination", "topic", "outbox", "timestamp", "pk").select_related("outbox")
    part = Paginator(ordered, PAGE).get_page(page or request.GET.get("page"))
    return {"page": part, "groups": _groups(request.user, list(part))}


def _groups(user: Any, rows: list[Delivery]) -> list[Group]:
    outboxes = {row.outbox_id: row.outbox for row in rows}
    waiting = access.approvable(user).filter(outbox__in=list(outboxes))
    totals = dict(waiting.order_by().values_list("outbox").annotate(number=Count("pk")))
    names = dict(
        BaseTarget.objects.filter(pk__in={each.target_id for each in outboxes.values()}).values_list(
            "pk", "name"
        )
    )
    data = load(rows)
    return [
        Group(
            outbox=outboxes[pk],
            target=names.get(outboxes[pk].target_id, "a deleted target"),
            total=totals.get(pk, 0),
            all=f"{pk}:{approval.seen(waiting.filter(outbox=pk))}",
            items=_items(outboxes[pk], list(some), data),
        )
        for pk, some in groupby(rows, key=lambda row: row.outbox_id)
    ]


def _items(outbox: Outbox, rows: list[Delivery], data: Mapping[int, Any]) -> list[Item]:
    shown = previews(outbox, rows)
    return [
        Item(
            row=row,
            kind=row.kind,
            what=inventory.describe(data[row.pk]) if row.pk in data else "",
            shown=shown[row.pk],
        )
        for row in rows
    ]


def _ticked(values: Iterable[str]) -> dict[int, str]:
    """Return the content that was seen, by primary key of the delivery.

    Raises:
        BadRequest: a value cannot be read.
    """
    chosen: dict[int, str] = {}
    for value in values:
        key, _, content = value.partition(":")
        pk = form_values.pk(key)
        if pk is None or not content:
            raise BadRequest(f"The field chosen must name a delivery and its content, got {value[:40]!r}.")
        chosen[pk] = content
    return chosen


def _all_of(user: Any, whole: str) -> dict[int, str]:
    """Return all that waits in an outbox, if it is the same as on the page; else nothing."""
    key, _, digest = whole.partition(":")
    rows = access.approvable(user).filter(outbox=form_values.pk(key))
    chosen = dict(rows.values_list("pk", "asked"))
    return chosen if approval.seen(rows) == digest else {}


def _act(request: HttpRequest, action: str, chosen: Mapping[int, str]) -> tuple[int, str]:
    """Act; return the level and the text of a message."""
    if action == "approve":
        number, done = approval.approve(request.user, chosen), "approved, and sent now"
    else:
        reason = request.POST.get("reason", "")
        number, done = approval.decline(request.user, chosen, reason=reason), "declined"
    left = len(chosen) - number
    if number:
        others = f"{left:,} more changed meanwhile: look again" if left else ""
        return messages.SUCCESS, phrases.join(f"{phrases.number(number)} {done}", others)
    whole = ":" in request.POST.get("action", "")
    if chosen or whole:
        return messages.WARNING, "Nothing was done: what waits has changed meanwhile. Look again."
    return messages.ERROR, "Tick at least one record."
