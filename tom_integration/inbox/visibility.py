"""What the account that sends may see and do of the data that are here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from guardian.shortcuts import get_objects_for_user

from tom_integration.access import single_data_have_rights
from tom_integration.mapping.row_to_record import DATUM_MODELS

Place = tuple[str, int]
"""A datum: model and primary key."""


def permitted(user: Any, places: Iterable[Place], *actions: str) -> set[Place]:
    """Those of these data of a target that the user may change on which they have all of these rights.

    All of them, unless the TOM gives rights on single data.
    """
    if not single_data_have_rights():
        return set(places)
    wanted: dict[str, set[int]] = defaultdict(set)
    for name, pk in places:
        wanted[name].add(pk)
    found: set[Place] = set()
    for name, pks in wanted.items():
        rights = [f"tom_dataproducts.{action}_{name}" for action in actions]
        data = DATUM_MODELS[name]._default_manager.filter(pk__in=pks)
        seen = get_objects_for_user(user, rights, klass=data).values_list("pk", flat=True)
        found |= {(name, pk) for pk in seen}
    return found
