"""Routes of the pages: those of tomtoolkit that we answer, at the same URLs, and ours beside them."""

from __future__ import annotations

from django.urls import path

from tom_integration.pages import (
    creating,
    data_products,
    destinations,
    doing,
    limits,
    listing,
    lists,
    removed,
    share,
    targets,
)

SHARES = "persistentshare/manage/"

taken_over = [
    path("<int:pk>/share/", targets.TargetShare.as_view()),
    path("targetgrouping/<int:pk>/share/", targets.ListShare.as_view()),
    path(SHARES, listing.Manage.as_view()),
    path(f"{SHARES}table", listing.Table.as_view()),
    path(f"<int:target_pk>/{SHARES}", listing.Manage.as_view()),
    path(f"<int:target_pk>/{SHARES}table", listing.Table.as_view()),
]
"""Under `targets/`; their names are those of tomtoolkit."""

ours = [
    path(f"{SHARES}create", creating.Create.as_view(), name="create"),
    path(f"{SHARES}existing", creating.Existing.as_view(), name="existing"),
    path(f"{SHARES}preview", creating.Preview.as_view(), name="preview"),
    path(f"{SHARES}targets", creating.Targets.as_view(), name="targets"),
    path(f"<int:target_pk>/{SHARES}create", creating.Create.as_view(), name="create-for-target"),
    path(f"<int:target_pk>/{SHARES}existing", creating.Existing.as_view(), name="existing-for-target"),
    path(f"<int:target_pk>/{SHARES}preview", creating.Preview.as_view(), name="preview-for-target"),
    path(f"{SHARES}<int:pk>/", share.SharePage.as_view(), name="share-page"),
    path(f"{SHARES}<int:pk>/live", share.ShareLive.as_view(), name="share-live"),
    path(f"{SHARES}<int:pk>/limits", limits.Limits.as_view(), name="limits"),
    path(f"{SHARES}<int:pk>/delete", doing.Delete.as_view(), name="delete"),
    *(
        path(f"{SHARES}<int:pk>/{action}", doing.Act.as_view(), {"action": action}, name=action)
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
            doing.ActOnDelivery.as_view(),
            {"action": action},
            name=f"record-{action}",
        )
        for action in ("retry", "arrived", "resend")
    ),
    path("<int:target_pk>/share/<int:pk>/", share.HistoryPage.as_view(), name="history"),
    path("<int:target_pk>/share/<int:pk>/live", share.HistoryLive.as_view(), name="history-live"),
    *(
        path(
            f"<int:target_pk>/share/<int:pk>/{action}",
            doing.ActOnHistory.as_view(),
            {"action": action},
            name=f"history-{action}",
        )
        for action in ("retry", "hurry", "arrived", "resend")
    ),
    path(f"{SHARES}delete", removed.DeleteAll.as_view(), name="delete-all"),
    path("persistentshare/lists/", lists.Lists.as_view(), name="lists"),
    path("persistentshare/destinations/", destinations.DestinationsPage.as_view(), name="destinations"),
    path("persistentshare/destinations/check", destinations.Check.as_view(), name="check"),
]

data_product_routes = [
    path("data/<int:dp_pk>/share/", data_products.DataProductShare.as_view()),
    path("target/<int:tg_pk>/share/", data_products.TargetDataShare.as_view()),
]
"""Under `dataproducts/`."""
