"""What the views for programs have in common."""

from __future__ import annotations

from django.db import DataError
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class RefusesInJson:
    """A view for programs: whoever it refuses is told so in JSON."""

    refuses_in_json = True
    metadata_class = None

    def perform_authentication(self, request: Request) -> None:
        """Refuse also a name that the database cannot look up, such as one with NUL on PostgreSQL."""
        try:
            super().perform_authentication(request)  # type: ignore[misc]
        except (ValueError, DataError):
            raise AuthenticationFailed("There is no account of that name.") from None
