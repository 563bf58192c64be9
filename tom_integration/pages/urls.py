"""Route the pages: those of tomtoolkit that we replace, at the same URLs, and ours beside them."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.views import View

from tom_integration.pages import (
    activity,
    approvals,
    attempt_page,
    delivery_export,
    destinations_page,
    glossary,
    many_shares,
    new_share,
    notices,
    personal_keys,
    removed_destinations,
    replay,
    report_new,
    reports,
    selected_targets,
    share_actions,
    share_change,
    share_data_product,
    share_list,
    share_page,
    share_rules,
    share_target,
    target_lists,
    withdraw,
)

SHARES = "persistentshare/manage/"
_RULES = "persistentshare/rules/"
_TARGETS = "persistentshare/targets/"
_RECORD = f"{SHARES}records/<int:pk>/"
_HISTORY = "<int:target_pk>/share/<int:pk>/"
_REPORT = "<int:target_pk>/share/report/"

_OF_RECORD = ("retry", "arrived", "resend")
_OF_OUTBOX = (*_OF_RECORD, "hurry")


def _actions(route: str, view: type[View], prefix: str, *actions: str) -> list[URLPattern]:
    """Return a route for each action, named after it."""
    return [
        path(f"{route}{action}", view.as_view(), {"action": action}, name=f"{prefix}{action}")
        for action in actions
    ]


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
    path(f"{SHARES}<int:pk>/live", share_page.SharePage.as_view(live=True), name="share-live"),
    path(f"{SHARES}<int:pk>/deliveries.<str:form>", delivery_export.OfShare.as_view(), name="share-export"),
    path(f"{SHARES}<int:pk>/change", share_change.Change.as_view(), name="change"),
    path(f"{SHARES}<int:pk>/change/counted", share_change.Counted.as_view(), name="counted"),
    path(f"{SHARES}<int:pk>/replay", replay.OfShare.as_view(), name="replay"),
    path(f"{SHARES}<int:pk>/withdraw", withdraw.OfShare.as_view(), name="withdraw"),
    path(f"{SHARES}<int:pk>/delete", share_actions.Delete.as_view(), name="delete"),
    *_actions(f"{SHARES}<int:pk>/", share_actions.Act, "", "pause", "resume", "adopt", *_OF_OUTBOX),
    *_actions(f"{SHARES}<int:pk>/", share_actions.Act, "", "send-existing", "send-edited"),
    *_actions(_RECORD, share_actions.ActOnDelivery, "record-", *_OF_RECORD),
    path(f"{_RECORD}attempts/<int:attempt_pk>/", attempt_page.AttemptPage.as_view(), name="attempt"),
    path(_REPORT, report_new.NewReport.as_view(), name="report-new"),
    path(f"{_REPORT}<int:pk>/", reports.ReportPage.as_view(), name="report"),
    path(_HISTORY, share_page.HistoryPage.as_view(), name="history"),
    path(f"{_HISTORY}alias", share_actions.AddAlias.as_view(), name="add-alias"),
    path(f"{_HISTORY}live", share_page.HistoryPage.as_view(live=True), name="history-live"),
    path(f"{_HISTORY}deliveries.<str:form>", delivery_export.OfHistory.as_view(), name="history-export"),
    path(f"{_HISTORY}withdraw", withdraw.OfHistory.as_view(), name="history-withdraw"),
    *_actions(_HISTORY, share_actions.ActOnHistory, "history-", *_OF_OUTBOX),
    path(f"{SHARES}many", many_shares.ManyShares.as_view(), name="many"),
    path(f"{SHARES}delete", removed_destinations.DeleteAll.as_view(), name="delete-all"),
    path(_RULES, share_rules.Rules.as_view(), name="rules"),
    path(f"{_RULES}new", share_rules.NewRule.as_view(), name="rule-new"),
    path(f"{_RULES}new/counted", share_rules.CountRule.as_view(), name="rule-new-counted"),
    path(f"{_RULES}<int:pk>/", share_rules.RulePage.as_view(), name="rule"),
    path(f"{_RULES}<int:pk>/change", share_rules.ChangeRule.as_view(), name="rule-change"),
    path(f"{_RULES}<int:pk>/counted", share_rules.CountRule.as_view(), name="rule-counted"),
    path(f"{_RULES}<int:pk>/replay", replay.OfRule.as_view(), name="rule-replay"),
    path(f"{_RULES}<int:pk>/end", share_rules.EndRule.as_view(), name="rule-end"),
    *_actions(f"{_RULES}<int:pk>/", share_rules.ActOnRule, "rule-", "pause", "resume"),
    path(_TARGETS, selected_targets.Selected.as_view(), name="selected"),
    path(f"{_TARGETS}counted", selected_targets.Counted.as_view(), name="selected-counted"),
    path(f"{_TARGETS}once", share_target.SelectedShare.as_view(), name="selected-once"),
    path("persistentshare/glossary/", glossary.Glossary.as_view(), name="glossary"),
    path("persistentshare/notices/", notices.Notices.as_view(), name="notices"),
    path("persistentshare/approvals/", approvals.Approvals.as_view(), name="approvals"),
    path("persistentshare/approvals/<int:pk>/", approvals.Whole.as_view(), name="approval"),
    path("persistentshare/activity/", activity.ActivityPage.as_view(), name="activity"),
    path("persistentshare/lists/", target_lists.Lists.as_view(), name="lists"),
    path("persistentshare/destinations/", destinations_page.DestinationsPage.as_view(), name="destinations"),
    path("persistentshare/destinations/replay", replay.OfDestination.as_view(), name="destination-replay"),
    path("persistentshare/destinations/test", destinations_page.SendTest.as_view(), name="send-test"),
    path("persistentshare/destinations/check", destinations_page.Check.as_view(), name="check"),
    *_actions("persistentshare/keys/", personal_keys.OwnKey, "key-", "give", "test", "remove"),
]

data_product_routes = [
    path("data/<int:dp_pk>/share/", share_data_product.DataProductShare.as_view()),
    path("target/<int:tg_pk>/share/", share_data_product.TargetDataShare.as_view()),
]
"""Routes under `dataproducts/`."""
