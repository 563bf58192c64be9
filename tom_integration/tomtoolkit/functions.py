"""What the sharing functions of tomtoolkit do in a TOM with this app.

They keep their names, arguments and the form of their answers, and return at once: they write down what is
asked for, and the worker sends it.
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
from tom_integration.services.one_time import EVERYTHING, Selection, number_of, share_once
from tom_integration.worker import topics

Answer = dict[str, str]


def continuous_share_data(target: Any, reduced_datums: Any) -> None:
    """Share these data of a target with all its continuous shares.

    reduced_datums: a datum, or any iterable of data, saved or just created in bulk (without primary keys).
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
        photometry = DATUM_MODELS["photometryreduceddatum"]._default_manager.filter(
            pk__in=list(selected_data)
        )
        targets = set(photometry.values_list("target_id", flat=True))
        chosen = {"photometryreduceddatum": Q(pk__in=list(selected_data))}
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
        share_once(
            share_destination,
            target.pk,
            {},
            introduce=True,
            lists=[each.name for each in target_lists],
            **_said(form_data, user),
        )
    except ConfigurationError as error:
        return {"message": f"ERROR: {error}"}
    return {"message": f"Target {target.name} queued for {share_destination}."}


def share_target_and_all_data(share_destination: str, target: Any, user: Any) -> str:
    """Share once a target and all its data; the answer is for the user."""
    try:
        queued = share_once(share_destination, target.pk, EVERYTHING, introduce=True, **_said({}, user))
    except ConfigurationError as error:
        return f"ERROR: {error}"
    return f"{queued} records queued for {share_destination}."


def get_sharing_destination_options(include_download: bool = True) -> tuple[Any, ...]:
    """The choices of a form field: the destinations of `DATA_SHARING`, with their topics.

    tomtoolkit asks for them without the download while its modules are imported, before there may be a
    database: then the topics are those of the settings, else those that the destinations told.
    """
    if not include_download:
        return tuple(site.destinations().choices())
    return (("download", "download"), *topics.choices())


def _queue(destination: str, form_data: Any, by_target: Mapping[int, Selection]) -> Answer:
    said = _said(form_data or {}, None)
    try:
        queued = sum(
            share_once(destination, target_id, chosen, **said) for target_id, chosen in by_target.items()
        )
    except ConfigurationError as error:
        return {"message": f"ERROR: {error}"}
    if queued:
        return {"message": f"{queued} records queued for {destination}."}
    if any(number_of(target_id, chosen) for target_id, chosen in by_target.items()):
        # Who asks is not known here, and so not whether they may know what the destination has.
        return {"message": f"Nothing new was queued for {destination}."}
    return {"message": "ERROR: No valid data to share."}


def _said(form_data: Mapping[str, Any], user: Any) -> dict[str, Any]:
    """Title and message, as tomtoolkit's forms call them, and the user."""
    return {
        "user_id": getattr(user, "pk", None),
        "title": str(form_data.get("share_title") or ""),
        "message": str(form_data.get("share_message") or ""),
    }
