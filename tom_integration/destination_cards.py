"""Name the cards of each destination: on the page of destinations, and for a key on the profile page."""

from __future__ import annotations

from urllib.parse import quote

from django.urls import reverse


def anchor(name: str) -> str:
    """Return the id of the card of a destination; it is escaped already, for HTML and for links."""
    return f"destination-{quote(name, safe='')}"


def path(name: str) -> str:
    """Return the path of the page of destinations, at the card of one."""
    return f"{reverse('sharing:destinations')}#{anchor(name)}"


def key_anchor(name: str) -> str:
    """Return the id of the card on the profile page where a person gives a key for a destination."""
    return f"key-{anchor(name)}"


def key_path(name: str) -> str:
    """Return the path of the profile page, at the card of a destination."""
    return f"{reverse('user-profile')}#{key_anchor(name)}"
