"""Take over from tomtoolkit, at these points and no others.

* Functions: the code of each stock function is replaced, not its name, so that a module that imported it
  before this app was ready, a TOM's own DataProcessor for example, calls ours as well.
* Signals: the stock handlers that share inside `save()` are disconnected.
* Routes: ours are resolved before the stock ones of the same URL; their names still reverse to it.
* Template tags: those that show continuous sharing, in the library `targets_extras`, are replaced; those of
  photometry and spectra, in `dataproduct_extras`, show more.
* Tables: those of targets and of target lists get buttons, in whatever template a TOM shows them.

A point that cannot be taken over, because tomtoolkit moved it or other code wrapped it, does not stop the
TOM: `missed` has the reason, and the system checks report it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pkgutil import resolve_name
from types import FunctionType
from typing import Any

from django.db.models.signals import post_save
from tom_dataproducts.models import REDUCED_DATUM_MODELS


# The code of these functions replaces that of the stock functions: same arguments, and no closures.
def _continuous_share_data(target, reduced_datums):  # type: ignore[no-untyped-def]
    from tom_integration.tomtoolkit import functions

    return functions.continuous_share_data(target, reduced_datums)


def _share_target_with_tom(share_destination, form_data, target_lists=(), user=None):  # type: ignore[no-untyped-def]
    from tom_integration.tomtoolkit import functions

    return functions.share_target_with_tom(share_destination, form_data, target_lists, user)


def _share_target_and_all_data(share_destination, target, user):  # type: ignore[no-untyped-def]
    from tom_integration.tomtoolkit import functions

    return functions.share_target_and_all_data(share_destination, target, user)


def _share_data_with_tom(  # type: ignore[no-untyped-def]
    share_destination, form_data, product_id=None, target_id=None, selected_data=None
):
    from tom_integration.tomtoolkit import functions

    return functions.share_data_with_tom(share_destination, form_data, product_id, target_id, selected_data)


def _get_sharing_destination_options(include_download=True):  # type: ignore[no-untyped-def]
    from tom_integration.tomtoolkit import functions

    return functions.get_sharing_destination_options(include_download)


def _raise_403(self, request):  # type: ignore[no-untyped-def]
    from tom_integration.api import refusals
    from tom_integration.outbox import activity
    from tom_integration.tomtoolkit import takeover

    with activity.acting(request=request):
        return refusals.answer(self, request, takeover.stock_raise_403)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "tom_targets.sharing:continuous_share_data": _continuous_share_data,
    "tom_targets.sharing:share_target_with_tom": _share_target_with_tom,
    "tom_targets.sharing:share_target_and_all_data": _share_target_and_all_data,
    "tom_dataproducts.sharing:share_data_with_tom": _share_data_with_tom,
    "tom_dataproducts.sharing:get_sharing_destination_options": _get_sharing_destination_options,
    "tom_common.middleware:Raise403Middleware.__call__": _raise_403,
}
"""Our functions, by the stock function that gets their code."""

missed: dict[str, str] = {}
"""The reasons, by the points that could not be taken over."""

stock_raise_403: Callable[..., Any]
"""A copy of the stock function, for all paths of other apps."""

ROUTES: Mapping[str, str] = {
    "/targets/persistentshare/": "tom_integration.api.shares",
    "/targets/persistentshare/1/": "tom_integration.api.shares",
    "/targets/1/persistentshare/": "tom_integration.api.shares",
    "/targets/1/share/": "tom_integration.pages.share_target",
    "/targets/targetgrouping/1/share/": "tom_integration.pages.share_target",
    "/targets/sharerule/": "tom_integration.api.rules",
    "/targets/shareactivity/": "tom_integration.api.activity",
    "/targets/1/reports/": "tom_integration.api.reports",
    "/targets/persistentshare/manage/": "tom_integration.pages.share_list",
    "/targets/persistentshare/manage/table": "tom_integration.pages.share_list",
    "/targets/1/persistentshare/manage/": "tom_integration.pages.share_list",
    "/targets/1/persistentshare/manage/table": "tom_integration.pages.share_list",
    "/dataproducts/data/1/share/": "tom_integration.pages.share_data_product",
    "/dataproducts/target/1/share/": "tom_integration.pages.share_data_product",
    "/api/sharing/": "tom_integration.inbox.views",
    "/api/sharing/batch/": "tom_integration.inbox.views",
}
"""The modules of our views, by path; most paths are those of tomtoolkit."""


def take_over() -> None:
    """Replace stock functions and tags and disconnect stock handlers, in any order of `INSTALLED_APPS`."""
    for point, ours in FUNCTIONS.items():
        _attempt(point, partial(_replace, point, ours))
    _attempt("tom_targets.signals.handlers:cb_reduceddatum_post_save", _disconnect)
    _attempt("tom_targets.templatetags.targets_extras:register", _replace_tags)
    _attempt("tom_dataproducts.templatetags.dataproduct_extras:register", _extend_tags)
    if find_spec("tom_targets.tables") is not None:  # Older versions have no tables.
        _attempt("tom_targets.tables:TargetTable", _extend_tables)


def _stock_function(point: str) -> FunctionType:
    """Return the function of tomtoolkit at `module:name`, without the wrappers of other code.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such name.
        TypeError: the name is not of a function.
    """
    function = inspect.unwrap(resolve_name(point))
    if not isinstance(function, FunctionType):
        raise TypeError(f"it is a {type(function).__name__}, not a function")
    return function


def replaced_by_others() -> list[str]:
    """Return the stock functions that no longer have our code."""
    return [point for point, ours in FUNCTIONS.items() if not _is_ours(point, ours)]


def _is_ours(point: str, ours: Callable[..., Any]) -> bool:
    try:
        return _stock_function(point).__code__ is ours.__code__
    except (ImportError, AttributeError, TypeError):
        return False


def _attempt(point: str, take: Callable[[], None]) -> None:
    try:
        take()
    except Exception as error:  # One point that moved must not stop the TOM or the other points.
        missed[point] = f"{type(error).__name__}: {error}"


def _replace(point: str, ours: Callable[..., Any]) -> None:
    global stock_raise_403
    stock = _stock_function(point)
    if stock.__code__ is ours.__code__:
        return
    if ours is _raise_403:
        stock_raise_403 = FunctionType(stock.__code__, stock.__globals__)
    stock.__code__ = ours.__code__


def _disconnect() -> None:
    # Import it only to disconnect: the import connects the handlers, which tomtoolkit does when it is ready.
    from tom_targets.signals import handlers

    for model in REDUCED_DATUM_MODELS:
        post_save.disconnect(handlers.cb_reduceddatum_post_save, sender=model)


def heard_by_stock() -> list[type[Any]]:
    """Return the models whose stock handler is connected (again)."""
    try:
        from tom_targets.signals import handlers
    except ImportError:
        return []  # It moved: `missed` has the reason.

    # A signal tells whether a receiver is connected only by disconnecting it.
    connected = [
        model
        for model in REDUCED_DATUM_MODELS
        if post_save.disconnect(handlers.cb_reduceddatum_post_save, sender=model)
    ]
    for model in connected:
        post_save.connect(handlers.cb_reduceddatum_post_save, sender=model)
    return connected


def _replace_tags() -> None:
    from tom_targets.templatetags.targets_extras import register

    from tom_integration.tomtoolkit import sharing_tags

    partials = "tom_integration/partials"
    register.inclusion_tag(f"{partials}/create_share.html", takes_context=True)(
        sharing_tags.create_persistent_share
    )
    register.inclusion_tag(f"{partials}/share_table.html", takes_context=True)(
        sharing_tags.persistent_share_table
    )


def _extend_tags() -> None:
    from tom_dataproducts.templatetags.dataproduct_extras import register

    from tom_integration.tomtoolkit import target_tags

    target_tags.extend(register, "get_photometry_data", target_tags.photometry)
    target_tags.extend(register, "spectroscopy_for_target", target_tags.spectra)


def _extend_tables() -> None:
    """Add buttons to the tables; tables of a TOM that derive from them later have the buttons as well."""
    from django_tables2 import TemplateColumn
    from tom_targets.tables import TargetGroupTable, TargetTable

    for options in (TargetTable._meta, TargetTable.Meta):
        options.template_name = "tom_integration/target_table.html"
    columns = TargetGroupTable.base_columns
    columns["share"] = TemplateColumn(
        template_name="tom_integration/partials/list_actions.html", verbose_name="Share", orderable=False
    )
    columns.move_to_end("id")  # the button that deletes a list
