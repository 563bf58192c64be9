"""Configure the Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class TomIntegrationConfig(AppConfig):
    """Connect a TOM with sharecore: one line in `INSTALLED_APPS`, anywhere in the list, and `migrate`."""

    name = "tom_integration"
    label = "sharecore"
    verbose_name = "Continuous sharing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sharecore.testing import rounds
        from tom_integration import charsets, checks, error_reports, wake_up
        from tom_integration.tomtoolkit import takeover
        from tom_integration.worker import one_round, thread

        takeover.take_over()
        wake_up.connect()
        charsets.connect()
        checks.register()
        error_reports.install()
        thread.connect()
        rounds.register(one_round.deliver)

    def nav_items(self) -> list[dict[str, str]]:
        """Return the item for the navigation bar of tomtoolkit's pages."""
        return [{"partial": "tom_integration/partials/navbar_item.html"}]

    def target_detail_buttons(self) -> list[dict[str, str]]:
        """Return the button for reports on a target's page, and the lines below its buttons."""
        partials = "tom_integration/partials"
        return [
            {"partial": f"{partials}/target_report.html"},
            {"partial": f"{partials}/target_shares.html"},
        ]

    def profile_details(self) -> list[dict[str, str]]:
        """Return the card of the profile page: the person's own keys."""
        from tom_integration.pages import personal_keys

        context = f"{personal_keys.__name__}.{personal_keys.profile_context.__name__}"
        return [{"partial": personal_keys.PARTIAL, "context": context}]

    def include_url_paths(self) -> list[Any]:
        """Return the routes for `tom_common.urls`, which puts them before the stock routes."""
        from django.urls import include, path

        from tom_integration.pages.urls import data_product_routes

        return [
            path("targets/", include("tom_integration.urls")),
            path("dataproducts/", include((data_product_routes, "sharing-data"))),
            path("api/sharing/", include("tom_integration.inbox.urls")),
        ]
