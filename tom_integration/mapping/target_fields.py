"""Make the target of a batch from a target of the TOM."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from django.db.models import Field, Model, Value
from django.db.models.functions import Lower, Replace
from tom_targets.models import BaseTarget, get_target_model_class

from sharecore.targets import Orbit, Position, Target

# The kelvin sign is the only letter beyond ASCII whose lower-case letter is in ASCII.
SIMPLE_NAME: Any = Replace(Lower("name"), Value("\N{KELVIN SIGN}"), Value("k"))
"""The name of a row as `sharecore.targets.simple_name` has it, for SQL; in ASCII on every database."""
for _each in " -_()":  # as TargetMatchManager.simplify_name of tomtoolkit 3.1.0
    SIMPLE_NAME = Replace(SIMPLE_NAME, Value(_each), Value(""))


def find_target(target_id: int) -> Any | None:
    """Return the row of the TOM's own target model, with custom fields; None for a deleted target."""
    return get_target_model_class().objects.filter(pk=target_id).first()


def target_of(row: Any, *, lists: Iterable[str] = ()) -> Target:
    """Return the target of a batch, to join target lists of these names at the destination."""
    extras = {extra.key: str(extra.value) for extra in row.targetextra_set.all() if _has_value(extra.value)}
    return Target(
        name=row.name,
        aliases=tuple(alias.name for alias in row.aliases.all()),
        sidereal=row.type != BaseTarget.NON_SIDEREAL,
        position=Position(**{each.name: getattr(row, each.name) for each in fields(Position)}),
        orbit=Orbit(**{each.name: getattr(row, each.name) for each in fields(Orbit)}),
        extras=extras | _custom_values(row),
        lists=tuple(lists),
    )


def custom_fields(model: type[Model]) -> dict[str, Field[Any, Any]]:
    """Return the fields that a custom target model has beside those of every TOM, by name."""
    base = {field.name for field in BaseTarget._meta.get_fields()}
    own = [field for field in model._meta.concrete_fields if not field.primary_key]
    return {field.name: field for field in own if field.name not in base}


def _custom_values(row: Any) -> dict[str, str]:
    """Return custom fields as extras, since the receiver may not have the same target model."""
    values = {name: field.value_from_object(row) for name, field in custom_fields(type(row)).items()}
    return {name: str(value) for name, value in values.items() if _has_value(value)}


def _has_value(value: Any) -> bool:
    """Return False for None and for numbers that are not finite, also for those written as text."""
    try:
        return value is not None and math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return True  # It is no number.
