"""Replace the template tags of tomtoolkit that show continuous sharing."""

from __future__ import annotations

from typing import Any

from tom_integration.pages.new_share import form_context
from tom_integration.pages.share_list import table_context


def create_persistent_share(context: Any, target: Any) -> dict[str, Any]:
    """Return the context of the form for a continuous share of a target, or of any target."""
    request = context["request"]
    return {**form_context(request, target or None), "request": request, "alone": True}


def persistent_share_table(context: Any, target: Any) -> dict[str, Any]:
    """Return the context of the continuous shares that the user may see, of a target or of all."""
    request = context["request"]
    shown = table_context(request, target or None)
    return {**shown, "request": request, "alone": True}
