"""Name a user as the author of a report."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist


def author(user: Any) -> str:
    """Return the full name of a user, else the user name, with the affiliation on the profile page."""
    name = user.get_full_name() or user.get_username()
    try:
        affiliation = (user.profile.affiliation or "").strip()
    except (AttributeError, ObjectDoesNotExist):
        affiliation = ""
    return f"{name} ({affiliation})" if affiliation else name
