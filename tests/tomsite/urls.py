"""The routes of the TOM in which the tests run: those that ``tom_setup`` writes."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("tom_common.urls"))]
