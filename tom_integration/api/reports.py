"""Serve `/targets/<target>/reports/`: the forms of a destination, and reports about a target."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rest_framework import exceptions, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.reports import ReportForm
from tom_integration.access import targets_for_shares
from tom_integration.api.permissions import ShareApi
from tom_integration.api.shares import Conflict
from tom_integration.pages.report_form import PREFIX, FilledForm, places_of
from tom_integration.pages.report_new import preview_report
from tom_integration.pages.reports import ReportLine, lines, report_or_404
from tom_integration.services.reports import Reporting, reports_about


class NewReportSerializer(serializers.Serializer):
    """Read a report, and whether to send it."""

    destination = serializers.CharField(max_length=200)
    form = serializers.CharField(max_length=64)
    values = serializers.DictField(default=dict)
    """Values by name of the field; of a record `<model>:<primary key>`."""
    token = serializers.UUIDField(default=uuid.uuid4)
    """A mark of this report: with the same one it is made once."""
    send = serializers.BooleanField(default=False)
    """True to send, not only to show what would be sent."""

    def validate_values(self, values: dict[str, Any]) -> dict[str, Any]:
        for name, value in values.items():
            parts = value if isinstance(value, list) else [value]
            if any(isinstance(each, dict | list) for each in parts):
                said = "must be a text, a number, true, false, null, or a list of them"
                raise serializers.ValidationError({name: [said]})
        return values


class ReportViewSet(ShareApi, viewsets.GenericViewSet):
    """Make and read reports about a target that the user may share."""

    serializer_class = NewReportSerializer

    def forms(self, request: Request, target_pk: int) -> Response:
        """List the forms of the destination that `?destination=` names."""
        reporting = self._reporting(request.query_params.get("destination", ""))
        return Response([_shown_form(each, reporting) for each in self._forms(reporting)])

    def list(self, request: Request, target_pk: int) -> Response:
        """List the reports about the target, the newest first."""
        target = self._target()
        found = self.paginate_queryset(reports_about(request.user, target.pk).order_by("-pk"))
        return self.get_paginated_response([shown_report(each) for each in lines(list(found or ()))])

    def retrieve(self, request: Request, target_pk: int, pk: int) -> Response:
        """Return one report."""
        self._target()
        (line,) = lines([report_or_404(request.user, target_pk, pk)])
        return Response(shown_report(line))

    def create(self, request: Request, target_pk: int) -> Response:
        """Return what would be sent; with `"send": true` send it."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        chosen = [place for value in said["values"].values() for place in places_of(value)]
        reporting = self._reporting(said["destination"], chosen)
        form = {each.name: each for each in self._forms(reporting)}.get(said["form"])
        if form is None:
            raise exceptions.ValidationError({"form": ["There is no such form."]})
        if unknown := sorted(set(said["values"]) - {each.name for each in form.fields}):
            raise exceptions.ValidationError(
                {"values": {name: ["There is no such field."] for name in unknown}}
            )
        values = {f"{PREFIX}-{name}": value for name, value in said["values"].items() if value is not None}
        filled = FilledForm(values, form=form, offered=reporting.data)
        if not filled.is_valid():
            raise exceptions.ValidationError({"values": filled.errors})
        report = reporting.report(form, filled.values(), filled.data_chosen(), filled.shown())
        shown = preview_report(reporting, report, filled, ask=not said["send"])
        if shown is None:
            raise exceptions.ValidationError({"values": filled.errors})
        if not said["send"]:
            return Response({**_without_content(asdict(shown)), "sent": False})
        (line,) = lines([reporting.make(report, token=said["token"])])
        return Response({**shown_report(line), "sent": True}, status=status.HTTP_201_CREATED)

    def _target(self) -> Any:
        target = targets_for_shares(self.request.user).filter(pk=self.kwargs["target_pk"]).first()
        if target is None:
            raise exceptions.NotFound("There is no such target.")
        return target

    def _reporting(self, address: str, chosen: Any = ()) -> Reporting:
        try:
            return Reporting(self.request.user, self._target(), address, chosen)
        except ConfigurationError as error:
            raise exceptions.ValidationError({"destination": [str(error)]}) from None

    def _forms(self, reporting: Reporting) -> Sequence[ReportForm]:
        try:
            return reporting.forms()
        except (ConfigurationError, DeliveryError) as error:
            raise Conflict(str(error)) from None


def _shown_form(form: ReportForm, reporting: Reporting) -> dict[str, Any]:
    """Return a form; what it suggests is named as in `values` of a report."""
    suggested = FilledForm(form=form, offered=reporting.data).fields
    shown = asdict(form)
    for field in shown["fields"]:
        initial = suggested[field["name"]].initial
        field["initial"] = None if initial == "" else initial
    return shown


def _without_content(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in ("content", "changed")}


def shown_report(line: ReportLine) -> dict[str, Any]:
    """Return what the API says of a report."""
    report = line.report
    return {
        "id": report.pk,
        "target": report.target_id,
        "destination": str(report.address),
        "form": report.form,
        "label": report.label,
        "values": report.values,
        "data": {name: [f"{model}:{pk}" for model, pk in chosen] for name, chosen in report.data.items()},
        "created": report.created,
        "state": line.state,
        "reason": line.reason,
        "field": line.field_name,
        "target_name": line.target_name,
        "remote_id": line.remote_id,
        "link": line.link,
        "delivered_at": line.delivered_at,
    }
