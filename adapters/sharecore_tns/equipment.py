"""Let a person choose the filter and instrument at TNS of each bandpass and instrument in the data.

The choice is kept in the report: what was approved is what is sent, whatever happens to the lists of TNS, and
nothing has to be looked up to show it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sharecore import (
    FieldType,
    Maps,
    Photometry,
    PhotometryLimit,
    Record,
    ReportField,
    Site,
    Spectrum,
)
from sharecore_tns.config import TnsConfig
from sharecore_tns.options import Options

Measured = Photometry | PhotometryLimit | Spectrum


def filter_field(bandpass: str) -> str:
    """Return the name of the field in which the filter of a bandpass is chosen."""
    return f"filter-{_digest(bandpass.strip())}"


def instrument_field(record: Measured) -> str:
    """Return the name of the field in which the instrument of a datum is chosen."""
    return f"instrument-{_digest(*_place(record))}"


def filter_label(bandpass: str) -> str:
    """Return the label of that field."""
    return f"Filter {bandpass.strip()}" if bandpass.strip() else "Filter of data that name none"


def instrument_label(record: Measured) -> str:
    """Return the label of that field."""
    telescope, instrument = _place(record)
    if not instrument:
        return f"Instrument of {telescope}" if telescope else "Instrument of data that name none"
    return f"Instrument {instrument} ({telescope})" if telescope else f"Instrument {instrument}"


def fields(
    records: Iterable[Record], options: Options, config: TnsConfig, site: Site
) -> Sequence[ReportField]:
    """Return a field for each bandpass and each instrument of the data, filled in where its name is known."""
    made: dict[str, ReportField] = {}
    measured = [each for each in records if isinstance(each, Measured)]
    for record in measured:
        if isinstance(record, Spectrum) or (name := filter_field(record.bandpass)) in made:
            continue
        there = config.maps.there("bandpass", record.bandpass)
        initial = options.number("filters", there)
        made[name] = _choice(name, filter_label(record.bandpass), options.of("filters"), initial)
    for record in measured:
        if (name := instrument_field(record)) not in made:
            initial = _instrument(record, options, config, site)
            made[name] = _choice(name, instrument_label(record), options.of("instruments"), initial)
    return tuple(made.values())


def _instrument(record: Measured, options: Options, config: TnsConfig, site: Site) -> str | None:
    """Return the number of the instrument of a datum; None where its name is not known at TNS."""
    telescope, instrument = _place(record)
    named = _mapped(config.maps, "instrument", instrument)
    with_telescope = f"{_mapped(config.maps, 'telescope', telescope)} - {named}"
    for each in (named, with_telescope):
        if number := options.number("instruments", each):
            return number
    own = record.key.origin == site.origin and not record.source_name.strip()
    return options.number("instruments", config.default_instrument) if own and not instrument else None


def _mapped(maps: Maps, field: str, name: str) -> str:
    return maps.there(field, name) if name else ""


def _choice(name: str, label: str, choices: tuple[tuple[str, str], ...], initial: str | None) -> ReportField:
    return ReportField(
        name=name,
        label=label,
        type=FieldType.CHOICE,
        choices=choices,
        initial=initial,
        help="Its name at TNS. Needed only if you choose data with it.",
    )


def _place(record: Measured) -> tuple[str, str]:
    return record.telescope.strip(), record.instrument.strip()


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
