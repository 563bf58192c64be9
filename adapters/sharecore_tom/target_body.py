"""Write targets as the body of `POST api/targets/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sharecore.adapter import Batch
from sharecore_tom.receiver import Generation


def target_body(batch: Batch, lists: tuple[str, ...], at: Generation) -> dict[str, Any]:
    """Return the body: the target with the values that the site has, and no others.

    No `id` anywhere: one in use at the receiver is an error there that leaves half a target. No alias equal
    to the name, which is refused. `groups` stays empty: those named get all rights (tomtoolkit 3.1.0).
    """
    target = batch.target
    elements = asdict(target.position) if target.sidereal else asdict(target.position) | asdict(target.orbit)
    body: dict[str, Any] = {
        "name": target.name,
        "type": "SIDEREAL" if target.sidereal else "NON_SIDEREAL",
        **{name: value for name, value in elements.items() if value not in (None, "")},
        "aliases": [{"name": alias} for alias in dict.fromkeys(target.aliases) if alias != target.name],
        "targetextra_set": [{"key": key, "value": value} for key, value in target.extras.items()],
        "target_lists": [{"name": name} for name in lists],
        "groups": [],
    }
    if at is Generation.TYPED:
        body |= {"shared_by": batch.shared_by, "shared_from": batch.site.name}
    return body
