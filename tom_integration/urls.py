"""Route requests under `targets/`, in place of the stock routes; see `tomtoolkit.takeover`."""

from __future__ import annotations

from tom_integration.api import urls as api
from tom_integration.pages import urls as pages

app_name = "sharing"

urlpatterns = [*api.urlpatterns, *pages.taken_over, *pages.ours]
