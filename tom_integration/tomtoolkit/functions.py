"""What the sharing functions of tomtoolkit do in a TOM with this app.

They keep their names, arguments and the form of their answers, and return at once: they write down what is
asked for, and the worker sends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model, Q
from tom_dataproducts.models import DataProduct

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError
from tom_integration import site, wake_up
from tom_integration.mapping.data_files import FILE_MODEL, SHARED_MODELS, WITH_A_FILE
from tom_integration.mapping.row_to_record import DATUM_MODELS
from tom_integration.models import OneTimeShare
from tom_integration.outbox import opening
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
    if error := _configuration_error(share_destination):
        return {"message": error}
    if product_id:
        product = DataProduct.objects.filter(pk=product_id).first()
        if product is None:
            return {"message": f"ERROR: there is no data product {product_id}."}
        chosen = {name: Q(data_product_id=product.pk) for name in DATUM_MODELS}
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
        return _queue(share_destination, form_data, {int(target_id): None})
    return {"message": "ERROR: No valid data to share."}


def share_target_with_tom(
    share_destination: str, form_data: Mapping[str, Any], target_lists: Iterable[Any] = (), user: Any = None
) -> Answer:
    """Make a target known at a destination, and a member of target lists there."""
    if error := _configuration_error(share_destination):
        return {"message": error}
    target = form_data["target"]
    _request(
        share_destination,
        target.pk,
        form_data,
        user,
        introduce=True,
        lists=[each.name for each in target_lists],
    )
    opening.look_at(target.pk, address=Address.parse(share_destination))
    wake_up.hint(target.pk, {})
    return {"message": f"Target {target.name} queued for {share_destination}."}


def share_target_and_all_data(share_destination: str, target: Any, user: Any) -> str:
    """Share once a target and all its data; the answer is for the user."""
    answer = share_target_with_tom(share_destination, {"target": target}, user=user)["message"]
    if answer.startswith("ERROR"):
        return answer
    queued = _ask(share_destination, target.pk, None, _request(share_destination, target.pk, {}, user))
    return f"{queued} records queued for {share_destination}."


def get_sharing_destination_options(include_download: bool = True) -> tuple[Any, ...]:
    """The choices of a form field: the destinations of `DATA_SHARING`, with their topics.

    tomtoolkit asks for them without the download while its modules are imported, before there may be a
    database: then the topics are those of the settings, else those that the destinations told.
    """
    if not include_download:
        return tuple(site.destinations().choices())
    return (("download", "download"), *topics.choices())


def _configuration_error(address: str) -> str:
    try:
        site.destinations().resolve(address)
    except ConfigurationError as error:
        return f"ERROR: {error}"
    return ""


def _queue(address: str, form_data: Any, by_target: Mapping[int, Mapping[str, Q] | None]) -> Answer:
    queued = sum(
        _ask(address, target_id, chosen, _request(address, target_id, form_data or {}, None))
        for target_id, chosen in by_target.items()
    )
    if queued:
        return {"message": f"{queued} records queued for {address}."}
    if any(_has_data(target_id, chosen) for target_id, chosen in by_target.items()):
        # Who asks is not known here, and so not whether they may know what the destination has.
        return {"message": f"Nothing new was queued for {address}."}
    return {"message": "ERROR: No valid data to share."}


def _request(
    address: str, target_id: int, form_data: Mapping[str, Any], user: Any, **introduction: Any
) -> OneTimeShare:
    return OneTimeShare.objects.create(
        outbox=opening.open_outbox(Address.parse(address), target_id),
        user_id=getattr(user, "pk", None),
        title=str(form_data.get("share_title") or "")[:200],
        message=str(form_data.get("share_message") or ""),
        **introduction,
    )


def _ask(address: str, target_id: int, chosen: Mapping[str, Q] | None, request: OneTimeShare) -> int:
    outbox = opening.open_outbox(Address.parse(address), target_id)
    queued = opening.ask_for(outbox, selection=chosen, request=request)
    wake_up.hint(target_id, {})
    return queued


def _has_data(target_id: int, chosen: Mapping[str, Q] | None) -> bool:
    conditions = {name: Q() for name in DATUM_MODELS} if chosen is None else chosen
    return any(
        SHARED_MODELS[name]._default_manager.filter(condition, target_id=target_id).exists()
        for name, condition in conditions.items()
    )
