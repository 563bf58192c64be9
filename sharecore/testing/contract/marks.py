"""Records that are recognised wherever they go: each has values that no other text holds.

An adapter may leave out, convert or rename values as it likes. So no rule says which must be sent, only that
its answers, its previews and the arrived data agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from uuid import uuid4

from sharecore.records import Astrometry, OtherDatum, Photometry, PhotometryLimit, Record, Spectrum
from sharecore.testing.examples import example_record

_numbers = count(1)


def marked_records() -> dict[str, Record]:
    """Return a record of each kind, new each time, by its name for people."""
    return {
        "a detection": _marked(example_record(brightness=_tidy(18 + _fraction()))),
        "an upper limit": _marked(example_record(PhotometryLimit, limit=_tidy(21 + _fraction()))),
        "a spectrum": _marked(
            example_record(Spectrum, wavelength=(5e3, 6e3), flux=(_tidy(1 + _fraction()), 0.5), error=())
        ),
        "astrometry": _marked(example_record(Astrometry, ra=150.25, dec=_tidy(12 + _fraction()))),
        "another datum": _marked(example_record(OtherDatum, extra={"z": _fraction()})),
    }


def edited(record: Record) -> Record:
    """Return the same record with corrected measurements."""
    match record:
        case Photometry(brightness=brightness):
            return replace(record, brightness=_tidy(brightness + 0.5))
        case PhotometryLimit(limit=limit):
            return replace(record, limit=_tidy(limit + 0.5))
        case Spectrum(flux=flux):
            return replace(record, flux=tuple(None if each is None else _tidy(2.0 * each) for each in flux))
        case Astrometry(dec=dec):
            return replace(record, dec=_tidy(dec / 2.0 + 1.0))
        case OtherDatum(extra=extra):
            return replace(record, extra={**extra, "corrected": _fraction()})


def names(record: Record, text: str) -> set[str]:
    """Return the names of a record (its key, telescope and instrument) that a text shows."""
    return {each for each in (record.key.id, record.telescope, record.instrument) if each and each in text}


def values(record: Record, text: str) -> set[str]:
    """Return the measured values of a record that a text shows, in digits and without exponent."""
    return {each for each in map(_digits, _measured(record)) if each in text}


def _marked(record: Record) -> Record:
    word = uuid4().hex
    key = replace(record.key, id=f"id{word}")
    return replace(record, key=key, telescope=f"tel{word}", instrument=f"ins{word}")


def _fraction() -> float:
    """Return another fraction each time, with five digits of which the last is not zero."""
    return (next(_numbers) * 10 + 7) / 10**5


def _measured(record: Record) -> Iterator[float]:
    match record:
        case Photometry(brightness=value) | PhotometryLimit(limit=value) | Astrometry(dec=value):
            yield value
        case Spectrum(flux=flux):
            yield from (each for each in flux[:1] if each is not None)
        case OtherDatum(extra=extra):
            yield from (each for each in extra.values() if isinstance(each, float))


def _digits(value: float) -> str:
    return repr(abs(value)).partition("e")[0]


def _tidy(value: float) -> float:
    """Return a value without the last digits, in which sums differ from the number that one would write."""
    return float(f"{value:.12g}")
