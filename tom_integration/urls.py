"""Routes under `targets/` that take the place of the stock ones; see `tom_integration.takeover`."""

from __future__ import annotations

from django.urls import path

from tom_integration.api import ShareViewSet

app_name = "sharing"

collection = ShareViewSet.as_view({"get": "list", "post": "create"})
single = ShareViewSet.as_view(
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
)

urlpatterns = [
    path("persistentshare/", collection, name="shares"),
    path("persistentshare/<int:pk>/", single, name="share"),
    path("<int:target_pk>/persistentshare/", ShareViewSet.as_view({"get": "list"}), name="target-shares"),
]
