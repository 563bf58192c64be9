"""Who gets to see which page. The rules are in `tom_integration.permissions`; here is how a refusal looks."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.views import View
from tom_targets.models import get_target_model_class
from tom_targets.permissions import targets_for_user

from tom_integration import permissions
from tom_integration.permissions import Action


class Page(LoginRequiredMixin, View):
    """A page of ours: who has not logged in is sent to the login."""

    request: HttpRequest


def share_or_404(user: Any, pk: int, action: Action) -> Any:
    """A share that the user may see, for something that they may do; 404 when they may not even see it."""
    share = permissions.shares_for(user, action).filter(pk=pk).select_related("target").first()
    if share is not None:
        return share
    if permissions.shares_for(user, "view").filter(pk=pk).exists():
        raise PermissionDenied
    raise Http404("There is no such share.")


def target_or_404(user: Any, pk: int) -> Any:
    """A target that the user may share; refused when they may only see it, and unknown when not even that."""
    target = permissions.targets_for_shares(user).filter(pk=pk).first()
    if target is not None:
        return target
    visible_target_or_404(user, pk)
    raise PermissionDenied


def visible_target_or_404(user: Any, pk: int) -> Any:
    """A target that the user may see, by tomtoolkit's own rule."""
    known = get_target_model_class().objects.filter(pk=pk)
    target = targets_for_user(user, known, "view_target").first()
    if target is None:
        raise Http404("There is no such target.")
    return target


def require(user: Any, *actions: Action) -> None:
    """Refuse who has none of these rights at all."""
    if not any(permissions.holds(user, action) for action in actions):
        raise PermissionDenied
