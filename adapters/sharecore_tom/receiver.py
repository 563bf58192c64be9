"""Which generation of tomtoolkit the receiver runs.

2.x keeps all reduced data in one table; 3.x has a table per kind, reads their columns out of `value`, and
keeps the rest as extra data. How each describes `POST api/reduceddatums/` shows it: `value` is required by
2.x and optional in 3.x (measured on 2.32.4 and 3.1.0). Asking for it has no effect there.
"""

from __future__ import annotations

from enum import StrEnum

from sharecore.exceptions import DestinationError
from sharecore_http.reply import Verdict
from sharecore_tom.answers import not_able
from sharecore_tom.api import Api

DATA = "api/reduceddatums/"


class Generation(StrEnum):
    """How the receiver stores reduced data."""

    ONE_TABLE = "2.x"
    TYPED = "3.x"


def generation(api: Api) -> Generation:
    """Ask the receiver. Raises `DestinationError` when it does not describe itself as a TOM does."""
    reply = api.ask(DATA, method="OPTIONS")
    if reply.verdict is not Verdict.OK:
        raise not_able(reply, f"OPTIONS {DATA}")
    try:
        required = reply.json["actions"]["POST"]["value"]["required"]  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        raise DestinationError(
            f"OPTIONS {DATA}: the answer is not that of a TOM. Check 'BASE_URL'."
        ) from None
    return Generation.ONE_TABLE if required else Generation.TYPED
