"""Share once, by hand: a target, its data, chosen data, the targets of a list, a data product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from sharecore.addresses import Address
from sharecore.delivery import NEEDS_PERSON, State
from sharecore.exceptions import ConfigurationError
from sharecore.records import Kind
from tom_integration import access, share_conflict, site
from tom_integration.mapping.data_files import FILE_MODEL, WITH_A_FILE
from tom_integration.mapping.kinds import CONDITIONS, conditions
from tom_integration.mapping.shareable_rows import CHOSEN_MODELS, time_column
from tom_integration.models import Delivery, OneTimeShare, Outbox
from tom_integration.pages import destination_choices, download, form_values, inventory, phrases, share_fields
from tom_integration.services.one_time import Selection, number_of, restricted, share_once, visible

DOWNLOAD = "download"
_FAILED = NEEDS_PERSON | {State.WITHHELD, State.UNSUPPORTED}
LISTED = 100
"""The number of newest data of each kind that can be chosen one by one."""


class OnceForm(forms.Form):
    """Choose a destination, a title and a message; `download` adds a file for the user to the choices.

    Destinations may have fields of their own: `fields_beside`.
    """

    share_destination = forms.ChoiceField(
        label="Destination", error_messages={"required": "Choose where the data are to go."}
    )
    share_title = forms.CharField(required=False, max_length=200, label="Title")
    share_message = forms.CharField(
        required=False, label="Message", max_length=5000, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, user: Any, download: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.addresses = destination_choices.choices(user)
        addresses = [choice.address for choice in self.addresses if not choice.reason]
        if download:
            addresses.append(DOWNLOAD)
        field = cast("forms.ChoiceField", self.fields["share_destination"])
        field.choices = [(address, address) for address in addresses]
        if given := self.data.get("share_destination"):
            # The forms of tomtoolkit offer what they found in the settings when the TOM started.
            why = share_conflict.unusable(user, given).replace("%", "%%")
            field.error_messages["invalid_choice"] = why or field.error_messages["invalid_choice"]
        self._address = given or ""
        self.fields_beside = share_fields.of_destinations(self.addresses, self._address, self.data)

    def clean(self) -> dict[str, Any]:
        """Check the fields of the chosen destination, too."""
        if mine := self._mine:
            self._blame(mine)
        return self.cleaned_data

    def check(self, target: Any, user: Any) -> str:
        """Let the adapter check the fields of a valid form; return a sentence where it could not."""
        remark = ""
        if mine := self._mine:
            remark = mine.check(self._address, target, user)
            self._blame(mine)
        return remark

    @property
    def values(self) -> dict[str, Any]:
        """Return the values of the fields of the chosen destination, in a valid form."""
        return mine.values() if (mine := self._mine) else {}

    def fault(self) -> str:
        """Return what is wrong first, for a page that does not show this form."""
        mine = self._mine.faults() if self._mine else ""
        return mine or next(str(errors[0]) for errors in self.errors.values())

    @property
    def _mine(self) -> share_fields.ShareFields | None:
        return next((each for each in self.fields_beside if each.form.is_bound), None)

    def _blame(self, mine: share_fields.ShareFields) -> None:
        if mine.form.errors:
            self.add_error(None, "Nothing has been shared. Correct what is marked.")

    @property
    def text(self) -> dict[str, Any]:
        """Return the title and the message of a valid form."""
        return {name: self.cleaned_data[f"share_{name}"] for name in ("title", "message")}


def carry_out(
    request: HttpRequest,
    target: Any,
    form: OnceForm,
    selection: Selection,
    *,
    nothing: str,
    onward: Callable[[], str],
    introduce: bool = False,
    remark: str = "",
) -> HttpResponseBase | None:
    """Share a selection once with the rights of the user, or return it as a file.

    Return None, with an error in the form, when that is not possible.

    Args:
        request: the request of the user.
        target: the target.
        form: the form, which is valid.
        selection: the data.
        nothing: the error for a selection without data.
        onward: called after the share is made; returns the URL of the page to go to.
        introduce: make the target itself known, even without data.
        remark: a sentence after the message of success.
    """
    address, text, user = form.cleaned_data["share_destination"], form.text, request.user
    if (address == DOWNLOAD or not introduce) and not number_of(target.pk, selection):
        form.add_error(None, nothing)
        return None
    if address == DOWNLOAD:
        return download.answer(target, selection, **text)
    if FILE_MODEL in selection and not site.takes_files(address):
        unfit = f"{site.label(address)} takes no files. Untick them, or choose another destination."
        form.add_error("share_destination", unfit)
        return None
    asks = site.asks_approval(address)
    if asks and not number_of(target.pk, selection):
        form.add_error(None, f"{target.name} goes there with approved data only. Choose some data.")
        return None
    unasked = form.check(target, user)
    if form.errors:
        return None
    more: dict[str, Any] = text | {"values": form.values, "introduce": introduce}
    try:
        queued = share_once(address, target.pk, selection, user_id=user.pk, **more)
    except ConfigurationError as error:
        form.add_error("share_destination", str(error))
        return None
    said = _message(user, queued, target, address, selection)
    remark = phrases.join("It waits until somebody approves it" if asks and queued else "", remark, unasked)
    messages.success(request, f"{said} {remark}".strip())
    return redirect(onward())


def _message(user: Any, queued: int, target: Any, address: str, selection: Selection) -> str:
    """Return a message that hides what the destination has from a user who may not know it."""
    asked, label = number_of(target.pk, selection), site.label(address)
    word = "file" if set(selection) == {FILE_MODEL} else "record"
    if not asked:
        return f"{target.name} will be made known to {label}, without data."
    if not may_follow(user, target, address):
        return (
            f"{phrases.number(asked, word)} of {target.name} will be sent to {label}, except what is there."
        )
    if queued:
        there = f" {asked - queued:,} more are there, or on their way." if asked > queued else ""
        return f"{phrases.number(queued, word)} of {target.name} will be sent to {label}.{there}"
    return f"Nothing new to send: {label} has these data of {target.name}, or will have them soon."


def may_follow(user: Any, target: Any, address: str) -> bool:
    """Return True when the user may see the deliveries of a target to an address, and so what is there."""
    return access.may(user, "view", outbox=Outbox.to(Address.parse(address), target.pk))


def failed(user: Any, one_time_share: OneTimeShare) -> str:
    """Return what did not arrive of a one-time share; empty while nothing is wrong.

    The text is for a user who may not see the rest: it does not tell what has arrived, or was there before.
    """
    mine = Delivery.objects.filter(one_time_share=one_time_share, state__in=_FAILED)
    rows = access.of_visible_data(user, mine).order_by("-pk")
    row = rows.first()
    if row is None:
        return ""
    said = f"{phrases.number(rows.count())} did not arrive, or may not have"
    return phrases.join(f"{said}: {row.reason}" if row.reason else said)


def selection_of(fields: Any, user: Any, target: Any) -> dict[str, Q]:
    """Return the ticked kinds, data and files of this target that the user may see."""
    known = {kind.value for kind in CONDITIONS}
    kinds = [Kind(value) for value in fields.getlist("kinds") if value in known]
    wanted = conditions(kinds) if kinds else {}
    for model, pks in _ticked(fields).items():
        single = Q(pk__in=pks) & WITH_A_FILE if model == FILE_MODEL else Q(pk__in=pks)
        whole = model in wanted and not wanted[model]
        wanted[model] = Q() if whole else wanted.get(model, single) | single
    return restricted(user, target.pk, wanted)


def _ticked(fields: Any) -> dict[str, list[int]]:
    """Return the ticked data: `model:pk` from our page, or keys of photometry from tomtoolkit's tables."""
    chosen: dict[str, list[int]] = {}
    for value in [*fields.getlist("datum"), *fields.getlist("share-box")]:
        model, _, key = value.rpartition(":")
        model = model or "photometryreduceddatum"
        if model in CHOSEN_MODELS and (pk := form_values.pk(key)) is not None:
            chosen.setdefault(model, []).append(pk)
    return chosen


def listed(user: Any, target: Any) -> list[dict[str, Any]]:
    """Return the data of a target by kind, with the newest of each kind to choose from."""
    numbers = inventory.count_by_kind(user, target.pk)
    return [
        {
            "value": kind.value,
            "label": inventory.KIND_LABELS[kind],
            "number": number,
            "data": _newest(user, target, kind),
        }
        for kind, number in numbers.items()
        if number
    ]


def _newest(user: Any, target: Any, kind: Kind) -> list[dict[str, Any]]:
    found: list[tuple[str, Any]] = []
    for model, condition in inventory.LISTED[kind].items():
        rows = visible(user, model, target.pk).filter(condition)
        if model == "spectroscopyreduceddatum":
            rows = rows.defer("flux", "wavelength", "error")
        found += [(model, row) for row in rows.order_by(f"-{time_column(model)}")[:LISTED]]
    found.sort(key=lambda each: getattr(each[1], time_column(each[0])), reverse=True)
    return [
        {
            "value": f"{model}:{row.pk}",
            "row": row,
            "time": getattr(row, time_column(model)),
            "what": inventory.describe(row),
        }
        for model, row in found[:LISTED]
    ]
