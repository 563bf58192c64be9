"""Show the reports about a target, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from sharecore.delivery import REPLAYABLE, State
from tom_integration import access
from tom_integration.links import link
from tom_integration.mapping.report_rows import REPORT_MODEL
from tom_integration.models import Delivery, Outbox, Report
from tom_integration.pages import phrases
from tom_integration.pages.guards import Page, page_of, target_or_404
from tom_integration.services import target_names
from tom_integration.services.reports import reports_about

LISTED = 20
"""The number of reports that the page of a target lists, the last ones."""
_SETTLED = "That report no longer waits for approval. To follow it, you need permission to view shares."


class ReportPage(Page):
    """Serve `/targets/<target>/share/report/<report>/`: what was reported, and what became of it."""

    def get(self, request: HttpRequest, target_pk: int, pk: int) -> HttpResponse:
        """Show the report; an approver who may not follow it any more is led to what waits."""
        target = target_or_404(request.user, target_pk)
        try:
            report = report_or_404(request.user, target_pk, pk)
        except Http404:
            if not _was_asked(request.user, target_pk, pk):
                raise
            messages.info(request, _SETTLED)
            return redirect("sharing:approvals")
        (line,) = lines([report])
        known = Outbox.objects.at(report.address).filter(target_id=target_pk).first()
        outbox = known or Outbox.to(report.address, target_pk)
        follows = access.may(request.user, "view", outbox=outbox)
        context = {
            "target": target,
            "line": line,
            "maker": access.find_creator(report.creator_id),
            "details": page_of(outbox, request.user) if follows else "",
            "outbox": outbox,
            "new_name": follows and bool(line.target_name) and target_names.is_new(outbox, target),
        }
        return render(request, "tom_integration/report.html", context)


def report_or_404(user: Any, target_pk: int, pk: int) -> Report:
    """Return a report about a target that the user may see."""
    report = reports_about(user, target_pk).filter(pk=pk).first()
    if report is None:
        raise Http404("There is no such report.")
    return report


def _was_asked(user: Any, target_pk: int, pk: int) -> bool:
    rows = access.asked_before(user).filter(model=REPORT_MODEL, datum_pk=pk, outbox__target_id=target_pk)
    return rows.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """Hold what a page says of one report."""

    report: Report
    url: str
    state: str = ""
    """The state of its delivery; empty where that is gone."""
    label: str = ""
    reason: str = ""
    field: str = ""
    """The label of the field to blame."""
    field_name: str = ""
    """The name of that field."""
    remote_id: str = ""
    link: str = ""
    target_name: str = ""
    """The name that the destination gave the target; empty for a report that did not arrive."""
    delivered_at: Any = None
    again: str = ""
    """The URL of the form with its content; empty for one that arrived or may arrive."""


def lines(reports: Sequence[Report]) -> list[ReportLine]:
    """Return what to say of each report."""
    rows = Delivery.objects.filter(model=REPORT_MODEL, datum_pk__in=[each.pk for each in reports])
    known = {row.datum_pk: row for row in rows.select_related("outbox")}
    return [_line(report, known.get(report.pk)) for report in reports]


def listed(user: Any, target: Any) -> list[ReportLine]:
    """Return the last reports about a target that the user may see, the newest first."""
    return lines(list(reports_about(user, target.pk).order_by("-pk")[:LISTED]))


def _line(report: Report, row: Delivery | None) -> ReportLine:
    url = reverse("sharing:report", args=[report.target_id, report.pk])
    if row is None:
        return ReportLine(report=report, url=url)
    labels = {name: label for name, label, _ in report.shown}
    blamed = row.field if row.state == State.FAILED else ""
    new = reverse("sharing:report-new", args=[report.target_id])
    return ReportLine(
        report=report,
        url=url,
        state=row.state,
        label=phrases.of_delivery(row),
        reason=row.reason,
        field=labels.get(blamed, blamed),
        field_name=blamed,
        remote_id=row.remote_id,
        link=link(report.address, row.remote_id) if row.remote_id else "",
        target_name=row.outbox.target_name if row.delivered_at else "",
        delivered_at=row.delivered_at,
        again=f"{new}?again={report.pk}" if State(row.state) in REPLAYABLE else "",
    )
