"""Download chosen data and files.

Data are CSV, one row per measurement, one per point of a spectrum; with files they come in a ZIP archive.
"""

from __future__ import annotations

import csv as writer
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.db.models import Q
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.text import slugify
from tom_dataproducts.models import DataProduct
from tom_dataproducts.sharing import process_spectro_data_for_download

from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL, name_of
from tom_integration.pages.streaming import stream

_BRIGHTNESS = ("bandpass", "brightness", "brightness_error", "limit", "unit", "exposure_time")
_COMMON = ("timestamp", "telescope", "instrument")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "photometryreduceddatum": _BRIGHTNESS,
    "astrometryreduceddatum": ("ra", "dec", "ra_error", "dec_error", "ra_error_units", "dec_error_units"),
    "reduceddatum": ("data_type", "value"),
}
_SPECTRUM = ("setup", "wavelength", "wavelength_unit", "flux", "flux_error", "flux_unit")


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters with which a formula begins in a spreadsheet (OWASP, "CSV Injection")."""


class Echo:
    """Pass each row of `csv` on at once."""

    @staticmethod
    def write(text: str) -> str:
        return text


def answer(target: Any, selection: Mapping[str, Q], title: str, message: str) -> HttpResponseBase:
    """Return the file, named after the title, with the message as a comment at the top of the data."""
    name = slugify(title) or slugify(target.name) or "data"
    data = {model: condition for model, condition in selection.items() if model != FILE_MODEL}
    if FILE_MODEL in selection:
        products = DataProduct._default_manager.filter(selection[FILE_MODEL], target_id=target.pk)
        archive = _archive(f"{name}.csv", _csv(target, data, message), stream(products))
        return FileResponse(archive, as_attachment=True, filename=f"{name}.zip")
    response = StreamingHttpResponse(_csv(target, data, message), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _archive(name: str, lines: Iterator[str], products: Iterator[Any]) -> IO[bytes]:
    """Write data and files of any size to an archive on disk, which is deleted when it is closed."""
    made = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    missing: list[str] = []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as file:
            for line in lines:
                file.write(line.encode())
        for product in products:
            inside = f"{product.pk}_{name_of(product)}"
            try:
                stream = product.data.storage.open(product.data.name, "rb")
            except (OSError, ValueError):
                missing.append(inside)
                continue
            with stream, archive.open(inside, "w", force_zip64=True) as file:
                shutil.copyfileobj(stream, file)
        if missing:
            archive.writestr("MISSING.txt", "\n".join(["These files are not there any more:", *missing, ""]))
    made.seek(0)
    return made


def _csv(target: Any, selection: Mapping[str, Q], message: str) -> Iterator[str]:
    columns = [*_COMMON, *_columns(selection), "source_name"]
    rows = writer.DictWriter(Echo(), columns, extrasaction="ignore", restval="")

    for line in message.splitlines():
        yield f"# {','.join(map(harmless, line.split(',')))}\n"
    yield str(rows.writeheader())
    for row in _rows(target, selection):
        yield str(rows.writerow({name: harmless(value) for name, value in row.items()}))


def harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: quote a text that begins as a formula and is no number."""
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _columns(selection: Mapping[str, Q]) -> list[str]:
    columns = [column for model in selection for column in _FIELDS.get(model, _SPECTRUM)]
    return list(dict.fromkeys(columns))


def _rows(target: Any, selection: Mapping[str, Q]) -> Iterator[dict[str, Any]]:
    for model, condition in selection.items():
        data = DATUM_MODELS[model]._default_manager.filter(condition, target_id=target.pk)
        for row in stream(data.order_by("timestamp", "pk")):
            if model == "spectroscopyreduceddatum":
                yield from process_spectro_data_for_download(row)
            else:
                yield {name: getattr(row, name) for name in (*_COMMON, *_FIELDS[model], "source_name")}
