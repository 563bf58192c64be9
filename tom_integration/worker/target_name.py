"""Store the name that a destination gave to a target, such as that of TNS."""

from __future__ import annotations

from collections.abc import Iterable

from sharecore.outcomes import Found, Result
from tom_integration.models import Outbox


def name_in(answers: Iterable[Result | Found]) -> str:
    """Return the name of the target in the answers about its records; empty when they tell none."""
    return next((told for each in answers if (told := getattr(each, "target_name", None))), "")


def keep(outbox_id: int, name: str) -> None:
    """Store the name that the destination of an outbox gave to its target, unless it is empty."""
    if name:
        Outbox.objects.filter(pk=outbox_id).exclude(target_name=name).update(target_name=name)
