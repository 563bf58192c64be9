"""The target lists that can be shared, each with the way to its page."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tom_integration import access
from tom_integration.pages.guards import Page

PAGE = 25


class Lists(Page):
    """`/targets/persistentshare/lists/`: for everybody who may view a list."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """One page of them, by name."""
        text = request.GET.get("q", "").strip()
        found = access.lists_for(request.user).filter(name__icontains=text).order_by("name", "pk")
        page = Paginator(found.annotate(number=Count("targets")), PAGE).get_page(request.GET.get("page"))
        return render(request, "tom_integration/lists.html", {"page": page, "search": text})
