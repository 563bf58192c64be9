"""Make a form for people of the form of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms

from sharecore.exceptions import Problem
from sharecore.records import DATA_KINDS, JsonValue
from sharecore.reports import OF_DATA, FieldType, ReportField, ReportForm
from tom_integration.mapping.shareable_rows import RowKey
from tom_integration.models import Report
from tom_integration.pages import inventory
from tom_integration.services.reports import Datum, FilledIn

MOST_BOXES = 20
"""The number of choices up to which each has a box to tick; more are in a list."""
_BLANK: tuple[Any, ...] = ("", None, [])
_NONE = ("", "(none)")
PREFIX = "report"
"""What comes before the names of the fields in a request, with a dash."""
_LONGEST = {FieldType.TEXT: 1000, FieldType.LONG_TEXT: 20_000}


class TimeField(forms.CharField):
    """Read a time as ISO 8601; without a zone it is UTC."""

    def clean(self, value: Any) -> str:
        """Return the time as a text of ISO 8601 in UTC; empty for none."""
        text = super().clean(value)
        if not text:
            return ""
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise forms.ValidationError("Write the time in UTC, like 2026-01-31 23:59:58.") from None
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        return time.isoformat().replace("+00:00", "Z")


class FilledForm(forms.Form):
    """Fill in a report; the fields are those of a form of the destination.

    Args:
        data: what a person filled in, as a request has it; None for nothing yet.
        form: the form.
        offered: the data that can be chosen, by model and primary key, the newest first.
        again: a report whose content is suggested in place of that of the form.
        prefix: see `PREFIX`.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        form: ReportForm,
        offered: Mapping[RowKey, Datum],
        again: Report | None = None,
        prefix: str = PREFIX,
    ) -> None:
        # Names of fields are the adapter's: apart from those of the page.
        super().__init__(data, prefix=prefix, use_required_attribute=False)
        self.form = form
        self._offered = offered
        self._keys = {str(each.record.key): place for place, each in offered.items()}
        for each in form.fields:
            field = self._field(each)
            field.label, field.help_text = label_of(each), each.help
            field.required = each.required and each.type is not FieldType.YES_NO
            field.initial = self._initial(each) if again is None else self._of(again, each)
            self.fields[each.name] = field

    def values(self) -> dict[str, JsonValue]:
        """Return the values of a valid form, without blank ones."""
        return {
            each.name: value.replace("\r\n", "\n") if isinstance(value, str) else value
            for each in self.form.fields
            if each.type not in OF_DATA and (value := self.cleaned_data[each.name]) not in _BLANK
        }

    def data_chosen(self) -> dict[str, list[RowKey]]:
        """Return model and primary key of the data chosen in a valid form, without blank fields."""
        return {
            each.name: places
            for each in self.form.fields
            if each.type in OF_DATA and (places := places_of(self.cleaned_data[each.name]))
        }

    def shown(self) -> list[FilledIn]:
        """Return what is filled in in a valid form, for people."""
        said = []
        for each in self.form.fields:
            value = self.cleaned_data[each.name]
            if value in _BLANK:
                continue
            labels = dict(getattr(self.fields[each.name], "choices", ()))
            said.append((each.name, label_of(each), in_words(value, labels)))
        return said

    def blame(self, problems: Iterable[Problem]) -> None:
        """Show each problem that forbids the report at its field."""
        for problem in problems:
            if problem.fatal:
                where = problem.where if problem.where in self.fields else None
                self.add_error(where, said_of(problem))

    def _field(self, field: ReportField) -> forms.Field:
        match field.type:
            case FieldType.TEXT:
                return forms.CharField(max_length=_LONGEST[field.type])
            case FieldType.LONG_TEXT:
                area = forms.Textarea(attrs={"rows": 4})
                return forms.CharField(max_length=_LONGEST[field.type], widget=area)
            case FieldType.NUMBER:
                return forms.FloatField()
            case FieldType.TIME:
                return TimeField(widget=forms.TextInput(attrs={"placeholder": "2026-01-31 23:59:58"}))
            case FieldType.YES_NO:
                return forms.BooleanField()
            case FieldType.CHOICE:
                return forms.ChoiceField(choices=[_NONE, *field.choices])
            case FieldType.CHOICES:
                return _choices(field.choices)
            case FieldType.DATUM:
                return forms.ChoiceField(choices=[_NONE, *self._data(field)])
            case FieldType.DATA:
                boxes = forms.CheckboxSelectMultiple()
                return forms.MultipleChoiceField(choices=self._data(field), widget=boxes)

    def _data(self, field: ReportField) -> list[tuple[str, str]]:
        kinds = field.kinds or DATA_KINDS
        return [(_value(*place), _label(each)) for place, each in self._offered.items() if _fits(each, kinds)]

    def _initial(self, field: ReportField) -> Any:
        if field.type not in OF_DATA or field.initial is None:
            return field.initial
        keys = [field.initial] if isinstance(field.initial, str) else list(field.initial)  # type: ignore[arg-type]
        known = [_value(*self._keys[str(key)]) for key in keys if str(key) in self._keys]
        return known if field.type is FieldType.DATA else next(iter(known), "")

    def _of(self, report: Report, field: ReportField) -> Any:
        if field.type not in OF_DATA:
            return report.values.get(field.name)
        places = [tuple(place) for place in report.data.get(field.name, ())]
        known = [_value(*place) for place in places if place in self._offered]
        return known if field.type is FieldType.DATA else next(iter(known), "")


def places_of(chosen: Any) -> list[RowKey]:
    """Return model and primary key of data that a form names, as a text or a list of texts."""
    places = []
    for text in chosen if isinstance(chosen, list) else [chosen]:
        model, _, pk = str(text).rpartition(":")
        if model and pk.isascii() and pk.isdigit() and len(pk) < 19:
            places.append((model, int(pk)))
    return places


def said_of(problem: Problem) -> str:
    """Return what is wrong in a sentence or two."""
    what = problem.what[:1].upper() + problem.what[1:]
    return f"{what.rstrip('.')}. {problem.hint}".strip()


def _choices(choices: tuple[tuple[str, str], ...]) -> forms.MultipleChoiceField:
    if len(choices) <= MOST_BOXES:
        return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple())
    return forms.MultipleChoiceField(choices=choices, widget=forms.SelectMultiple(attrs={"size": 8}))


def in_words(value: Any, labels: Mapping[Any, Any]) -> str:
    """Return what a person filled in in a field; `labels` are those of its choices, by value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(str(labels.get(one, one)) for one in (value if isinstance(value, list) else [value]))


def label_of(field: ReportField) -> str:
    """Return the label of a field for people."""
    in_utc = field.type is FieldType.TIME and "UTC" not in field.label
    return f"{field.label} (UTC)" if in_utc else field.label


def _value(model: str, pk: int) -> str:
    return f"{model}:{pk}"


def _fits(datum: Datum, kinds: Iterable[Any]) -> bool:
    return datum.record.key.kind in kinds


def _label(datum: Datum) -> str:
    record = datum.record
    where = " ".join(part for part in (record.telescope, record.instrument) if part)
    said = (f"{record.timestamp:%Y-%m-%d %H:%M:%S} UTC", inventory.describe(datum.row), where)
    return ", ".join(part for part in said if part)[:200]
