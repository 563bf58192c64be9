"""Route the REST API, under `targets/`."""

from __future__ import annotations

from django.urls import path

from tom_integration.api.activity import ActivityViewSet, ShareActivityViewSet
from tom_integration.api.approvals import ApprovalViewSet
from tom_integration.api.deliveries import DeliveryViewSet
from tom_integration.api.replays import ReplayViewSet
from tom_integration.api.reports import ReportViewSet
from tom_integration.api.rules import RuleViewSet
from tom_integration.api.shares import ShareViewSet
from tom_integration.api.withdrawals import WithdrawalViewSet

_SINGLE = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
_SHARE = "persistentshare/<int:pk>/"
_RULE = "sharerule/<int:pk>/"
_REPORTS = "<int:target_pk>/reports/"
_DELIVERY = f"{_SHARE}deliveries/<int:delivery_pk>/"

urlpatterns = [
    path("sharerule/", RuleViewSet.as_view({"get": "list", "post": "create"}), name="sharerules"),
    path("sharerule/preview/", RuleViewSet.as_view({"post": "preview"}), name="sharerule-preview"),
    path(_RULE, RuleViewSet.as_view(_SINGLE), name="sharerule"),
    *[
        path(f"{_RULE}{act}/", RuleViewSet.as_view({"post": act}), name=f"sharerule-{act}")
        for act in ("pause", "resume")
    ],
    path(f"{_RULE}replay/", ReplayViewSet.as_view({"post": "of_rule"}), name="sharerule-replay"),
    path(f"{_SHARE}replay/", ReplayViewSet.as_view({"post": "of_share"}), name="share-replay"),
    path(
        "persistentshare/replay/",
        ReplayViewSet.as_view({"post": "of_destination"}),
        name="destination-replay",
    ),
    path("persistentshare/", ShareViewSet.as_view({"get": "list", "post": "create"}), name="shares"),
    path("<int:target_pk>/persistentshare/", ShareViewSet.as_view({"get": "list"}), name="target-shares"),
    path(_SHARE, ShareViewSet.as_view(_SINGLE), name="share"),
    *[
        path(f"{_SHARE}{act}/", ShareViewSet.as_view({"post": act}), name=f"share-{act}")
        for act in ("pause", "resume", "retry", "adopt", "resolve")
    ],
    path("shareapproval/", ApprovalViewSet.as_view({"get": "list"}), name="shareapprovals"),
    path("shareapproval/<int:pk>/", ApprovalViewSet.as_view({"get": "retrieve"}), name="shareapproval"),
    *[
        path(f"shareapproval/{act}/", ApprovalViewSet.as_view({"post": act}), name=f"shareapproval-{act}")
        for act in ("approve", "decline")
    ],
    path(_REPORTS, ReportViewSet.as_view({"get": "list", "post": "create"}), name="target-reports"),
    path(f"{_REPORTS}forms/", ReportViewSet.as_view({"get": "forms"}), name="target-report-forms"),
    path(f"{_REPORTS}<int:pk>/", ReportViewSet.as_view({"get": "retrieve"}), name="target-report"),
    path(f"{_SHARE}withdraw/", WithdrawalViewSet.as_view({"post": "withdraw"}), name="share-withdraw"),
    path("shareactivity/", ActivityViewSet.as_view({"get": "list"}), name="shareactivity"),
    path(f"{_SHARE}activity/", ShareActivityViewSet.as_view({"get": "list"}), name="share-activity"),
    path(f"{_SHARE}deliveries/", DeliveryViewSet.as_view({"get": "list"}), name="deliveries"),
    path(_DELIVERY, DeliveryViewSet.as_view({"get": "retrieve"}), name="delivery"),
    *[
        path(f"{_DELIVERY}{act}/", DeliveryViewSet.as_view({"post": act}), name=f"delivery-{act}")
        for act in ("retry", "resolve")
    ],
]
