"""Make the line below a form: how many data pass now, and the names that data have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from sharecore.addresses import Address
from tom_integration import access, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.outbox import limits
from tom_integration.pages.limits_form import LimitsForm
from tom_integration.pages.names_field import written
from tom_integration.services import passing_data

NEWEST = 2_000
"""Rows of each model whose names are suggested: to look through all of a TOM would take too long."""
SUGGESTED = 50
_COLUMNS = {
    "sources": "source_name", "telescopes": "telescope", "instruments": "instrument", "bandpasses": "bandpass"
}  # fmt: skip


def of_address(address: str) -> limits.Limits:
    """Return the limits of the destination of an address; none for no destination."""
    return limits.of_destination(site.destinations().get(Address.parse(address).name))


def context(user: Any, targets: Q | None, address: str, form: LimitsForm) -> dict[str, Any]:
    """Return the context of the line below a form: how many data pass now, and what the filters say.

    Args:
        user: the user.
        targets: a condition on the data, for those of the chosen targets; None when none is chosen.
        address: the chosen address; empty for none.
        form: the form of the filter and dates.
    """
    found = said(user, targets, address, form)
    if targets is not None and form.filter is not None:
        whole = of_address(address)
        filters, releases = [*whole.filters, form.filter], [*whole.releases, form.release]
        found["passing"] = passing_data.count(user, targets, filters, releases)
    return found


def said(user: Any, targets: Q | None, address: str, form: LimitsForm) -> dict[str, Any]:
    """Return what the filters say and the names that data have, as of `context`, without a number."""
    return {
        "faults": form.faults,
        "sentence": "" if form.filter is None else str(form.filter),
        "theirs": " ".join(map(str, of_address(address).filters)),
        "address": address,
        "suggested": {} if targets is None else _names(user, targets),
        "passing": None,
    }


def _names(user: Any, targets: Q) -> dict[str, list[str]]:
    """Return the names in the newest data, for each field of a filter that holds names."""
    found: dict[str, set[str]] = {field: set() for field in _COLUMNS}
    for model in DATUM_MODELS.values():
        columns = {each.name for each in model._meta.get_fields()}
        fields = {field: column for field, column in _COLUMNS.items() if column in columns}
        rows = access.visible(user, model._default_manager.filter(targets))
        for values in _distinct(rows, fields.values()):
            for field, value in zip(fields, values, strict=True):
                if value and value.strip():
                    found[field].add(written([value.strip()]))
    return {field: sorted(each)[:SUGGESTED] for field, each in found.items()}


def _distinct(rows: QuerySet[Any], columns: Iterable[str]) -> QuerySet[Any]:
    newest = rows.order_by("-pk").values("pk")[:NEWEST]
    among: QuerySet[Any] = rows.model._default_manager.filter(pk__in=newest)
    return among.order_by().values_list(*columns).distinct()
