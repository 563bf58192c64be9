"""Route the requests under `api/sharing/`."""

from __future__ import annotations

from django.urls import path

from tom_integration.inbox.views import BatchView, CapabilityView, ExamineView

app_name = "sharing-api"

urlpatterns = [
    path("", CapabilityView.as_view(), name="capabilities"),
    path("batch/", BatchView.as_view(), name="batch"),
    path("test/", ExamineView.as_view(), name="test"),
]
