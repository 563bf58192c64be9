"""Check the rights of REST requests, by the rules of `tom_integration.access`, and answer refusals.

* 401: the user is anonymous.
* 403: the user lists or makes shares without any right of that name, whatever exists, or may see the share,
  but not act on it.
* 404: the user may not see the share, as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions, permissions
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.parsers import FormParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings

from tom_integration.access import REFUSAL, Action, holds
from tom_integration.api.parsers import FlatJSONParser, Utf8MultiPartParser
from tom_integration.json_views import RefusesInJson
from tom_integration.pages.guards import share_or_404


class ShareRights(permissions.IsAuthenticated):
    """Reject anonymous users; list and create need the permission of that name."""

    message = REFUSAL

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            raise exceptions.NotAuthenticated
        return not view.is_collection or holds(request.user, view.right)


class Pages(LimitOffsetPagination):
    """Paginate in a TOM that has no pagination of its own, since a ledger may be long."""

    default_limit = 100
    max_limit = 1000


_PAGE_PARAMETERS = ("limit", "offset", "page", "page_size")
_MOST_DIGITS = 15
"""A page with a number of so many digits starts below 2**63, whatever its size."""


class _Bounded:
    """Answer 404 to page numbers beyond the integers of the database, with any pagination of the TOM."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Return the rows of a page.

        Raises:
            NotFound: the number of the page is too large.
        """
        # Asked before the database is: on PostgreSQL its refusal would spoil the transaction of the request.
        given = {name: request.query_params.get(name, "") for name in _PAGE_PARAMETERS}
        if any(sum(map(str.isdigit, text)) > _MOST_DIGITS for text in given.values()):
            raise exceptions.NotFound("There is no such page.")
        return super().paginate_queryset(queryset, request, view)  # type: ignore[misc]


class ShareApi(RefusesInJson):
    """Share code among all views of this API."""

    permission_classes = (ShareRights,)
    parser_classes = (FlatJSONParser, FormParser, Utf8MultiPartParser)
    # The browsable API would list all targets in a form, and answer refusals with HTML.
    renderer_classes = (JSONRenderer,)
    pagination_class = type("BoundedPages", (_Bounded, api_settings.DEFAULT_PAGINATION_CLASS or Pages), {})
    rights: Mapping[str, Action] = {}
    """The rights of actions that need another one than `view` to read, and `change` to write."""
    collections: tuple[str, ...] = ()
    """The actions without a single share."""
    action: str | None
    request: Any
    kwargs: Any

    @property
    def right(self) -> Action:
        """Return the right that this request needs."""
        reads = self.request.method in permissions.SAFE_METHODS
        return self.rights.get(self.action or "", "view" if reads else "change")

    @property
    def is_collection(self) -> bool:
        """Return True when the request is not about a single share."""
        return self.action in self.collections

    def share(self) -> Any:
        """Return the share of the URL; raise as `share_or_404`, which DRF answers with 403 or 404."""
        return share_or_404(self.request.user, self.kwargs["pk"], self.right)
