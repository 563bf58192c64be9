"""Match targets between sites by keys that stay the same when a target is renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tom_targets.models import BaseTarget

from sharecore.targets import target_key
from tom_integration import site
from tom_integration.models import TargetKey


def keys_of(target: Any) -> dict[str, str]:
    """Return the keys of this target by origin: of this site, and of the sites that have sent it."""
    known = TargetKey.objects.filter(target_id=target.pk).order_by("pk").values_list("origin", "key")
    return {**dict(known), site.origin(): target_key(target.pk, target.created)}


def find(keys: Mapping[str, str]) -> int | None:
    """Return the primary key of the target with one of these keys, by origin; this site's key comes first."""
    for origin, key in keys.items():
        if origin == site.origin() and (pk := _own(key)) is not None:
            return pk
    known = {
        row.origin: row.target_id
        for row in TargetKey.objects.filter(key__in=set(keys.values()))
        if keys.get(row.origin) == row.key
    }
    if not known:
        return None
    there = set(BaseTarget.objects.filter(pk__in=known.values()).values_list("pk", flat=True))
    return next((known[origin] for origin in keys if known.get(origin) in there), None)


def note(origin: str, key: str, target_id: int) -> None:
    """Store the key that the sending site has for a target."""
    TargetKey.objects.update_or_create(origin=origin, key=key, defaults={"target_id": target_id})


def _own(key: str) -> int | None:
    number = key.partition(".")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    target = BaseTarget.objects.filter(pk=int(number)).only("created").first()
    return target.pk if target is not None and target_key(target.pk, target.created) == key else None
