"""Share data products and ticked photometry by the buttons of a target's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from tom_dataproducts.models import DataProduct

from tom_integration import access, site
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE
from tom_integration.pages import one_time
from tom_integration.pages.guards import Page, target_or_404, visible_target_or_404
from tom_integration.services.one_time import EVERYTHING, Selection, restricted


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
        return _answer(request, target, form, selection, "There are no such data to share: tick some first.")


class DataProductShare(Page):
    """Serve POST `/dataproducts/data/<pk>/share/`: share a data product once, its data and its file."""

    def post(self, request: HttpRequest, dp_pk: int) -> HttpResponseBase:
        """Share for users who may share the product's target and see the product."""
        product = access.visible(request.user, DataProduct.objects.filter(pk=dp_pk)).first()
        if product is None:
            raise Http404("There is no such target.")  # the same words as for a hidden target
        target = target_or_404(request.user, product.target_id)
        mine = {model: Q(data_product_id=product.pk) for model in DATUM_MODELS}
        address, remark = request.POST.get("share_destination", ""), ""
        if address == one_time.DOWNLOAD or site.takes_files(address):
            mine[FILE_MODEL] = Q(pk=product.pk) & WITH_A_FILE
        else:
            remark = f"The file itself stays here: {site.label(address)} takes no files."
        form = one_time.OnceForm(request.POST, user=request.user, download=True)
        selection = restricted(request.user, target.pk, mine)
        nothing = f"{product} has no data that could be sent. {remark}".strip()
        return _answer(request, target, form, selection, nothing, remark)


def _answer(
    request: HttpRequest,
    target: Any,
    form: one_time.OnceForm,
    selection: Selection,
    nothing: str,
    remark: str = "",
) -> HttpResponseBase:
    """Share or download, and go back to the page of the target with a message."""
    page = reverse("targets:detail", args=[target.pk])
    if form.is_valid():
        done = one_time.carry_out(
            request, target, form, selection, nothing=nothing, onward=lambda: page, remark=remark
        )
        if done is not None:
            return done
    messages.error(request, form.fault())
    return redirect(page)
