"""What an adapter may note about a target: JSON that every database keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.secrets import repeats_secret


def memory_objection(memory: Mapping[str, Any]) -> str:
    """Why the ledger cannot keep this memory; empty when it can."""
    try:
        text = json.dumps(dict(memory), allow_nan=False)
    except (TypeError, ValueError) as error:
        return str(error)
    if repeats_secret(text):
        return "it repeats a credential"
    return "it holds a NUL character" if "\\u0000" in text else ""
