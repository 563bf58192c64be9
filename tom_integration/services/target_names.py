"""Add the name that a destination gave a target to its aliases, when a person says so."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from tom_targets.models import TargetName, get_target_model_class

from tom_integration.models import Activity, Outbox
from tom_integration.outbox import activity
from tom_integration.services import shares


def is_new(outbox: Outbox, target: Any) -> bool:
    """Return True when the destination gave the target a name that it does not have here."""
    return bool(outbox.target_name) and not _named_so(outbox.target_name).filter(pk=target.pk).exists()


def add_alias(outbox: Outbox, target: Any) -> str:
    """Add the name that the destination gave the target to its aliases; return it.

    Raises:
        shares.NotPossible: there is no new name, or another target has it.
    """
    name = outbox.target_name
    if not is_new(outbox, target):
        raise shares.NotPossible("The target has this name already.")
    if _named_so(name).exists():
        raise shares.NotPossible(f"Another target is named {name}. Merge the two if they are one.")
    try:
        with transaction.atomic():
            TargetName.objects.create(target=target, name=name)
            activity.of_shares(Activity.What.ALIAS_ADDED, [outbox], detail=name)
    except IntegrityError:
        raise shares.NotPossible(f"Another target is named {name}.") from None
    return name


def _named_so(name: str) -> Any:
    """Return the targets with this name or alias, compared as tomtoolkit does."""
    return get_target_model_class().matches.match_name(name)
