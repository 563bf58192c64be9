"""Real TOMs for the demonstration and the tests: made by tomtoolkit's own machinery, served on loopback."""

from __future__ import annotations

from realtoms.compare import Comparison, compare, compare_with_2_32
from realtoms.making import PATIENT_SQLITE, make_tom
from realtoms.service import Service, TomError
from realtoms.skeleton import skeleton, toolkit_version
from realtoms.tom import Tom, User

__all__ = [
    "PATIENT_SQLITE",
    "Comparison",
    "Service",
    "Tom",
    "TomError",
    "User",
    "compare",
    "compare_with_2_32",
    "make_tom",
    "skeleton",
    "toolkit_version",
]
