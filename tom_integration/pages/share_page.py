"""Show the page of one share: its deliveries with their attempts and answers, filters and search."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from sharecore.delivery import RELEASE, State
from tom_integration import access, personal_keys, site
from tom_integration.links import link
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.target_fields import find_target
from tom_integration.models import Activity, Attempt, Delivery, Outbox
from tom_integration.outbox.prepare import load
from tom_integration.pages import (
    activity,
    approvals,
    delivery_table,
    inventory,
    limits_summary,
    phrases,
    share_fields,
)
from tom_integration.pages.datum_editing import edit_url
from tom_integration.pages.guards import Page, outbox_or_404, page_of, share_or_404
from tom_integration.pages.live import ONCE, fresh, state_of
from tom_integration.pages.share_cause import Cause
from tom_integration.pages.share_status import summaries
from tom_integration.services import resolve, retry, shares, target_names, withdraw

_LIVE = "tom_integration/partials/outbox_live.html"
ATTEMPTS = 10
"""The number of attempts that are shown for one delivery, the last ones."""
_BUTTONS = {
    State.BASELINE: "Send",
    State.PENDING: "Try now",
    State.DELIVERED: "Send new values",
    State.WITHDRAWN: "Send again",
}


class SharePage(Page):
    """Serve `/targets/persistentshare/manage/<share>/`, and its `live` part, which refreshes itself."""

    live = False

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the whole page, or the live part."""
        share = share_or_404(request.user, pk, "view")
        outbox = shares.outbox_of(share)
        if self.live:
            state = state_of(request, outbox, share.target.name)
            return fresh(request, _LIVE, lambda: share_context(request, share, outbox), state=state)
        context = share_context(request, share, outbox)
        target = find_target(share.target_id)
        objection = access.creator_objection(outbox.creator_id, target, outbox.destination)
        above = {
            "may_delete": access.may(request.user, "delete", share=share),
            "adoptable": context["may_change"] and bool(objection),
            "limits": limits_summary.limits_of(outbox),
            "staying": limits_summary.staying(request.user, outbox),
            **approvals.of_outbox(request, outbox),
            **_activity(request.user, outbox, f"share={share.pk}"),
        }
        return render(request, "tom_integration/share.html", context | above)


class HistoryPage(Page):
    """Serve `/targets/<target>/share/<outbox>/`: the one-time shares, when there is no continuous share."""

    live = False

    def get(self, request: HttpRequest, target_pk: int, pk: int) -> HttpResponse:
        """Show the whole page or the live part, or go to the page of the continuous share."""
        outbox, target = outbox_or_404(request.user, target_pk, pk, "view"), find_target(target_pk)
        if self.live:
            state = state_of(request, outbox, str(target))
            return fresh(request, _LIVE, lambda: history_context(request, outbox, target), state=state)
        if outbox.share_id is not None:
            return redirect(page_of(outbox, request.user))
        query = f"destination={quote(str(outbox.address))}&target={target_pk}"
        above = _activity(request.user, outbox, query)
        context = history_context(request, outbox, target)
        above |= approvals.of_outbox(request, outbox)
        return render(request, "tom_integration/history.html", context | above)


def _activity(user: Any, outbox: Outbox, query: str) -> dict[str, Any]:
    rows = activity.of_outbox(Activity.objects.all(), outbox)
    return activity.section(rows, f"{reverse('sharing:activity')}?{query}", user)


def share_context(request: HttpRequest, share: Any, outbox: Outbox) -> dict[str, Any]:
    """Return the context of the refreshed part of a share's page."""
    may_change = access.may(request.user, "change", share=share)
    return {
        "share": share,
        "live_url": reverse("sharing:share-live", args=[share.pk]),
        "exports": _exports("sharing:share-export", share.pk),
        **outbox_context(request, outbox, share.target, may_change=may_change),
    }


def history_context(request: HttpRequest, outbox: Outbox, target: Any) -> dict[str, Any]:
    """Return the context of the page of one-time shares."""
    may_change = access.may(request.user, "change", outbox=outbox)
    return {
        "live_url": reverse("sharing:history-live", args=[outbox.target_id, outbox.pk]),
        "reports_only": site.refusal_of_records(str(outbox.address)) is not None,
        "exports": _exports("sharing:history-export", outbox.target_id, outbox.pk),
        **outbox_context(request, outbox, target, may_change=may_change),
    }


def _exports(route: str, *place: int) -> dict[str, str]:
    return {form.upper(): reverse(route, args=[*place, form]) for form in ("csv", "ecsv")}


def outbox_context(request: HttpRequest, outbox: Outbox, target: Any, *, may_change: bool) -> dict[str, Any]:
    """Return the context of an outbox: state, numbers, and one page of deliveries."""
    rows = access.deliveries_for(request.user, outbox)
    summary = summaries([outbox], request.user)[outbox.pk]
    numbers = summary.counts
    chosen = delivery_table.ChosenDeliveries.read(request.GET.dict())
    table = chosen.table(rows, numbers, outbox.target_id)
    page = delivery_table.page_of(table, request.GET.get("page"))
    total = sum(numbers.values())
    deliveries = _shown(request.user, list(page), followed=outbox.share_id is not None)
    return {
        "target": target,
        "outbox": outbox,
        "key_missing": summary.cause is Cause.STOPPED
        and personal_keys.is_missing(outbox.destination, request.user),
        "own_keys": personal_keys.wanted(outbox.destination),
        "new_name": target is not None and target_names.is_new(outbox, target),
        "summary": summary,
        "states": [
            {"value": value, "number": number, "chosen": value == chosen.state}
            for value, number in _chips(numbers, summary.later)
        ],
        "later_chosen": chosen.state == delivery_table.SENT_LATER,
        "edited_chosen": chosen.state == delivery_table.EDITED,
        "total": total,
        "chosen": chosen,
        "kinds": inventory.KIND_OF_ONE.items(),
        "sortable": len(table) <= delivery_table.MOST_SORTED,
        "most_sorted": delivery_table.MOST_SORTED,
        "refreshed": not chosen.reads_all or total <= delivery_table.MOST_SORTED,
        "page": page,
        "upcoming": limits_summary.upcoming(rows) if summary.later else [],
        "deliveries": deliveries,
        "may_change": may_change,
        "can_withdraw": may_change
        and any(each["may_withdraw"] for each in deliveries)
        and withdraw.can_withdraw(outbox.address),
        "retryable": sum(numbers.get(each.value, 0) for each in retry.RETRIED) > summary.later,
        "hurried": State.PENDING in numbers
        and rows.filter(state=State.PENDING, next_at__gt=timezone.now()).exists(),
        "in_review": resolve.calls_in_review(rows) if may_change and State.NEEDS_REVIEW in numbers else [],
        "one_time_shares": [
            {"share": each, "filled": share_fields.filled_in(each, outbox.address)}
            for each in outbox.one_time_shares.order_by("-pk")[:ONCE]
        ],
    }


def _chips(numbers: Mapping[str, int], later: int) -> Iterator[tuple[str, int]]:
    """Yield the states with deliveries and their numbers; those that wait for their release stand apart."""
    for state in delivery_table.BY_URGENCY:
        number = numbers.get(state.value, 0) - (later if state is State.WITHHELD else 0)
        if number > 0:
            yield state.value, number


def _shown(user: Any, rows: list[Delivery], *, followed: bool) -> list[dict[str, Any]]:
    data = load(rows)
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    tries = Attempt.objects.filter(delivery__in=[row.pk for row in rows])
    for attempt in access.with_calls(user, tries).order_by("-pk"):
        attempts[attempt.delivery_id].append(attempt)
    now = timezone.now()
    approvers = _approvers(rows)
    return [
        {
            "row": row,
            "approver": approvers.get(row.pk, ""),
            "label": phrases.of_delivery(row),
            "kind": row.kind or inventory.kind_of(row.model, data.get(row.pk)),
            "what": inventory.describe(data[row.pk]) if row.pk in data else "",
            "gone": row.pk not in data,
            "edit": edit_url(user, row.model, row.datum_pk) if row.pk in data else "",
            "upcoming": _waits(row, now) and not _is_later(row),
            "later": _is_later(row),
            "attempts": attempts[row.pk][:ATTEMPTS],
            "answers": len(attempts[row.pk]),
            "link": link(row.address, row.remote_id),
            "may_withdraw": row.state == State.DELIVERED and row.model in DATUM_MODELS,
            "may_retry": (followed and row.is_outdated)
            or row.state == State.WITHDRAWN
            or (
                row.state in retry.RETRIED_ONE
                and not _is_later(row)
                and (row.state != State.PENDING or _waits(row, now))
            ),
            "button": _BUTTONS.get(State(row.state), "Retry"),
            "may_resolve": row.state == State.NEEDS_REVIEW,
        }
        for row in rows
    ]


def _approvers(rows: list[Delivery]) -> dict[int, str]:
    """Return who approved the present content of each delivery, of those of which somebody did."""
    approved = {row.pk: row.approved_by for row in rows if row.approved and row.approved == row.asked}
    if not approved:
        return {}
    users = get_user_model()._default_manager.in_bulk(filter(None, approved.values()))
    return {
        row: users[user].get_username() if user in users else "a user who was deleted"
        for row, user in approved.items()
    }


def _waits(row: Delivery, now: datetime) -> bool:
    return row.next_at is not None and row.next_at > now


def _is_later(row: Delivery) -> bool:
    """Return True for a delivery that waits for its release, which no person can hurry."""
    return row.state == State.WITHHELD and row.field == RELEASE
