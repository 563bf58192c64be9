"""Check the rights of users on single data, where the TOM gives such rights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Value, When
from guardian.shortcuts import get_objects_for_user

from tom_integration import conf
from tom_integration.access.shares import Action
from tom_integration.mapping.shareable_rows import CHOSEN_MODELS, SHARED_MODELS, RowKey, by_model, existing
from tom_integration.models import Attempt, Delivery, InboxRecord, Outbox, Report

_ALL = Q()
_Rows = TypeVar("_Rows", Delivery, InboxRecord)


def deliveries_for(user: Any, share: Any) -> QuerySet[Delivery]:
    """Return the deliveries of a share or outbox, without data that the user may not see.

    The right of the user on the share or outbox is checked before.
    """
    mine = Q(outbox=share) if isinstance(share, Outbox) else Q(outbox__share_id=share.pk)
    return of_visible_data(user, Delivery.objects.filter(mine), Q(target_id=share.target_id))


def visible_deliveries(user: Any, outboxes: Iterable[Outbox]) -> QuerySet[Delivery]:
    """Return the deliveries of several outboxes, without data that the user may not see."""
    outboxes = list(outboxes)
    targets = Q(target_id__in={each.target_id for each in outboxes})
    rows = Delivery.objects.filter(outbox__in=[each.pk for each in outboxes])
    return of_visible_data(user, rows, targets)


def of_visible_data(user: Any, rows: QuerySet[_Rows], condition: Q = _ALL) -> QuerySet[_Rows]:
    """Return the rows whose datum the user may see; a condition on the data makes the query faster."""
    if not single_data_have_rights():
        return rows
    seen = Q(pk__in=())
    for name, model in SHARED_MODELS.items():
        data = visible(user, model._default_manager.filter(condition))
        seen |= Q(model=name, datum_pk__in=data.values("pk"))
    return rows.filter(seen)


def single_data_have_rights() -> bool:
    """Return True when this TOM gives rights on single data, beside those on their target."""
    return not getattr(settings, "TARGET_PERMISSIONS_ONLY", True)


def visible(user: Any, data: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows of one model that the user may see, for a user who may see the target.

    A report may be seen by who may see its data.
    """
    if not single_data_have_rights():
        return data
    if data.model is Report:
        return data.exclude(pk__in=_with_hidden_data(user, data))
    right = f"tom_dataproducts.view_{data.model._meta.model_name}"
    permitted: QuerySet[Any] = get_objects_for_user(user, right, klass=data)
    return permitted


def with_calls(user: Any, attempts: QuerySet[Attempt]) -> QuerySet[Any]:
    """Return attempts of deliveries that the user may see, with `readable`: the call that they may read.

    A call holds all records that went in it. So nobody reads it from whom some of them may be hidden: who has
    no right on all data, where single data have rights, and anybody who finds the delivery under another
    target, to which its datum was moved.
    """
    nothing = Value(None, output_field=BigIntegerField())
    sees_all = not single_data_have_rights() or all(
        user.has_perm(f"tom_dataproducts.view_{name}") for name in CHOSEN_MODELS
    )
    if not sees_all or not conf.settings().keep_exchanges:
        return attempts.annotate(readable=nothing)
    same_target = When(call__outbox=F("delivery__outbox"), then="call_id")
    return attempts.annotate(readable=Case(same_target, default=nothing))


def permitted(user: Any, places: Iterable[RowKey], *actions: Action) -> set[RowKey]:
    """Return the data on which the user has all of these rights, for a user who may change the target.

    Return all data, unless the TOM gives rights on single data.
    """
    if not single_data_have_rights():
        return set(places)
    found: set[RowKey] = set()
    for name, pks in by_model(places).items():
        data = SHARED_MODELS[name]._default_manager.filter(pk__in=pks)
        if data.model is Report:
            found |= {(name, row.pk) for row in visible(user, data)}
            continue
        rights = [f"tom_dataproducts.{action}_{name}" for action in actions]
        seen = get_objects_for_user(user, rights, klass=data).values_list("pk", flat=True)
        found |= {(name, pk) for pk in seen}
    return found


def _with_hidden_data(user: Any, reports: Iterable[Report]) -> list[int]:
    chosen = {report.pk: set(report.places) for report in reports}
    there = existing(place for places in chosen.values() for place in places)
    hidden = there - permitted(user, there, "view")
    return [pk for pk, places in chosen.items() if places & hidden]
