"""Read the transport to a destination from its adapter, as a text for people only."""

from __future__ import annotations

from sharecore.adapter import Adapter
from sharecore.exceptions import DeliveryError
from sharecore.texts import one_line


def told(adapter: Adapter) -> str:
    """Return a sentence or two; empty when the adapter describes nothing, or fails."""
    try:
        return one_line(adapter.describe())
    except DeliveryError:
        return ""
