r"""Compare the signal-to-noise ratio of photometry with a least one in SQL, as `Filter` does on records.

All passes whose record passes. SQL cannot tell, and lets more through, in three cases: a unit that sharecore
does not know, which counts as one of flux; a unit in TeX or in letters that may be a magnitude in other
signs (`$\mathrm{mag}$`), which passes if either ratio is high enough; and numbers that no brightness has.
"""

from __future__ import annotations

from math import inf
from typing import Any

from django.db.models import BooleanField, Case, F, FloatField, Q, Value, When
from django.db.models.functions import Abs, Lower, Replace, Trim
from django.db.models.lookups import GreaterThanOrEqual, In, LessThan, Regex

from sharecore.filters import MAGNITUDE_FACTOR
from sharecore.units import MAGNITUDE_SIGNS, MAGNITUDE_WORDS
from tom_integration.mapping.kinds import BLANK

_SMALL, _LARGE = 1e-150, 1e150
"""Bounds of what is divided: PostgreSQL raises for a ratio that is too large or too small for a float."""
_IN_BOUNDS = Q(brightness_error__range=(_SMALL, _LARGE)) & (
    Q(brightness=0) | Q(brightness__range=(_SMALL, _LARGE)) | Q(brightness__range=(-_LARGE, -_SMALL))
)
# All but ASCII, and common signs in units of flux: micro, Angstrom, products, minus and superscripts
_MAY_BE_OTHER_SIGNS = (
    r"[\\$]|[^ -}\u00b5\u03bc\u00c5\u212b\u00b7\u22c5\u00d7\u2212\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079]"
)


def significant(least: float) -> Q:
    """Return a condition for rows of photometry that are no detection, or whose ratio is high enough."""
    ratio = _signal() / F("brightness_error")
    positive = Q(brightness_error__gt=0, brightness_error__lt=inf)
    compared = When(_IN_BOUNDS, then=GreaterThanOrEqual(ratio, least))
    return BLANK | Q(Case(compared, default=positive, output_field=BooleanField()))


def _signal() -> Case:
    """Return what is divided by the error: a constant for a magnitude, else the absolute value."""
    flux = Abs("brightness")
    magnitude = Q(In(Trim("unit"), [""])) | Q(In(_word(), list(MAGNITUDE_WORDS)))
    # The comparison first: SQLite calls Python for each regular expression.
    may_be_one = Q(LessThan(flux, MAGNITUDE_FACTOR)) & Q(Regex(F("unit"), _MAY_BE_OTHER_SIGNS))
    constant = Value(MAGNITUDE_FACTOR, output_field=FloatField())
    return Case(When(magnitude | may_be_one, then=constant), default=flux, output_field=FloatField())


def _word() -> Any:
    """Return the unit as `MAGNITUDE_WORDS` has it."""
    word: Any = F("unit")
    for sign in f" .{MAGNITUDE_SIGNS}":
        word = Replace(word, Value(sign), Value(""))
    # In a Turkish database the small letter of I is another one.
    return Lower(Replace(word, Value("I"), Value("i")))
