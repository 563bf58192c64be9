"""Route the pages: those of tomtoolkit that we replace, at the same URLs, and ours beside them."""

from __future__ import annotations

from django.urls import path

from tom_integration.pages import (
    destinations_page,
    new_share,
    removed_destinations,
    share_actions,
    share_data_product,
    share_limits,
    share_list,
    share_page,
    share_target,
    target_lists,
)

SHARES = "persistentshare/manage/"

taken_over = [
    path("<int:pk>/share/", share_target.TargetShare.as_view()),
    path("targetgrouping/<int:pk>/share/", share_target.ListShare.as_view()),
    path(SHARES, share_list.Manage.as_view()),
    path(f"{SHARES}table", share_list.Table.as_view()),
    path(f"<int:target_pk>/{SHARES}", share_list.Manage.as_view()),
    path(f"<int:target_pk>/{SHARES}table", share_list.Table.as_view()),
]
"""Routes under `targets/`, with the names of tomtoolkit."""

ours = [
    path(f"{SHARES}create", new_share.Create.as_view(), name="create"),
    path(f"{SHARES}existing", new_share.Existing.as_view(), name="existing"),
    path(f"{SHARES}preview", new_share.Preview.as_view(), name="preview"),
    path(f"{SHARES}targets", new_share.Targets.as_view(), name="targets"),
    path(f"<int:target_pk>/{SHARES}create", new_share.Create.as_view(), name="create-for-target"),
    path(f"<int:target_pk>/{SHARES}existing", new_share.Existing.as_view(), name="existing-for-target"),
    path(f"<int:target_pk>/{SHARES}preview", new_share.Preview.as_view(), name="preview-for-target"),
    path(f"{SHARES}<int:pk>/", share_page.SharePage.as_view(), name="share-page"),
    path(f"{SHARES}<int:pk>/live", share_page.ShareLive.as_view(), name="share-live"),
    path(f"{SHARES}<int:pk>/limits", share_limits.Limits.as_view(), name="limits"),
    path(f"{SHARES}<int:pk>/limits/counted", share_limits.Counted.as_view(), name="counted"),
    path(f"{SHARES}<int:pk>/delete", share_actions.Delete.as_view(), name="delete"),
    *(
        path(f"{SHARES}<int:pk>/{action}", share_actions.Act.as_view(), {"action": action}, name=action)
        for action in (
            "pause",
            "resume",
            "adopt",
            "retry",
            "hurry",
            "send-existing",
            "send-edited",
            "arrived",
            "resend",
        )
    ),
    *(
        path(
            f"{SHARES}records/<int:pk>/{action}",
            share_actions.ActOnDelivery.as_view(),
            {"action": action},
            name=f"record-{action}",
        )
        for action in ("retry", "arrived", "resend")
    ),
    path("<int:target_pk>/share/<int:pk>/", share_page.HistoryPage.as_view(), name="history"),
    path("<int:target_pk>/share/<int:pk>/live", share_page.HistoryLive.as_view(), name="history-live"),
    *(
        path(
            f"<int:target_pk>/share/<int:pk>/{action}",
            share_actions.ActOnHistory.as_view(),
            {"action": action},
            name=f"history-{action}",
        )
        for action in ("retry", "hurry", "arrived", "resend")
    ),
    path(f"{SHARES}delete", removed_destinations.DeleteAll.as_view(), name="delete-all"),
    path("persistentshare/lists/", target_lists.Lists.as_view(), name="lists"),
    path("persistentshare/destinations/", destinations_page.DestinationsPage.as_view(), name="destinations"),
    path("persistentshare/destinations/check", destinations_page.Check.as_view(), name="check"),
]

data_product_routes = [
    path("data/<int:dp_pk>/share/", share_data_product.DataProductShare.as_view()),
    path("target/<int:tg_pk>/share/", share_data_product.TargetDataShare.as_view()),
]
"""Routes under `dataproducts/`."""
