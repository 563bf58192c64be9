"""List the target lists that can be shared, with links to their pages."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tom_integration import access
from tom_integration.pages.guards import Page

PAGE = 25


class Lists(Page):
    """Serve `/targets/persistentshare/lists/` with the lists that the user may view."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the lists, by name."""
        text = request.GET.get("q", "").strip()
        found = access.lists_for(request.user).filter(name__icontains=text).order_by("name", "pk")
        page = Paginator(found.annotate(number=Count("targets")), PAGE).get_page(request.GET.get("page"))
        return render(
            request,
            "tom_integration/lists.html",
            {"page": page, "search": text, "may_add": access.holds(request.user, "add")},
        )
