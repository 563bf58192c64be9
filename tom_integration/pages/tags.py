"""The template tags of tomtoolkit that show continuous sharing, as this app answers them."""

from __future__ import annotations

from typing import Any

from tom_integration.pages.new_share import form_context
from tom_integration.pages.share_list import table_context


def create_persistent_share(context: Any, target: Any) -> dict[str, Any]:
    """The form that makes a continuous share; of any target when there is none."""
    request = context["request"]
    return {**form_context(request, target or None), "request": request, "alone": True}


def persistent_share_table(context: Any, target: Any) -> dict[str, Any]:
    """The continuous shares that the user may see; those of one target, if there is one."""
    request = context["request"]
    shown = table_context(request, target or None)
    return {**shown, "request": request, "alone": True}
