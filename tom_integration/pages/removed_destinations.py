"""Shares whose destination is not in the settings any more: what waits for it, and deleting them together."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from sharecore.addresses import Address
from sharecore.delivery import OPEN
from tom_integration import access, site
from tom_integration.models import Delivery
from tom_integration.pages import phrases
from tom_integration.pages.guards import Page, require


def is_known(address: str) -> bool:
    """Return whether the settings name the destination of an address, be it broken."""
    name = Address.parse(address).name
    return name in site.destinations() or name in site.destinations().broken


def destinations(user: Any, target: Any | None = None) -> list[dict[str, Any]]:
    """The addresses without a destination, of the shares (of one target) that a user may view.

    For each how many shares there are, how many of them the user may delete, and how many records wait.
    """
    shares = access.shares_for(user, "view")
    if target is not None:
        shares = shares.filter(target_id=target.pk)
    numbers = shares.order_by("destination").values_list("destination").annotate(number=Count("pk"))
    return [
        {
            "destination": address,
            "label": site.label(address),
            "number": number,
            "deletable": _deletable(user, address).count(),
            "waiting": _waiting(user, address, shares),
        }
        for address, number in numbers
        if not is_known(address)
    ]


class DeleteAll(Page):
    """The question before all shares to a removed destination are deleted, and the deletion."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The question."""
        address = self._address(request, request.GET)
        shares = _deletable(request.user, address)
        context = {
            "destination": address,
            "number": shares.count(),
            "targets": shares.select_related("target").order_by("target__name")[:20],
            "waiting": _waiting(request.user, address, shares),
        }
        return render(request, "tom_integration/shares_delete.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """The deletion, one by one, so that each share's records are cancelled."""
        address = self._address(request, request.POST)
        number = 0
        for share in _deletable(request.user, address):
            share.delete()
            number += 1
        messages.success(request, f"{phrases.number(number, 'share')} to {site.label(address)} deleted.")
        return redirect("targets:persistent-share-manage-form")

    @staticmethod
    def _address(request: HttpRequest, fields: Any) -> str:
        require(request.user, "delete")
        address = str(fields.get("destination", ""))
        if is_known(address) or not _deletable(request.user, address).exists():
            raise Http404("There are no such shares.")
        return address


def _deletable(user: Any, address: str) -> Any:
    viewed = access.shares_for(user, "view").values("pk")
    return access.shares_for(user, "delete").filter(destination=address, pk__in=viewed)


def _waiting(user: Any, address: str, shares: Any) -> int:
    viewed = access.shares_for(user, "view").filter(pk__in=shares.values("pk"), destination=address)
    rows = Delivery.objects.filter(outbox__share_id__in=viewed.values("pk"), state__in=OPEN)
    return access.of_visible_data(user, rows).count()
