"""Tie the origin of each sending site to the account that used it first."""

from __future__ import annotations

from typing import Any

from sharecore.adapter import Site
from tom_integration.inbox.refused import Refused
from tom_integration.models import Peer


def known(peer: Site, user: Any) -> bool:
    """Return True when the origin belongs to this user already.

    Raises:
        Refused: the origin belongs to another user.
    """
    row = Peer.objects.filter(origin=peer.origin).first()
    if row is not None and row.user_id != user.pk:
        raise Refused(
            403,
            f"Another account of this TOM sends for the site {row.name!r} ({peer.origin}), and "
            f"{user.get_username()} may not. If it should, ask a superuser of this TOM to reassign the site: "
            "in the admin under Peers, or with `manage.py sharing origins`.",
            code="other-account",
            field="site.origin",
        )
    return row is not None


def register(peer: Site, user: Any) -> None:
    """Give the origin to this user.

    Raises:
        Refused: another user was faster.
    """
    Peer.objects.get_or_create(origin=peer.origin, defaults={"name": peer.name[:200], "user_id": user.pk})
    known(peer, user)
