"""Write spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sharecore.records import JsonValue, OtherDatum, Spectrum
from sharecore_hermes import spelling
from sharecore_hermes.cells import Draft, Finished, NotExpressible, Row, error_of, finite, others, text
from sharecore_hermes.common_columns import COMMON, Context, common, drafted, named

_HANDLED = COMMON | {
    "exposure_time", "flux", "flux_error", "flux_error_unit", "wavelength", "flux_units", "wavelength_units",
    "flux_type", "spec_type",
}  # fmt: skip
_TYPES = ("Object", "Other", "Host", "Synthetic", "Sky", "Arcs")


def of_points(record: OtherDatum) -> Spectrum | None:
    """Return a spectrum that the site stores point by point, `{"0": {"flux": .., "wavelength": ..}, "1":
    ...}`.

    tomtoolkit 2.x published these too. None for a record of another form.
    """
    points = [each for each in record.extra.values() if isinstance(each, Mapping)]
    rest = {key: each for key, each in record.extra.items() if not isinstance(each, Mapping)}
    if record.data_type.lower() != "spectroscopy" or not points:
        return None
    error = "flux_error" if "flux_error" in points[0] else "error"
    try:
        return Spectrum(
            key=record.key,
            timestamp=record.timestamp,
            telescope=record.telescope or text(rest.pop("telescope", None)),
            instrument=record.instrument or text(rest.pop("instrument", None)),
            source_name=record.source_name,
            source_location=record.source_location,
            reduction_version=record.reduction_version,
            flux=tuple(finite(each.get("flux"), "flux") for each in points),
            wavelength=tuple(finite(each.get("wavelength"), "wavelength") for each in points),
            error=tuple(finite(each[error], error) for each in points if error in each),
            extra=_texts(points) | rest,
        )
    except NotExpressible:
        return None


def _texts(points: Sequence[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return the texts of the points, like their units; texts that differ become a list."""
    said: dict[str, list[JsonValue]] = {}
    for point in points:
        for key, value in point.items():
            if isinstance(value, str) and value not in said.setdefault(key, []):
                said[key].append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in said.items()}


def draft(record: Spectrum, target_name: str) -> Row:
    """Return the record in the columns of HERMES, its units still as the site wrote them."""
    return (
        {"flux_units": "", "wavelength_units": ""}
        | drafted(record, target_name)
        | {
            "flux": list(record.flux),
            "flux_error": list(record.error),
            "wavelength": list(record.wavelength),
            "setup": record.setup,
            "exposure_time": record.exposure_time,
        }
        | named(record.extra, "observer", "reducer", "comments", "classification", "spec_type")
    )


def finish(draft: Draft, context: Context) -> Finished:
    """Return the row for HERMES. Raises `NotExpressible`."""
    row = common(draft, context)
    done = Finished(row)
    flux, wavelength = _numbers(draft, "flux"), _numbers(draft, "wavelength")
    error = _errors(draft, done.left_out)
    if flux or not draft.get("file_info"):
        if not flux:
            raise NotExpressible("empty-spectrum", "the spectrum has no points")
        if len(wavelength) != len(flux):
            raise NotExpressible(
                "spectrum-lengths",
                f"flux and wavelength must have the same length, got {len(flux)} and {len(wavelength)}",
            )
        if error and len(error) != len(flux):
            raise NotExpressible(
                "spectrum-lengths",
                f"flux and error must have the same length, got {len(flux)} and {len(error)}",
            )
    per, at = (
        spelling.flux(draft.get("flux_units"), context.config),
        spelling.wavelength(draft.get("wavelength_units"), context.config),
    )
    row |= {"flux": [per.value(each) for each in flux], "wavelength": [at.value(each) for each in wavelength]}
    if error:
        stated = bool(text(draft.get("flux_units")))
        of_error = spelling.error_of(per, draft.get("flux_error_unit"), context.config, stated=stated)
        row["flux_error"] = [of_error.value(each) for each in error]
    row = {key: value for key, value in row.items() if value != []}
    row |= {"flux_units": per.name, "flux_type": spelling.flux_type(per), "wavelength_units": at.name}
    row |= {"spec_type": draft["spec_type"]} if draft.get("spec_type") in _TYPES else {}
    if (exposure := error_of(draft, "exposure_time", done.left_out)) is not None:
        row["exposure_time"] = exposure
    done.row = row | others(draft, _HANDLED)
    return done


def _errors(draft: Draft, left_out: list[str]) -> list[float]:
    """Return the error bars; none at all where some are blank or -1: HERMES has no null within a list."""
    value = draft.get("flux_error")
    if isinstance(value, list | tuple) and None in value:
        left_out.append("flux_error: some are blank")
        return []
    error = _numbers(draft, "flux_error")
    if error and min(error) < 0:
        left_out.append("flux_error: some are negative")
        return []
    return error


def _numbers(draft: Draft, key: str) -> list[float]:
    value = draft.get(key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise NotExpressible(key, f"{key} must be a list of numbers, got a {type(value).__name__}")
    if None in value:
        at = value.index(None)
        raise NotExpressible(key, f"{key} has no number at place {at}, and HERMES takes no blank points")
    return [finite(each, key) for each in value]
