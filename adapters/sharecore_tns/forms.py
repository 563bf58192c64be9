"""The forms of the two reports, filled in as far as target and data tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sharecore import (
    Batch,
    FieldType,
    JsonValue,
    Kind,
    Photometry,
    PhotometryLimit,
    ReportField,
    ReportForm,
    Spectrum,
)
from sharecore_tns import equipment
from sharecore_tns.at_report import PERIODS
from sharecore_tns.classification import tns_name
from sharecore_tns.config import TnsConfig
from sharecore_tns.options import Choices, Options

AT_REPORT = "at-report"
CLASSIFICATION = "classification"

_TEXT, _LONG, _NUMBER = FieldType.TEXT, FieldType.LONG_TEXT, FieldType.NUMBER
_CHOICE, _DATUM = FieldType.CHOICE, FieldType.DATUM


def forms(batch: Batch, options: Options, config: TnsConfig) -> Sequence[ReportForm]:
    """Return the forms for a target and its data."""
    where = "the live TNS: it is public, and cannot be withdrawn" if config.live else "the SANDBOX of TNS"
    where = f"A report goes to {where}."
    return (_at_report(batch, options, config, where), _classification(batch, options, config, where))


def _at_report(batch: Batch, options: Options, config: TnsConfig, where: str) -> ReportForm:
    first, before = _first(batch)
    position = batch.target.position
    ra, dec = (position.ra, position.dec) if batch.target.sidereal else (None, None)
    ours = _ours(options, config)
    data = batch.records
    detected = (Kind.PHOTOMETRY,)
    both = (Kind.PHOTOMETRY, Kind.PHOTOMETRY_LIMIT)
    fields = (
        _field("ra", "Right ascension", _NUMBER, "In degrees.", ra, required=True),
        _field("dec", "Declination", _NUMBER, "In degrees.", dec, required=True),
        _field("ra_error", "Error of the right ascension", _NUMBER, "In arcseconds."),
        _field("dec_error", "Error of the declination", _NUMBER, "In arcseconds."),
        _choice("reporting_group", "Reporting group", ours, _own(options, config), required=True),
        _choice("data_source_group", "Group of the data", options.of("groups"),
                options.number("groups", config.data_source_group) or _own(options, config), required=True),
        _field("reporter", "Reporters", _LONG, "Their names, as TNS is to show them.",
               _authors(batch, config), required=True),
        _field("discovery_datetime", "Time of the discovery", FieldType.TIME,
               "In UTC. Blank for the time of the detection of the discovery."),
        _choice("at_type", "Type", options.of("at_types"), options.number("at_types", config.at_type),
                required=True),
        _field("internal_name", "Internal name", _TEXT,
               "Your name of it, without blanks. If an answer is lost, the report is found by it only."),
        _field("host_name", "Host galaxy", _TEXT),
        _field("host_redshift", "Redshift of the host", _NUMBER),
        _field("transient_redshift", "Redshift of the transient", _NUMBER),
        _field("discovery", "Detection of the discovery", _DATUM, "The first detection.",
               str(first.key) if first else None, required=True, kinds=detected),
        _field("photometry", "Further photometry", FieldType.DATA, "At most nine.", kinds=both),
        _field("non_detection", "Last non-detection", _DATUM, "Before the discovery; or name an archive.",
               str(before.key) if before else None, kinds=(Kind.PHOTOMETRY_LIMIT,)),
        _choice("archive", "Archive without the transient", options.of("archives")),
        _field("archival_remarks", "Remarks on the archive", _TEXT, "Such as: nothing to 21 mag in SDSS."),
        _field("observer", "Observers", _TEXT, "", config.observer or None),
        *equipment.fields(_of(data, Photometry, PhotometryLimit), options, config, batch.site),
        *_end(options),
    )  # fmt: skip
    return ReportForm(
        name=AT_REPORT, label="AT report", help=f"Report a new transient. {where}", fields=fields,
        title=f"AT report of {batch.target.name}",
    )  # fmt: skip


def _classification(batch: Batch, options: Options, config: TnsConfig, where: str) -> ReportForm:
    spectra = [each for each in batch.records if isinstance(each, Spectrum)]
    name = next((known for each in batch.target.names if (known := tns_name(each))), None)
    ours = _ours(options, config)
    fields = (
        _field("name", "Name at TNS", _TEXT, "Such as 2026abc.", name, required=True),
        _field("classifier", "Classifiers", _LONG, "Their names, as TNS is to show them.",
               _authors(batch, config), required=True),
        _choice("object_type", "Type", options.of("objtypes"), required=True),
        _field("redshift", "Redshift", _NUMBER),
        _choice("group", "Group", ours, _own(options, config), required=True),
        _field("spectrum", "Spectrum", _DATUM, "It goes as a table of wavelength, flux and error.",
               str(spectra[-1].key) if spectra else None, required=True, kinds=(Kind.SPECTRUM,)),
        _choice("spectrum_type", "Type of the spectrum", options.of("spectra_types"),
                options.number("spectra_types", "Object"), required=True),
        _field("observer", "Observers", _TEXT, "", config.observer or None, required=True),
        _field("reducer", "Reducers", _TEXT),
        *equipment.fields(spectra, options, config, batch.site),
        _field("spectrum_remarks", "Remarks on the spectrum", _LONG),
        *_end(options),
    )  # fmt: skip
    return ReportForm(
        name=CLASSIFICATION, label="Classification", fields=fields,
        help=f"Classify a transient that has a name at TNS. {where}",
        title=f"Classification of {batch.target.name}",
    )  # fmt: skip


def _end(options: Options) -> tuple[ReportField, ...]:
    return (
        _field("remarks", "Remarks", _LONG),
        _field("proprietary_period", "Proprietary period", _NUMBER, "Blank for a report that is public."),
        _choice("proprietary_period_units", "Unit of the period", PERIODS),
        ReportField(
            name="proprietary_groups",
            label="Groups that see it meanwhile",
            type=FieldType.CHOICES,
            choices=options.of("groups"),
        ),
    )


def _field(
    name: str,
    label: str,
    type: FieldType,
    help: str = "",
    initial: JsonValue = None,
    *,
    required: bool = False,
    kinds: tuple[Kind, ...] = (),
) -> ReportField:
    return ReportField(
        name=name, label=label, type=type, help=help, initial=initial, required=required, kinds=kinds
    )


def _choice(
    name: str, label: str, choices: Choices, initial: str | None = None, *, required: bool = False
) -> ReportField:
    # A group that is not among those of the settings is none that can be suggested.
    known = initial if initial in dict(choices) else None
    return ReportField(
        name=name, label=label, type=_CHOICE, choices=choices, initial=known, required=required
    )


def _ours(options: Options, config: TnsConfig) -> Choices:
    """Return the groups in whose name reports can be made."""
    return options.numbers("groups", config.group_names) or options.of("groups")


def _own(options: Options, config: TnsConfig) -> str | None:
    """Return the first group of the settings; None where they name none."""
    groups = options.numbers("groups", config.group_names)
    return groups[0][0] if groups else None


def _authors(batch: Batch, config: TnsConfig) -> str:
    user = batch.shared_by or "…"
    return config.reporter.format(author=batch.author or user, user=user, site=batch.site.name)


def _of(records: Sequence[object], *types: type) -> list[Photometry | PhotometryLimit]:
    return [each for each in records if isinstance(each, types)]  # type: ignore[misc]


def _first(batch: Batch) -> tuple[Photometry | None, PhotometryLimit | None]:
    """Return the first detection, and the last limit before it."""
    detections = [each for each in batch.records if isinstance(each, Photometry)]
    first = min(detections, key=_time, default=None)
    limits = [
        each
        for each in batch.records
        if isinstance(each, PhotometryLimit) and (first is None or each.timestamp < first.timestamp)
    ]
    return first, max(limits, key=_time, default=None)


def _time(record: Photometry | PhotometryLimit) -> datetime:
    return record.timestamp
