"""Share code among the views for programs."""

from __future__ import annotations

from django.db import DataError
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

_LONGEST_LOGIN = 8190
"""Characters of the header, as gunicorn and Apache allow. SQLite fails on names of 50,000 characters."""


class RefusesInJson:
    """Answer programs: send each refusal as JSON."""

    refuses_in_json = True
    metadata_class = None

    def perform_authentication(self, request: Request) -> None:
        """Reject also user names that the database cannot look up, such as one with NUL on PostgreSQL."""
        if len(request.META.get("HTTP_AUTHORIZATION", "")) > _LONGEST_LOGIN:
            longest = f"The header Authorization may have up to {_LONGEST_LOGIN} characters."
            raise AuthenticationFailed(longest)
        try:
            super().perform_authentication(request)  # type: ignore[misc]
        except (ValueError, DataError):
            raise AuthenticationFailed("There is no account of that name.") from None
