"""Act on many shares at once: those that are ticked on the page of shares, or all that fit its filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from sharecore.delivery import UNDER_WAY
from tom_integration import access
from tom_integration.access import Action
from tom_integration.models import Delivery, Outbox
from tom_integration.pages import form_values, phrases, share_filters
from tom_integration.pages.find_causes import Around
from tom_integration.pages.guards import Page, require
from tom_integration.pages.share_actions import back
from tom_integration.services import many_shares

NAMED = 20
"""Shares that the question before a deletion names."""
_RIGHTS: Mapping[str, Action] = {
    "pause": "change", "resume": "change", "retry": "change", "delete": "delete"
}  # fmt: skip


class ManyShares(Page):
    """Pause, resume, retry or delete shares; those without the right are skipped, and told."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do the action, or ask before a deletion; show a message, and go back to the page of shares."""
        action = request.POST.get("action", "")
        if action not in _RIGHTS:
            raise Http404("There is no such action.")
        require(request.user, "view")
        chosen = _chosen(request)
        shares = access.shares_for(request.user, _RIGHTS[action]).filter(pk__in=chosen.values("pk"))
        pks = list(shares.order_by("pk").values_list("pk", flat=True))
        skipped = chosen.count() - len(pks)
        if action == "delete" and pks and "confirmed" not in request.POST:
            return _ask(request, pks, skipped)
        refused = ""
        if skipped:
            left = f"{phrases.number(skipped, 'share')} {'is' if skipped == 1 else 'are'} left out"
            refused = f"{left}: you may not {_RIGHTS[action]} {'it' if skipped == 1 else 'them'}"
        if pks:
            messages.success(request, phrases.join(_act(action, pks, request.user), refused))
        else:
            messages.error(request, phrases.join(refused or "Choose at least one share"))
        return back(request, reverse("targets:persistent-share-manage-form"))


def _chosen(request: HttpRequest) -> Any:
    """Return the chosen shares, of those that the user may see; with `all` those that fit the filter.

    `newest` is the newest of the shares that the question named: none that was made since is deleted.
    """
    viewed = access.shares_for(request.user, "view")
    if "all" not in request.POST:
        return viewed.filter(pk__in=form_values.pks(request.POST.getlist("share")))
    target, newest, _ = (_pk(request, name) for name in ("target", "newest", "rule"))
    if request.POST.get("creator") != share_filters.SITE:
        _pk(request, "creator")
    if target is not None:
        viewed = viewed.filter(target_id=target)
    if newest is not None:
        viewed = viewed.filter(pk__lte=newest)
    return share_filters.filtered(viewed, request.POST, Around.read(request.user))


def _pk(request: HttpRequest, name: str) -> int | None:
    """Return a primary key of the form; None for a blank field.

    Raises:
        BadRequest: it cannot be read. To pass over it would act on every share.
    """
    text = request.POST.get(name, "").strip()
    pk = form_values.pk(text)
    if text and pk is None:
        raise BadRequest(f"The field {name} must be a primary key, got {text[:40]!r}.")
    return pk


def _act(action: str, pks: list[int], user: Any) -> str:
    match action:
        case "pause":
            number, done = many_shares.pause(pks, by=user), "paused"
        case "resume":
            number, done = many_shares.resume(pks), "going on"
        case "delete":
            return f"{phrases.number(many_shares.delete(pks), 'share')} deleted"
        case _:
            number = many_shares.retry(pks, by=user)
            return f"{phrases.number(number)} of {phrases.number(len(pks), 'share')} will be tried again"
    before = len(pks) - number
    already = f"{before:,} {'was' if before == 1 else 'were'} so already" if before else ""
    paused = _paused_by_rules(pks) if action == "resume" else 0
    return phrases.join(
        f"{phrases.number(number, 'share')} {done}",
        already,
        f"{paused:,} of them {'stays' if paused == 1 else 'stay'} paused by a rule: resume that"
        if paused
        else "",
    )


def _paused_by_rules(pks: list[int]) -> int:
    halted = Q(rule__ending=True) | ~Q(rule__paused="")
    return Outbox.objects.filter(halted, share_id__in=pks, rule__isnull=False).count()


def _ask(request: HttpRequest, pks: list[int], skipped: int) -> HttpResponse:
    shares = access.shares_for(request.user, "delete").filter(pk__in=pks)
    rows = Delivery.objects.filter(outbox__share_id__in=pks, one_time_share__isnull=True, state__in=UNDER_WAY)
    kept = [
        (name, text)
        for name in ("share", "all", *share_filters.FIELDS, "target", "next")
        for text in request.POST.getlist(name)
    ]
    context = {
        "number": len(pks),
        "skipped": skipped,
        "shares": shares.select_related("target").order_by("target__name", "pk")[:NAMED],
        "waiting": access.of_visible_data(request.user, rows).count(),
        "of_rules": Outbox.objects.filter(share_id__in=pks, rule__isnull=False).count(),
        "kept": [*kept, ("newest", str(pks[-1]))],
    }
    return render(request, "tom_integration/many_shares_delete.html", context)
