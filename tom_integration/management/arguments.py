"""Read arguments that several subcommands take."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime

from tom_integration.pages import form_values


def moment(text: str) -> datetime:
    """Return a time with a time zone."""
    if found := form_values.moment(text):
        return found
    raise ArgumentTypeError(f"{text!r} must be a time with a time zone, as in 2026-03-01T12:00:00Z")
