"""Share once, by hand: the service behind the pages and the functions of tomtoolkit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from sharecore.adapter import Batch
from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError, Problem
from sharecore.records import JsonValue
from tom_integration import access, personal_keys, site, wake_up
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.shareable_rows import SHARED_MODELS
from tom_integration.mapping.target_fields import target_of
from tom_integration.models import Activity, OneTimeShare, Outbox
from tom_integration.outbox import activity, open_outboxes

Selection = Mapping[str, Q]
"""Some data of a target: a condition for each model with rows to share."""
EVERYTHING: Selection = {model: Q() for model in DATUM_MODELS}
"""All data; no files."""


def share_once(
    destination: str,
    target_id: int,
    selection: Selection,
    *,
    user_id: int | None,
    title: str = "",
    message: str = "",
    values: Mapping[str, JsonValue] | None = None,
    introduce: bool = False,
    lists: Iterable[str] = (),
) -> int:
    """Make a one-time share of data of a target; return how many are due.

    Args:
        destination: `name` or `name:topic`.
        target_id: the primary key of the target.
        selection: the data; empty for none.
        user_id: the user with whose rights the data are sent; None for the site's.
        title: a title for people at the destination; the first 200 characters count.
        message: a message for people at the destination.
        values: what a person filled in in the fields of the adapter, without blank ones; see `problems_of`.
        introduce: make the target itself known, even without data.
        lists: names of target lists that the target is to join at the destination.

    Raises:
        ConfigurationError: there is no such destination, it cannot be used, it takes reports alone, or the
            user may not share to it.
    """
    address, _ = site.destinations().resolve(destination)
    refusal = access.refusal_to_use(access.find_creator(user_id), address.name)
    if refusal := refusal or site.refusal_of_records(destination):
        raise ConfigurationError([refusal])
    with transaction.atomic():
        outbox, due = make(
            address,
            target_id,
            selection,
            user_id=user_id,
            title=title,
            message=message,
            values=dict(values or {}),
            introduce=introduce,
            lists=list(lists),
        )
        by = access.find_creator(user_id)
        activity.of_shares(Activity.What.SHARED_ONCE, [outbox], detail=activity.counted(due), by=by)
    wake_up.hint(target_id, {})
    return due


def make(
    address: Address, target_id: int, selection: Selection, *, user_id: int | None, title: str, **columns: Any
) -> tuple[Outbox, int]:
    """Make a one-time share; return its outbox, and how many data are due.

    Call it in a transaction, after a look at the rights of the user; wake the worker after it.
    """
    outbox = open_outboxes.open_outbox(address, target_id)
    share = OneTimeShare.objects.create(outbox=outbox, user_id=user_id, title=title[:200], **columns)
    return outbox, open_outboxes.ask_for(outbox, selection=selection, one_time_share=share)


def problems_of(
    destination: str, target: Any, values: Mapping[str, JsonValue], *, user: Any
) -> Sequence[Problem]:
    """Ask an adapter what is wrong with the values beside a one-time share; may ask the destination.

    Args:
        destination: `name` or `name:topic`.
        target: the target as a row of the TOM.
        values: what a person filled in, by name of the field, without blank ones.
        user: the person.

    Raises:
        ConfigurationError: there is no such destination, or it cannot be used.
        DeliveryError: the adapter cannot tell.
    """
    if not values:
        return ()
    address, found = site.destinations().resolve(destination)
    try:
        found = personal_keys.with_key_of(found, user.pk)
    except personal_keys.NoKey:
        return ()  # The share waits for the key.
    batch = Batch(
        site=site.this_site(),
        address=address,
        target=target_of(target),
        records=(),
        shared_by=user.get_username(),
        values=dict(values),
    )
    return site.adapters.get(found).check_values(batch)


def restricted(user: Any, target_id: int, selection: Selection) -> dict[str, Q]:
    """Return the selection without data that the user may not see."""
    if not access.single_data_have_rights():
        return dict(selection)
    return {
        model: condition & Q(pk__in=visible(user, model, target_id).values("pk"))
        for model, condition in selection.items()
    }


def visible(user: Any, model: str, target_id: int) -> QuerySet[Any]:
    """Return the data of one model and target that a user may see."""
    return access.visible(user, SHARED_MODELS[model]._default_manager.filter(target_id=target_id))


def of_user(user: Any) -> dict[str, Q]:
    """Return a condition for the data that a user may see, for the targets that they may change."""
    if not access.single_data_have_rights():
        return dict(EVERYTHING)
    return {
        name: Q(pk__in=access.visible(user, model._default_manager.all()).values("pk"))
        for name, model in DATUM_MODELS.items()
    }


def number_of(target_id: int, selection: Selection) -> int:
    """Return how many data of a target are in a selection."""
    return sum(
        SHARED_MODELS[model]._default_manager.filter(condition, target_id=target_id).count()
        for model, condition in selection.items()
    )
