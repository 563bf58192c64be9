"""Know our records again in a message: their keys travel beside its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from sharecore.adapter import Batch
from sharecore.targets import simple_name
from sharecore_hermes.mapping import TABLES

PROVENANCE = "sharecore"
"""Key of `data` under which our record keys travel. HERMES passes on keys that it does not know (measured).
"""


def target_mark(batch: Batch) -> str:
    """Return a mark of the target that outlives its names, for this site to know it by; empty where there is
    none.

    A digest, since the whole world reads it.
    """
    key = batch.target_keys.get(batch.site.origin, "")
    return sha256(f"{batch.site.origin} {key}".encode()).hexdigest()[:16] if key else ""


def records_in(message: Mapping[str, object], origin: str) -> Iterator[tuple[str, str]]:
    """Yield key and content of each record that the site of this origin published in a message."""
    provenance = _provenance(message)
    if provenance.get("origin") != origin:
        return
    for table in TABLES:
        rows = provenance.get(table)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, Mapping):
                yield str(row.get("key")), str(row.get("content", ""))


def is_about(message: Mapping[str, object], batch: Batch) -> bool:
    """Return whether a message is about the target of the batch, by its mark or one of its names."""
    mark = target_mark(batch)
    if mark and _provenance(message).get("target_mark") == mark:
        return True
    targets = _data(message).get("targets")
    rows = [each for each in targets if isinstance(each, Mapping)] if isinstance(targets, list) else []
    names = {simple_name(str(each.get("name"))) for each in rows}
    return not names.isdisjoint(map(simple_name, batch.target.names))


def _data(message: Mapping[str, object]) -> Mapping[str, object]:
    data = message.get("data")
    return data if isinstance(data, Mapping) else {}


def _provenance(message: Mapping[str, object]) -> Mapping[str, object]:
    provenance = _data(message).get(PROVENANCE)
    return provenance if isinstance(provenance, Mapping) else {}
