"""Where a share may be put, by hand: for REST, pages and admin alike."""

from __future__ import annotations

from typing import Any

from tom_targets.models import PersistentShare

from tom_integration import access, site


def moves(share: Any, target_id: int, destination: str) -> bool:
    """Would a share that is there go to another target or destination? That needs what making one needs."""
    return share.pk is not None and (share.target_id, share.destination) != (target_id, destination)


def taken(user: Any, target_id: int, destination: str, *, name: str = "This target", by: Any = None) -> str:
    """Why no share of a target can be put there; empty when one can.

    name: of the target. by: the share that is put there, when it exists. That another share is in the way is
    told only to those who may view that one.
    """
    others = PersistentShare.objects.filter(target_id=target_id, destination=destination)
    other = others.exclude(pk=by.pk if by else None).first()
    if other is None:
        return ""
    if access.may(user, "view", share=other):
        return f"{name} is shared with {site.label(destination)} already."
    return f"{name} cannot be put there by you; ask somebody who may view its shares."
