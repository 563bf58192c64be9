"""Answer refused programs with 401 or 403 and JSON, never with a login page.

tomtoolkit turns each 403 outside `/api/` into a redirect to the login. With `AUTH_STRATEGY = 'LOCKED'` it
refuses users without a session before the view; accounts with terms to accept, or a password to change, are
redirected to that page. For the paths of this API the first is undone, and the others are answered in JSON.
Nothing is exempt: under LOCKED, tokens and passwords count only where `OPEN_URLS` names the path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from rest_framework.response import Response

LOCKED = (
    "This TOM is locked: log in first. For tokens and passwords, its operator has to add "
    "'/targets/persistentshare/*', '/targets/*/persistentshare/', '/targets/sharerule/*' and "
    "'/targets/shareactivity/' to OPEN_URLS, and '/api/*' for other sites that send data."
)

UNMET = "This account has to do something else first, on the page"


def answer(
    middleware: Any, request: HttpRequest, stock: Callable[[Any, HttpRequest], HttpResponse]
) -> HttpResponse:
    """Answer in place of `tom_common.middleware.Raise403Middleware`, whose own code is `stock`."""
    if not is_ours(request):
        return stock(middleware, request)
    response: HttpResponse = middleware.get_response(request)
    answered = isinstance(response, Response)
    if response.status_code == 403 and not answered:
        return JsonResponse({"detail": LOCKED}, status=401, headers={"WWW-Authenticate": "Token"})
    if 300 <= response.status_code < 400 and not answered:
        # tomtoolkit redirects a browser to the terms to accept, or to the password to change.
        return JsonResponse({"detail": f"{UNMET}: {response['Location'].partition('?')[0]}"}, status=403)
    return response


def is_ours(request: HttpRequest) -> bool:
    """Return True when a view of this app for programs answers the path."""
    try:
        view = resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return False
    return bool(getattr(getattr(view, "cls", None), "refuses_in_json", False))
