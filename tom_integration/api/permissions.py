"""The rights of REST requests. The rules are in `tom_integration.access`; here is how a refusal looks.

Nobody known: 401. To list or to make shares without any right of that name: 403, whatever exists. A share
that the user may not see: 404, as if it did not exist. One that they see, but may not do this to: 403.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import DataError, IntegrityError
from rest_framework import exceptions, permissions
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.parsers import FormParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings

from tom_integration.access import REFUSAL, Action, holds, shares_for
from tom_integration.api.parsers import FlatJSONParser, Utf8MultiPartParser
from tom_integration.json_views import RefusesInJson


class ShareRights(permissions.BasePermission):
    """Reject anonymous users; list and create need the permission of that name."""

    message = REFUSAL

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            raise exceptions.NotAuthenticated
        return not view.is_collection or holds(request.user, view.right)


class Pages(LimitOffsetPagination):
    """For a TOM that has no pagination of its own: a ledger may be long."""

    default_limit = 100
    max_limit = 1000


class _Bounded:
    """No page lies where no database can count to, whatever pagination the TOM has."""

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> Any:
        """The rows of a page. Raises 404."""
        try:
            return super().paginate_queryset(*args, **kwargs)  # type: ignore[misc]
        except (OverflowError, DataError, IntegrityError):  # the last is what SQLite says
            raise exceptions.NotFound("There is no such page.") from None


class ShareApi(RefusesInJson):
    """What all views of this API have in common. rights: what each action needs; `view` if not named."""

    permission_classes = (ShareRights,)
    parser_classes = (FlatJSONParser, FormParser, Utf8MultiPartParser)
    # The browsable API would list all targets in a form, and answer refusals with HTML.
    renderer_classes = (JSONRenderer,)
    pagination_class = type("BoundedPages", (_Bounded, api_settings.DEFAULT_PAGINATION_CLASS or Pages), {})
    rights: Mapping[str, Action] = {}
    collections: tuple[str, ...] = ()
    action: str | None
    request: Any
    kwargs: Any

    @property
    def right(self) -> Action:
        """The right that this request needs."""
        return self.rights.get(self.action or "", "view")

    @property
    def is_collection(self) -> bool:
        """Is no single share asked for?"""
        return self.action in self.collections

    def share(self) -> Any:
        """The share of the URL. Raises 404 when the user may not see it, 403 when they see it only."""
        pk = self.kwargs["pk"]
        permitted = shares_for(self.request.user, self.right)
        share = permitted.select_related("target", "user").filter(pk=pk).first()
        if share is not None:
            return share
        if shares_for(self.request.user, "view").filter(pk=pk).exists():
            raise exceptions.PermissionDenied(REFUSAL)
        raise exceptions.NotFound
