"""Check the adapter state: what an adapter notes about a target, as JSON that every database stores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sharecore.plugin_errors import contained, kind
from sharecore.secrets import repeats_secret

LARGEST = 100_000
"""Bytes of the state of one target, which is read and written with each call about it."""


def state_objection(state: Mapping[str, Any]) -> str:
    """Return the reason why the ledger cannot store this state, or an empty text."""
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
