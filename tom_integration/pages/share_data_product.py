"""Share data products and ticked photometry by the buttons of a target's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from tom_dataproducts.models import DataProduct

from sharecore.exceptions import ConfigurationError
from tom_integration import access, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE
from tom_integration.pages import download, one_time
from tom_integration.pages.guards import Page, target_or_404, visible_target_or_404
from tom_integration.services.one_time import EVERYTHING, number_of, restricted


class TargetDataShare(Page):
    """Serve POST `/dataproducts/target/<pk>/share/`: share ticked data once, or return a file."""

    def post(self, request: HttpRequest, tg_pk: int) -> HttpResponseBase:
        """Return a file to users who may see the target; share for users who may share it."""
        form = one_time.OnceForm(request.POST, user=request.user, download=True)
        downloading = request.POST.get("share_destination") == one_time.DOWNLOAD
        find = visible_target_or_404 if downloading else target_or_404
        target = find(request.user, tg_pk)
        selection = one_time.selection_of(request.POST, request.user, target)
        if not selection and not downloading:
            selection = restricted(request.user, target.pk, EVERYTHING)
        if not form.is_valid():
            return _refused(request, target, _first_error(form))
        data = form.cleaned_data
        if not number_of(target.pk, selection):
            return _refused(request, target, "There are no such data to share: tick some first.")
        if objection := one_time.objection_to_files(data["share_destination"], selection):
            return _refused(request, target, objection)
        if downloading:
            return download.answer(target, selection, data["share_title"], data["share_message"])
        return _send(request, target, data, selection, "")


class DataProductShare(Page):
    """Serve POST `/dataproducts/data/<pk>/share/`: share a data product once, its data and its file."""

    def post(self, request: HttpRequest, dp_pk: int) -> HttpResponseBase:
        """Share for users who may share the product's target and see the product."""
        product = DataProduct.objects.filter(pk=dp_pk).first()
        if product is None or not _visible(request.user, product):
            raise Http404("There is no such target.")  # the same words as for a hidden target
        target = target_or_404(request.user, product.target_id)
        form = one_time.OnceForm(request.POST, user=request.user, download=True)
        if not form.is_valid():
            return _refused(request, target, _first_error(form))
        data = form.cleaned_data
        address = data["share_destination"]
        mine = {model: Q(data_product_id=product.pk) for model in DATUM_MODELS}
        remark = ""
        if address == one_time.DOWNLOAD or site.takes_files(address):
            mine[FILE_MODEL] = Q(pk=product.pk) & WITH_A_FILE
        else:
            remark = f"The file itself stays here: {site.label(address)} takes no files."
        selection = restricted(request.user, target.pk, mine)
        if not number_of(target.pk, selection):
            return _refused(request, target, f"{product} has no data that could be sent. {remark}".strip())
        if address == one_time.DOWNLOAD:
            return download.answer(target, selection, data["share_title"], data["share_message"])
        return _send(request, target, data, selection, remark)


def _send(
    request: HttpRequest, target: Any, data: dict[str, Any], selection: dict[str, Q], remark: str
) -> HttpResponse:
    try:
        message = one_time.ask(request.user, target, data, selection)
    except ConfigurationError as error:
        return _refused(request, target, str(error))
    messages.success(request, f"{message} {remark}".strip())
    return redirect("targets:detail", target.pk)


def _refused(request: HttpRequest, target: Any, why: str) -> HttpResponse:
    messages.error(request, why)
    return redirect("targets:detail", target.pk)


def _first_error(form: one_time.OnceForm) -> str:
    return next(str(errors[0]) for errors in form.errors.values())


def _visible(user: Any, product: DataProduct) -> bool:
    if not access.single_data_have_rights():
        return True
    right = "tom_dataproducts.view_dataproduct"
    return bool(user.has_perm(right) or user.has_perm(right, product))
