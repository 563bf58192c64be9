"""Check where a user may put a share, for REST, pages and admin alike."""

from __future__ import annotations

from typing import Any

from tom_targets.models import PersistentShare

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from tom_integration import access, site
from tom_integration.models import Outbox


def unusable(user: Any, destination: str) -> str:
    """Return why a user cannot share to `name` or `name:topic`; empty when that is possible.

    A user who may not share to every destination is not told which others there are.
    """
    if refusal := access.refusal_to_use(user, Address.parse(destination).name):
        return str(refusal)
    try:
        site.destinations().resolve(destination)
    except ConfigurationError as error:
        hidden = "There is no such destination to which you may share."
        return hidden if access.closed_to(user) else str(error)
    return str(site.refusal_of_records(destination) or "")


def moves(share: Any, target_id: int, destination: str) -> bool:
    """Return True when an existing share would move, which needs the same right as making one."""
    return share.pk is not None and (share.target_id, share.destination) != (target_id, destination)


def taken(user: Any, target_id: int, destination: str, *, name: str = "This target", by: Any = None) -> str:
    """Return the reason why no share of a target can go to a destination; empty when one can.

    The reason names another share in the way only to users who may view that share.

    Args:
        user: the user.
        target_id: the primary key of the target.
        destination: `name` or `name:topic`.
        name: the name of the target for the reason.
        by: the share that moves; None for a new one.
    """
    others = PersistentShare.objects.filter(target_id=target_id, destination=destination)
    if refusal := access.refusal_to_use(user, Address.parse(destination).name):
        return str(refusal)
    moving = by is None or moves(by, target_id, destination)
    if moving and (refusal := site.refusal_of_records(destination)):
        return str(refusal)
    if by is not None and moving and (problem := _made_by_rule(by)):
        return problem
    other = others.exclude(pk=by.pk if by else None).first()
    if other is None:
        return ""
    if access.may(user, "view", share=other):
        return f"{name} is shared with {site.label(destination)} already."
    return f"{name} cannot be shared there with your rights. Ask a user who may view its shares."


def _made_by_rule(share: Any) -> str:
    outbox = Outbox.objects.filter(share_id=share.pk).select_related("rule").first()
    if outbox is None or outbox.rule is None:
        return ""
    return (
        f"The rule {outbox.rule.name} made this share: change the rule, or end this share and make another."
    )
