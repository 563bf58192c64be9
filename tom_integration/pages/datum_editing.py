"""Say where a user can edit a datum: tomtoolkit has no page for that but the admin."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

from tom_integration.mapping.columns import DATUM_MODELS


def edit_url(user: Any, model: str, pk: int) -> str:
    """Return the URL of the form; empty where the user may not edit such data there, or there is no admin.

    Args:
        user: the user.
        model: the model of the datum, or of something else that was shared.
        pk: its primary key.
    """
    if model not in DATUM_MODELS or not user.is_staff:
        return ""
    label = DATUM_MODELS[model]._meta.app_label
    if not user.has_perm(f"{label}.change_{model}"):
        return ""
    try:
        return reverse(f"admin:{label}_{model}_change", args=[pk])
    except NoReverseMatch:
        return ""
