"""What an adapter may note about a target: JSON that every database keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.plugin_errors import contained, kind
from sharecore.secrets import repeats_secret

LARGEST = 100_000
"""Bytes of the notes about one target; they are read and written with each of its calls."""


def state_objection(state: Mapping[str, Any]) -> str:
    """Why the ledger cannot keep this; empty when it can."""
    try:
        with contained():
            text = json.dumps(dict(state), allow_nan=False, ensure_ascii=False)
            size = len(text.encode())
    except Exception as error:
        return str(error) if type(error) in (TypeError, ValueError, RecursionError) else kind(error)
    if size > LARGEST:
        return f"it has {size} bytes, more than {LARGEST}"
    if repeats_secret(text):
        return "it repeats a credential"
    return "it holds a NUL character" if "\\u0000" in text else ""
