"""Check the rights of pages, by the rules of `tom_integration.access`, and answer refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views import View
from tom_targets.models import get_target_model_class
from tom_targets.permissions import targets_for_user

from tom_integration import access, site
from tom_integration.access import Action
from tom_integration.models import Delivery, Outbox, ShareRule
from tom_integration.pages import form_values

_NOTHING = "Nothing was shared there."


class Page(LoginRequiredMixin, View):
    """Serve a page of this app; send anonymous users to the login."""

    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Reject NUL characters, which no browser sends, for all pages alike."""
        if form_values.has_nul(request):
            raise BadRequest("A field holds a NUL character.")
        return super().dispatch(request, *args, **kwargs)


def share_or_404(user: Any, pk: int, action: Action) -> Any:
    """Return a share that the user may act on.

    Raises:
        Http404: the user may not see the share.
        PermissionDenied: the user may see the share only.
    """

    def shares(allowed: Action) -> QuerySet[Any]:
        return access.shares_for(user, allowed).select_related("target", "user")

    return _one_or_404(shares, pk, action, "share")


def rule_or_404(user: Any, pk: int, action: Action) -> ShareRule:
    """Return a rule that the user may act on; raise as `share_or_404`."""
    rule: ShareRule = _one_or_404(partial(access.rules_for, user), pk, action, "rule")
    return rule


def _one_or_404(rows_for: Callable[[Action], QuerySet[Any]], pk: int, action: Action, what: str) -> Any:
    row = rows_for(action).filter(pk=pk).first()
    if row is not None:
        return row
    if rows_for("view").filter(pk=pk).exists():
        raise PermissionDenied(access.REFUSAL)
    raise Http404(f"There is no such {what}.")


def replayed_share_or_404(user: Any, pk: int) -> Any:
    """Return a share that the user may view, since a replay tells numbers, and change."""
    share_or_404(user, pk, "view")
    return share_or_404(user, pk, "change")


def replayed_rule_or_404(user: Any, pk: int) -> ShareRule:
    """Return a rule that the user may view and change."""
    rule_or_404(user, pk, "view")
    return rule_or_404(user, pk, "change")


def replayed_destination_or_404(user: Any, name: str) -> str:
    """Return the name of a destination at which the user may change shares, if there are any."""
    require(user, "change")
    known = name in site.destinations() or name in site.destinations().broken
    removed = access.outboxes_for(user, "change").filter(destination=name)
    if not access.may_use(user, name) or not (known or removed.exists()):
        raise Http404("There is no such destination.")
    return name


def outbox_or_404(user: Any, target_pk: int, pk: int, action: Action) -> Outbox:
    """Return the outbox of a target that the user may act on; raise as `share_or_404`."""
    target = target_or_404(user, target_pk)
    return _permitted(user, Outbox.objects.filter(pk=pk, target_id=target.pk).first(), action)


def delivery_or_404(user: Any, pk: int, action: Action) -> Delivery:
    """Return a delivery that the user may act on; raise as `share_or_404`."""
    rows = Delivery.objects.filter(pk=pk).select_related("outbox")
    row = access.of_visible_data(user, rows).first()
    if row is None:
        raise Http404(_NOTHING)
    _permitted(user, row.outbox, action)
    return row


def _permitted(user: Any, outbox: Outbox | None, action: Action) -> Outbox:
    if outbox is not None and access.may(user, action, outbox=outbox):
        return outbox
    if outbox is not None and access.may(user, "view", outbox=outbox):
        raise PermissionDenied
    raise Http404(_NOTHING)


def page_of(outbox: Outbox, user: Any) -> str:
    """Return the URL to go to after an action on an outbox: its page, if the user may view it."""
    if access.may(user, "view", outbox=outbox):
        known = Outbox.objects.at(outbox.address).filter(target_id=outbox.target_id).first()
        if known is not None and known.share_id is not None:
            return reverse("sharing:share-page", args=[known.share_id])
        if known is not None:
            return reverse("sharing:history", args=[known.target_id, known.pk])
    return reverse("targets:share", args=[outbox.target_id])


def target_or_404(user: Any, pk: int) -> Any:
    """Return a target that the user may share; raise as `share_or_404`."""
    target = access.targets_for_shares(user).filter(pk=pk).first()
    if target is not None:
        return target
    visible_target_or_404(user, pk)
    raise PermissionDenied


def visible_target_or_404(user: Any, pk: int) -> Any:
    """Return a target that the user may see, by tomtoolkit's own rule, or raise Http404."""
    known = get_target_model_class().objects.filter(pk=pk)
    target = targets_for_user(user, known, "view_target").first()
    if target is None:
        raise Http404("There is no such target.")
    return target


def require(user: Any, *actions: Action, approver: bool = False) -> None:
    """Reject users who have none of these rights at all, and may not approve where that is enough."""
    if approver and access.may_approve(user):
        return
    if not any(access.holds(user, action) for action in actions):
        raise PermissionDenied
