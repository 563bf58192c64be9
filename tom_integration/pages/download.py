"""Chosen data as a file for the person: CSV, one row per measurement, one per point of a spectrum."""

from __future__ import annotations

import csv as writer
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.http import StreamingHttpResponse
from django.utils.text import slugify
from tom_dataproducts.sharing import process_spectro_data_for_download

from tom_integration.data.rows import DATUM_MODELS

_COMMON = ("timestamp", "telescope", "instrument")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "photometryreduceddatum": (
        "bandpass",
        "brightness",
        "brightness_error",
        "limit",
        "unit",
        "exposure_time",
    ),
    "astrometryreduceddatum": ("ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units"),
    "reduceddatum": ("data_type", "value"),
}
_SPECTRUM = ("setup", "wavelength", "wavelength_unit", "flux", "flux_error", "flux_unit")
_LAST = ("source_name",)


class _Echo:
    """What `csv` writes to; each row is passed on at once."""

    @staticmethod
    def write(text: str) -> str:
        return text


def csv(target: Any, selection: Mapping[str, Q], title: str, message: str) -> StreamingHttpResponse:
    """The file. title: its name; message: a comment at its top."""
    columns = [*_COMMON, *_columns(selection), *_LAST]
    rows = writer.DictWriter(_Echo(), columns, extrasaction="ignore", restval="")

    def lines() -> Iterator[str]:
        for line in message.splitlines():
            yield f"# {line}\n"
        yield str(rows.writeheader())
        for row in _rows(target, selection):
            yield str(rows.writerow(row))

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    name = slugify(title) or slugify(target.name) or "data"
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _columns(selection: Mapping[str, Q]) -> list[str]:
    columns = [column for model in selection for column in _FIELDS.get(model, _SPECTRUM)]
    return list(dict.fromkeys(columns))


def _rows(target: Any, selection: Mapping[str, Q]) -> Iterator[dict[str, Any]]:
    for model, condition in selection.items():
        data = DATUM_MODELS[model]._default_manager.filter(condition, target_id=target.pk)
        for row in data.order_by("timestamp", "pk").iterator(chunk_size=500):
            if model == "spectroscopyreduceddatum":
                yield from process_spectro_data_for_download(row)
            else:
                yield {name: getattr(row, name) for name in (*_COMMON, *_FIELDS[model], *_LAST)}
