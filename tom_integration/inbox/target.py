"""Find the target of a batch by its keys or names, or make it as the TOM's own API does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC
from itertools import chain
from typing import Any

from dateutil.parser import parse  # type: ignore[import-untyped]
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from tom_targets.base_models import TargetMatchManager
from tom_targets.models import BaseTarget, TargetList, TargetName, get_target_model_class
from tom_targets.serializers import TargetSerializer

from sharecore.targets import Target, simple_name
from tom_integration.access import targets_for_shares
from tom_integration.inbox.parse import IncomingBatch
from tom_integration.inbox.refused import Refused
from tom_integration.mapping.target_fields import SIMPLE_NAME, custom_fields
from tom_integration.models import Origin
from tom_integration.outbox import target_keys

_MATCHING = ("match_name", "match_fuzzy_name", "simplify_name")
"""The methods that a site overrides in its `MATCH_MANAGERS` to compare names in another way."""


def resolve(batch: IncomingBatch, request: Request) -> tuple[int, bool]:
    """Return the primary key of the target, and whether it was made now.

    Raises:
        Refused: the names belong to several targets, the user may not change the target, or there is none
            and it cannot be made.
    """
    found = _find(batch, request.user)
    created = found is None
    if found is None:
        found, created = _create(batch, request)
    key = batch.target_keys.get(batch.site.origin)
    if key and target_keys.find({batch.site.origin: key}) != found:
        target_keys.note(batch.site.origin, key, found)
    introduced = created or not batch.arrivals
    _join_lists(found, (*batch.target.lists, *(batch.lists if introduced else ())))
    return found, created


def examine(batch: IncomingBatch, request: Request) -> int | None:
    """Return the target, None where it would be made; write nothing. Raise as `resolve`."""
    found = _find(batch, request.user)
    if found is None:
        _require_makeable(batch)
        try:
            _serializer(batch, request)
        except ValidationError as error:
            raise _not_made(error) from None
    return found


def _find(batch: IncomingBatch, user: Any) -> int | None:
    """Find a target by key, else by name and alias; the id that the sender noted decides between several."""
    paired = target_keys.find(batch.target_keys) if batch.target_keys else None
    named = {paired} if paired is not None else _named(batch.target.names)
    if not named:
        return None
    permitted: dict[int, str] = dict(targets_for_shares(user).filter(pk__in=named).values_list("pk", "name"))
    if batch.target_id in permitted:
        return batch.target_id
    if len(permitted) > 1:
        listed = [{"id": pk, "name": name} for pk, name in sorted(permitted.items())]
        told = ", ".join(f"{each['name']!r} (id {each['id']})" for each in listed)
        raise Refused(
            409,
            f"The names of this target belong to several targets here: {told}. Merge them, or remove the "
            "alias that does not belong to it.",
            code="several-targets",
            targets=listed,
        )
    if not permitted:
        said = f"{user.get_username()} has no right to change the target {batch.target.name!r} here."
        raise Refused(403, said, code="no-right")
    return next(iter(permitted))


def _named(names: Iterable[str]) -> set[int]:
    """Return the targets with one of these names or aliases, exact or else as tomtoolkit compares them."""
    wanted = {name for name in names if name and "\0" not in name}
    return _having({"name__in": wanted | {name.strip() for name in wanted}}) or _alike(wanted)


def _alike(names: set[str]) -> set[int]:
    """Return the targets of which a name or alias is alike for tomtoolkit, or for the site's own matching."""
    matches = get_target_model_class().matches
    if any(getattr(type(matches), each) is not getattr(TargetMatchManager, each) for each in _MATCHING):
        found = (matches.match_name(name).values_list("pk", flat=True) for name in names)
        return {pk for pks in found for pk in pks}
    simple = {simple_name(name) for name in names} - {""}
    if all(map(str.isascii, simple)):
        return _having({"simple__in": simple})
    # SQLite, and PostgreSQL in some locales, have lower-case letters of ASCII only: compare in Python.
    names = BaseTarget.objects.values_list("pk", "name").iterator()
    aliases = TargetName.objects.values_list("target_id", "name").iterator()
    return {pk for pk, name in chain(names, aliases) if simple_name(name) in simple}


def _having(condition: Mapping[str, set[str]]) -> set[int]:
    targets = BaseTarget.objects.annotate(simple=SIMPLE_NAME).filter(**condition)
    aliases = TargetName.objects.annotate(simple=SIMPLE_NAME).filter(**condition)
    return {*targets.values_list("pk", flat=True), *aliases.values_list("target_id", flat=True)}


def _require_makeable(batch: IncomingBatch) -> None:
    if not batch.create_target:
        raise Refused(404, f"There is no target {batch.target.name!r} here.", code="no-target")
    for name, value in batch.target.extras.items():
        if not _fits(value):
            raise Refused(
                400,
                f"The target cannot be made here: no database can store the time in its field {name!r}.",
                code="target-refused",
                field="target.extras",
            )


def _create(batch: IncomingBatch, request: Request) -> tuple[int, bool]:
    _require_makeable(batch)
    try:
        return _save(batch, request), True
    except (ValidationError, IntegrityError) as error:
        # Another batch, or a person, may have made it meanwhile.
        found = _find(batch, request.user)
        if found is not None:
            return found, False
        raise _not_made(error) from None


def _not_made(error: ValidationError | IntegrityError) -> Refused:
    field, reason = _first(error)
    said = f"The target cannot be made here: {field}: {reason}"
    return Refused(400, said, code="target-refused", field=field)


def _serializer(batch: IncomingBatch, request: Request) -> TargetSerializer:
    """Return the serializer of the TOM with the values of the target, which are valid.

    Raises:
        ValidationError: they are not.
    """
    values = _values(batch.target, batch.site.name, batch.shared_by)
    serializer = TargetSerializer(data=values, context={"request": request})
    if not serializer.is_valid():
        unfit = set(serializer.errors) & set(custom_fields(get_target_model_class()))
        if not unfit:
            raise ValidationError(serializer.errors)
        # A custom field of this TOM may have the name of another thing at the sender: leave it out.
        kept = {name: value for name, value in values.items() if name not in unfit}
        serializer = TargetSerializer(data=kept, context={"request": request})
        serializer.is_valid(raise_exception=True)
    return serializer


def _save(batch: IncomingBatch, request: Request) -> int:
    serializer = _serializer(batch, request)
    with transaction.atomic():
        return int(serializer.save().pk)


def _fits(extra: str) -> bool:
    """Return whether a database can store what tomtoolkit reads in an extra field, if that is a time."""
    try:
        moment = parse(extra)
    except (ValueError, OverflowError):
        return True
    try:
        (moment if moment.tzinfo else timezone.make_aware(moment)).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def _values(target: Target, shared_from: str, shared_by: str) -> dict[str, Any]:
    """Return a target for the serializer of the TOM: no ids, no alias equal to the name, no groups."""
    elements = asdict(target.position) | ({} if target.sidereal else asdict(target.orbit))
    own = set(custom_fields(get_target_model_class()))
    aliases = [name for name in dict.fromkeys(target.aliases) if name not in ("", target.name)]
    return {
        "name": target.name,
        "type": BaseTarget.SIDEREAL if target.sidereal else BaseTarget.NON_SIDEREAL,
        **{name: value for name, value in elements.items() if value not in (None, "")},
        **{name: value for name, value in target.extras.items() if name in own},
        "aliases": [{"name": name} for name in aliases],
        "targetextra_set": [{"key": key, "value": value} for key, value in target.extras.items()],
        "groups": [],
        "shared_from": shared_from,
        "shared_by": shared_by,
    }


def _join_lists(target_id: int, names: tuple[str, ...]) -> None:
    longest = TargetList._meta.get_field("name").max_length
    wanted = {name for name in names if name.strip() and len(name) <= longest and "\0" not in name}
    if not wanted:
        return
    joined = set(TargetList.objects.filter(name__in=wanted, targets=target_id).values_list("name", flat=True))
    for name in sorted(wanted - joined):
        (_list(name) or _make_list(name)).targets.add(target_id)


def _list(name: str) -> Any:
    """Return the list of this name, of several the first one; None when there is none."""
    return TargetList.objects.filter(name=name).order_by("pk").first()


def _make_list(name: str) -> Any:
    """Make a list, unless another batch has made it just now.

    Nothing in the database forbids two lists of one name, and tomtoolkit's own API fails on two.
    """
    with transaction.atomic():
        Origin.objects.update(uuid=F("uuid"))  # One at a time: each locks the only row there.
        return _list(name) or TargetList.objects.create(name=name)


def _first(error: ValidationError | IntegrityError) -> tuple[str, str]:
    """Return the field and the reason of the first error of the serializer."""
    detail: Any = error.detail if isinstance(error, ValidationError) else "its name or an alias is in use"
    path: list[str] = []
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            name, detail = next(iter(detail.items()))
            path.append(str(name))
        else:
            detail = next((each for each in detail if each), detail[0])
    named = [part for part in path if part != "non_field_errors"]
    return ".".join(named) or "target", str(detail)
