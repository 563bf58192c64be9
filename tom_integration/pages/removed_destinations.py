"""List and delete the shares whose destination was removed from the settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from sharecore.addresses import Address
from sharecore.delivery import UNDER_WAY
from tom_integration import access, site
from tom_integration.models import Delivery
from tom_integration.pages import phrases
from tom_integration.pages.guards import Page, require


def is_known(address: str) -> bool:
    """Return True when the settings name the destination of an address, even if it cannot be used."""
    name = Address.parse(address).name
    return name in site.destinations() or name in site.destinations().broken


def destinations(user: Any, target: Any | None = None) -> list[dict[str, Any]]:
    """Return the addresses without a destination, of the shares (of one target) that a user may view.

    Each has the number of shares, of shares that the user may delete, and of waiting records.
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
    """Delete all shares to a removed destination, after a question."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask."""
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
        """Delete the shares one by one, so that signals cancel the records of each."""
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
    rows = Delivery.objects.filter(outbox__share_id__in=viewed.values("pk"), state__in=UNDER_WAY)
    return access.of_visible_data(user, rows).count()
