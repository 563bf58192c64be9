"""Replace the sharing functions of tomtoolkit in a TOM with this app.

They keep their names, arguments and the form of their answers, and return at once: they write to the ledger,
and the worker sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model, Q
from tom_dataproducts.models import DataProduct

from sharecore.exceptions import ConfigurationError
from tom_integration import site, wake_up
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE
from tom_integration.pages import phrases
from tom_integration.services.one_time import EVERYTHING, Selection, number_of, share_once
from tom_integration.worker import offered_topics

Answer = dict[str, str]


def continuous_share_data(target: Any, reduced_datums: Any) -> None:
    """Share data of a target with all its continuous shares.

    Args:
        target: the target.
        reduced_datums: a datum, or any iterable of data, also without primary keys (created in bulk).
    """
    data = [reduced_datums] if isinstance(reduced_datums, Model) else list(reduced_datums or ())
    if data:
        wake_up.name_data(target.pk, data)


def share_data_with_tom(
    share_destination: str,
    form_data: Any,
    product_id: Any = None,
    target_id: Any = None,
    selected_data: Any = None,
) -> Answer:
    """Share once: the data of a data product, the chosen photometry, or all data of a target."""
    if product_id:
        product = DataProduct.objects.filter(pk=product_id).first()
        if product is None:
            return {"message": f"ERROR: there is no data product {product_id}."}
        chosen = dict.fromkeys(DATUM_MODELS, Q(data_product_id=product.pk))
        if site.takes_files(share_destination):
            chosen[FILE_MODEL] = Q(pk=product.pk) & WITH_A_FILE
        return _queue(share_destination, form_data, {product.target_id: chosen})
    if selected_data:
        model, picked = "photometryreduceddatum", Q(pk__in=list(selected_data))
        targets = set(DATUM_MODELS[model]._default_manager.filter(picked).values_list("target_id", flat=True))
        chosen = {model: picked}
        return _queue(share_destination, form_data, dict.fromkeys(targets, chosen))
    if target_id:
        return _queue(share_destination, form_data, {int(target_id): EVERYTHING})
    return {"message": "ERROR: No valid data to share."}


def share_target_with_tom(
    share_destination: str, form_data: Mapping[str, Any], target_lists: Iterable[Any] = (), user: Any = None
) -> Answer:
    """Make a target known at a destination, and a member of target lists there."""
    target = form_data["target"]
    try:
        lists = [each.name for each in target_lists]
        share_once(share_destination, target.pk, {}, introduce=True, lists=lists, **_message(form_data, user))
    except ConfigurationError as error:
        return {"message": f"ERROR: {error}"}
    return {"message": f"Target {target.name} queued for {share_destination}."}


def share_target_and_all_data(share_destination: str, target: Any, user: Any) -> str:
    """Share a target and all its data once; return a message for the user."""
    try:
        queued = share_once(share_destination, target.pk, EVERYTHING, introduce=True, **_message({}, user))
    except ConfigurationError as error:
        return f"ERROR: {error}"
    return f"{phrases.number(queued)} queued for {share_destination}."


def get_sharing_destination_options(include_download: bool = True) -> tuple[Any, ...]:
    """Return the choices of a form field: the destinations of `DATA_SHARING`, with their topics.

    tomtoolkit calls this without the download while its modules are imported, before there may be a database:
    then the topics are those of the settings, else those that the destinations offer.
    """
    if not include_download:
        return tuple(site.destinations().choices())
    return (("download", "download"), *offered_topics.choices())


def _queue(destination: str, form_data: Any, by_target: Mapping[int, Selection]) -> Answer:
    message = _message(form_data or {}, None)
    try:
        queued = sum(
            share_once(destination, target_id, chosen, **message) for target_id, chosen in by_target.items()
        )
    except ConfigurationError as error:
        return {"message": f"ERROR: {error}"}
    if queued:
        return {"message": f"{phrases.number(queued)} queued for {destination}."}
    if any(number_of(target_id, chosen) for target_id, chosen in by_target.items()):
        # tomtoolkit passes no user, so the message must not show which data the destination has.
        return {"message": f"Nothing new was queued for {destination}."}
    return {"message": "ERROR: No valid data to share."}


def _message(form_data: Mapping[str, Any], user: Any) -> dict[str, Any]:
    """Return title and message, from the fields of tomtoolkit's forms, and the user."""
    return {
        "user_id": getattr(user, "pk", None),
        "title": str(form_data.get("share_title") or ""),
        "message": str(form_data.get("share_message") or ""),
    }
