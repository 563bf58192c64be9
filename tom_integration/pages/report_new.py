"""Make a report: fill in the form of a destination, look at the preview, send."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from sharecore.adapter import Preview
from sharecore.exceptions import ConfigurationError, DeliveryError, InvalidRecord
from sharecore.reports import ReportForm
from tom_integration import site
from tom_integration.models import Report
from tom_integration.pages import form_values
from tom_integration.pages.guards import Page, target_or_404
from tom_integration.pages.report_form import FilledForm, places_of, said_of
from tom_integration.pages.reports import report_or_404
from tom_integration.services.reports import Reporting


class NewReport(Page):
    """Serve `/targets/<target>/share/report/?destination=...&form=...`, or `?again=<report>`."""

    def get(self, request: HttpRequest, target_pk: int) -> HttpResponse:
        """Show the form; where the destination has several, let the person choose one first."""
        desk = _Desk.of(request, target_pk, request.GET)
        if isinstance(desk, HttpResponse):
            return desk
        if desk.form is None:
            return desk.page()
        return desk.page(desk.filled(desk.form))

    def post(self, request: HttpRequest, target_pk: int) -> HttpResponseBase:
        """Show the preview of what is filled in, or the form again, or send the report."""
        desk = _Desk.of(request, target_pk, request.POST)
        if isinstance(desk, HttpResponse):
            return desk
        if desk.form is None:
            return desk.page()
        filled = desk.filled(desk.form, request.POST)
        step = request.POST.get("step", "preview")
        if not filled.is_valid() or step == "edit":
            return desk.page(filled)
        report = desk.reporting.report(desk.form, filled.values(), filled.data_chosen(), filled.shown())
        shown = preview_report(desk.reporting, report, filled, ask=step != "send")
        if shown is None:
            return desk.page(filled)
        if step != "send" or request.POST.get("content") != shown.content:
            return desk.page(filled, replace(shown, changed=step == "send"))
        made = desk.reporting.make(report, token=desk.token)
        when = " once it is approved" if desk.reporting.approval else ""
        messages.success(request, f"The {made.label} goes to {site.label(str(made.address))}{when}.")
        return redirect("sharing:report", target_pk, made.pk)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Hold where a report is made, and from which form."""

    request: HttpRequest
    target: Any
    address: str
    reporting: Reporting
    forms: Sequence[ReportForm]
    form: ReportForm | None
    again: Report | None
    token: uuid.UUID

    @classmethod
    def of(cls, request: HttpRequest, target_pk: int, asked: Any) -> _Desk | HttpResponse:
        """Return the desk that a request asks for, or a page with the reason why there is none."""
        target = target_or_404(request.user, target_pk)
        address, again = asked.get("destination", ""), None
        if (pk := form_values.pk(asked.get("again", ""))) is not None:
            again = report_or_404(request.user, target_pk, pk)
            address = str(again.address)
        chosen = set(again.places) if again else set()
        for name in asked if request.method == "POST" else ():
            chosen.update(places_of(asked.getlist(name)))
        try:
            reporting = Reporting(request.user, target, address, chosen=chosen)
            forms = reporting.forms()
            problem = "" if forms else f"{site.label(address)} takes no reports."
        except (ConfigurationError, DeliveryError) as error:
            problem = str(error)
        if problem:
            context = {"target": target, "address": address, "problem": problem}
            return render(request, "tom_integration/report_new.html", context)
        name = again.form if again else asked.get("form", "")
        known = {each.name: each for each in forms}
        form = known.get(name) or (forms[0] if len(forms) == 1 else None)
        return cls(request, target, address, reporting, forms, form, again, _token(asked.get("token", "")))

    def filled(self, form: ReportForm, data: Any = None) -> FilledForm:
        """Return the form, with what a person filled in or what is suggested."""
        return FilledForm(data, form=form, offered=self.reporting.data, again=self.again)

    def page(self, filled: FilledForm | None = None, shown: ReportPreview | None = None) -> HttpResponse:
        """Return the page with the choice of a form, the form, or the preview."""
        context = {
            "target": self.target,
            "address": self.address,
            "forms": self.forms,
            "form": self.form,
            "filled": filled,
            "shown": shown,
            "again": self.again,
            "token": self.token,
            "approval": self.reporting.approval,
            "left_out": self.reporting.left_out,
        }
        return render(self.request, "tom_integration/report_new.html", context)


def _token(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPreview:
    """Hold what a person sees of a report before it is sent."""

    preview: Preview
    content: str
    """The digest of values and data."""
    warnings: Sequence[str] = ()
    similar: Sequence[str] = ()
    """What the destination has already."""
    unasked: str = ""
    """Why the destination could not be asked for that."""
    changed: bool = False
    """True when the chosen data have changed since the last preview."""


def preview_report(
    reporting: Reporting, report: Report, filled: FilledForm, *, ask: bool
) -> ReportPreview | None:
    """Return what would be sent; None, with errors in the form, where something forbids it.

    Args:
        reporting: the target and the address of the report.
        report: the report, which is not saved.
        filled: the form, which is valid.
        ask: ask the destination what it has already.
    """
    similar: Sequence[str] = ()
    unasked = ""
    try:
        problems = reporting.check(report)
        filled.blame(problems)
        if filled.errors:
            return None
        preview = reporting.preview(report)
    except InvalidRecord as error:
        filled.add_error(error.field if error.field in filled.fields else None, error.reason)
        return None
    except (ConfigurationError, DeliveryError) as error:
        filled.add_error(None, str(error))
        return None
    if ask:
        try:
            similar = reporting.similar(report)
        except (ConfigurationError, DeliveryError) as error:
            unasked = str(error)
    return ReportPreview(
        preview=preview,
        content=reporting.content(report),
        warnings=[said_of(each) for each in problems if not each.fatal],
        similar=similar,
        unasked=unasked,
    )
