"""How data go to a destination, as its adapter says it: for people, and of no consequence."""

from __future__ import annotations

import logging

from sharecore.adapter import Adapter
from sharecore.destinations import Destination
from sharecore.exceptions import DeliveryError
from sharecore.faults import as_plugin_error
from tom_integration.texts import plain

logger = logging.getLogger(__name__)


def told(destination: Destination, adapter: Adapter) -> str:
    """A sentence or two; empty where the adapter has nothing to say, or fails to say it."""
    try:
        with as_plugin_error(logger, f"the description of {destination.name}"):
            return plain(adapter.describe())
    except DeliveryError:
        return ""
