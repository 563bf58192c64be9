"""Find out the software of the receiver.

2.x keeps all reduced data in one table; 3.x has a table per kind, reads their columns out of `value`, and
keeps the rest as extra data. Their descriptions of `POST api/reduceddatums/` differ: `value` is required by
2.x and optional in 3.x (measured on 2.32.4 and 3.1.0). The request for the description has no effect. A TOM
with sharecore describes itself at `api/sharing/`, where a stock one has nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sharecore.exceptions import AuthenticationFailed, DestinationError
from sharecore.records import Kind
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.refusals import not_able, words

DATA = "api/reduceddatums/"
SHARING = "api/sharing/"
PROTOCOL = 1
"""Protocol of the batches that we send."""


class Generation(StrEnum):
    """The generations of tomtoolkit, by the way in which they store reduced data."""

    ONE_TABLE = "2.x"
    TYPED = "3.x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The description that a TOM with sharecore gives of itself."""

    version: str
    """Version of sharecore."""
    origin: str = ""
    """UUID of the site; empty where it gives none."""
    max_records: int = 1000
    """Largest number of records in one batch."""
    max_bytes: int = 8_000_000
    """Largest batch, in bytes."""
    kinds: frozenset[str] = frozenset(Kind)
    """Kinds of record that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """The software of the receiver."""

    generation: Generation
    """Generation of tomtoolkit."""
    sharing: Sharing | None = None
    """Description of a TOM with sharecore; None for a stock TOM, and for one that cannot be used (see
    `note`).
    """
    note: str = ""
    """Reason why `sharing` is None at a TOM with sharecore."""


def discover(api: Api) -> Receiver:
    """Ask the receiver. Raises `DestinationError` when it does not describe itself as a TOM does."""
    sharing = _sharing(api)
    if isinstance(sharing, Sharing):
        return Receiver(generation=Generation.TYPED, sharing=sharing)
    return Receiver(generation=_generation(api), note=sharing)


def _sharing(api: Api) -> Sharing | str:
    """Return the description at `api/sharing/`, or the reason why it cannot be used: an empty text at a stock
    TOM.
    """
    try:
        reply = api.ask(SHARING)
    except AuthenticationFailed:
        return ""  # a stock TOM may refuse what it does not know; what it knows is asked next
    if reply.verdict is Verdict.THROTTLED:
        raise not_able(reply, f"GET {SHARING}")
    if reply.verdict is Verdict.SERVER_ERROR:
        return f"its {SHARING} is out of order: {words(reply)}"
    return _described(reply) if reply.verdict is Verdict.OK else ""


def _described(reply: Reply) -> Sharing | str:
    said = reply.json
    if not isinstance(said, Mapping) or not isinstance(said.get("protocols"), list):
        return ""
    if PROTOCOL not in said["protocols"]:
        return f"its sharecore speaks the protocols {said['protocols']}, ours speaks {PROTOCOL}"[:200]
    limits = said.get("limits")
    limits = limits if isinstance(limits, Mapping) else {}
    sizes = [limits.get("records"), limits.get("bytes")]
    kinds = said.get("kinds", list(Kind))
    if not isinstance(said.get("origin"), str) or not all(isinstance(n, int) and n > 0 for n in sizes):
        return f"what its {SHARING} says is not understood"
    return Sharing(
        origin=said["origin"],
        version=str(said.get("sharecore", ""))[:50],
        max_records=limits["records"],
        max_bytes=limits["bytes"],
        kinds=frozenset(map(str, kinds if isinstance(kinds, list) else ())),
    )


def _generation(api: Api) -> Generation:
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
