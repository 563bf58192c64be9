"""How data go to a destination, as its adapter says it: for people, and of no consequence."""

from __future__ import annotations

from sharecore.adapter import Adapter
from sharecore.exceptions import DeliveryError
from sharecore.texts import one_line


def told(adapter: Adapter) -> str:
    """A sentence or two; empty where the adapter has nothing to say, or fails to say it."""
    try:
        return one_line(adapter.describe())
    except DeliveryError:
        return ""
