"""Define the form of a filter and of dates, for a share or a rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone

from sharecore.exceptions import ConfigurationError
from sharecore.filters import Filter, Names
from sharecore.records import DATA_KINDS, Kind
from sharecore.release import Release
from tom_integration.models import Limited, write_filter
from tom_integration.pages import inventory
from tom_integration.pages.form_values import InUtc
from tom_integration.pages.names_field import NamesField, written
from tom_integration.services.shares import TIME_OVER

NAMED = {
    "sources": "Sources",
    "telescopes": "Telescopes",
    "instruments": "Instruments",
    "bandpasses": "Bandpasses",
}
"""The labels of the fields of `Filter` that hold names."""
_ONLY, _NOT = "only", "not"
_FOLDED = (
    *NAMED, "least_signal_to_noise", "observed_since", "observed_until", "release_days", "not_before", "until"
)  # fmt: skip


class UtcField(InUtc):
    """Read what a browser sends for a time: without a zone; the label says UTC."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the time in UTC."""
        with timezone.override(UTC):
            return super().to_python(value)


class LimitsForm(forms.Form):
    """Choose which data a share or rule sends, and when."""

    kinds = forms.MultipleChoiceField(
        label="Which data",
        choices=[(kind.value, inventory.KIND_LABELS[kind]) for kind in DATA_KINDS],
        error_messages={"required": "Choose at least one kind of data."},
    )
    own = forms.BooleanField(required=False, label="Only what we observed")
    least_signal_to_noise = forms.FloatField(required=False, label="Signal-to-noise ratio, at least")
    observed_since = UtcField(required=False, label="Observed from")
    observed_until = UtcField(required=False, label="Observed before")
    release_days = forms.FloatField(required=False, min_value=0, label="Days after the observation")
    not_before = UtcField(required=False, label="Not before")
    until = UtcField(required=False, label="Until")

    def __init__(self, *args: Any, limited: Limited | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unreadable = ""
        self.present, self._limited = Filter(), limited
        try:
            self.present = limited.chosen if limited else Filter()
        except ConfigurationError as error:
            self.unreadable = str(error)
        for name, label in NAMED.items():
            names: Names = getattr(self.present, name)
            self.fields[name] = NamesField(
                required=False, label=label, initial=written(names.only or names.but_not)
            )
            self.fields[f"{name}_how"] = forms.ChoiceField(
                required=False,
                choices=[(_ONLY, "only"), (_NOT, "all but")],
                initial=_NOT if names.but_not else _ONLY,
            )
        self._times = {
            "observed_since": self.present.observed_since,
            "observed_until": self.present.observed_until,
            "not_before": limited.not_before if limited else None,
            "until": limited.until if limited else None,
        }
        for name, time in self._times.items():
            self.fields[name].initial = _minute(time) if time else ""
        self.fields["kinds"].initial = self.present.kinds or [kind.value for kind in DATA_KINDS]
        self.fields["own"].initial = self.present.own
        self.fields["least_signal_to_noise"].initial = _number(self.present.least_signal_to_noise)
        self.fields["release_days"].initial = _number(limited.release_days if limited else None)

    @property
    def filter(self) -> Filter | None:
        """Return the filter that is chosen now; None when a field of it has an error."""
        if not self.is_bound:
            return self.present
        known = {*NAMED, "kinds", "own", "least_signal_to_noise", "observed_since", "observed_until"}
        if known & set(self.errors):
            return None
        data = self.cleaned_data
        kinds = tuple(Kind(value) for value in data["kinds"])
        return Filter(
            kinds=() if set(kinds) == set(DATA_KINDS) else kinds,
            own=data["own"],
            least_signal_to_noise=data["least_signal_to_noise"],
            observed_since=data["observed_since"],
            observed_until=data["observed_until"],
            **{name: self._names(name) for name in NAMED},
        )

    @property
    def release(self) -> Release:
        """Return the dates that are chosen now, but for those with an error."""
        if not self.is_bound:
            return self._limited.release if self._limited else Release(field="")
        data = {**self.cleaned_data} if self.errors is not None else {}
        return Release(after_days=data.get("release_days") or 0, not_before=data.get("not_before"), field="")

    @property
    def limits(self) -> dict[str, Any]:
        """Return the columns of `Limited` of a valid form."""
        data = self.cleaned_data
        return {
            "filter": write_filter(self.filter or Filter()),
            "until": data["until"],
            "release_days": data["release_days"] or 0,
            "not_before": data["not_before"],
        }

    @property
    def faults(self) -> list[str]:
        """Return the errors of the fields, each with the label of its field."""
        return [
            f"{self.fields[name].label}: {error}"
            for name, errors in self.errors.items()
            for error in errors
            if name in self.fields and name not in ("kinds", "destination", "scope")
        ]

    @property
    def opened(self) -> bool:
        """Return True when a field that the page folds away is set."""
        return any(self[name].value() for name in _FOLDED) or any(name in self.errors for name in _FOLDED)

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Return the kinds as the page shows them."""
        chosen = self["kinds"].value() or []
        return [
            {
                "kind": kind,
                "value": kind.value,
                "label": inventory.KIND_LABELS[kind],
                "checked": kind.value in chosen,
            }
            for kind in DATA_KINDS
        ]

    @property
    def named(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """Return the fields of names for the page: name, names, and how they are meant."""
        return [(name, self[name], self[f"{name}_how"]) for name in NAMED]

    def clean_least_signal_to_noise(self) -> float | None:
        """Return a positive number."""
        least: float | None = self.cleaned_data["least_signal_to_noise"]
        if least is not None and least <= 0:
            raise forms.ValidationError("Give a number above 0, or leave it empty.")
        return least

    def clean_observed_since(self) -> datetime | None:
        """Return the time, to the second of the present one."""
        return self._kept("observed_since")

    def clean_observed_until(self) -> datetime | None:
        """Return a time after `observed_since`."""
        until, since = self._kept("observed_until"), self.cleaned_data.get("observed_since")
        if until and since and not since < until:
            raise forms.ValidationError("Give a time after the first one.")
        return until

    def clean_not_before(self) -> datetime | None:
        """Return the time, to the second of the present one."""
        return self._kept("not_before")

    def clean_until(self) -> datetime | None:
        """Return a future time, or the present limit."""
        until = self._kept("until")
        if until and until != self._times["until"] and until <= timezone.now():
            raise forms.ValidationError(TIME_OVER)
        return until

    def _kept(self, name: str) -> datetime | None:
        """Return the time of a field; the present one where only its seconds differ, which browsers drop."""
        time: datetime | None = self.cleaned_data[name]
        present = self._times[name]
        return present if time and present and _minute(time) == _minute(present) else time

    def _names(self, name: str) -> Names:
        names = self.cleaned_data[name]
        but_not = self.cleaned_data[f"{name}_how"] == _NOT
        return Names(but_not=names) if but_not else Names(only=names)


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="minutes")


def _number(number: float | None) -> str:
    return f"{number:.15g}" if number else ""
