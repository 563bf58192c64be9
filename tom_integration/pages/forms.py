"""Define the forms of a continuous share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.utils import timezone

from sharecore.filters import Filter
from sharecore.records import DATA_KINDS, Kind
from tom_integration import access, share_conflict
from tom_integration.models import Outbox, write_filter
from tom_integration.pages import destination_choices, inventory, target_search


class LimitsForm(forms.Form):
    """Limit a share, new or with an outbox, to kinds of data and to a time."""

    kinds = forms.MultipleChoiceField(
        label="Which data",
        choices=[(kind.value, inventory.KIND_LABELS[kind]) for kind in DATA_KINDS],
        error_messages={"required": "Choose at least one kind of data."},
    )
    until = forms.DateTimeField(required=False, label="Until (UTC)")

    def __init__(self, *args: Any, outbox: Outbox | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.present = outbox.until if outbox else None
        self.filter = outbox.chosen if outbox else Filter()
        kinds = self.filter.kinds
        self.fields["kinds"].initial = kinds or [kind.value for kind in DATA_KINDS]
        if self.present:
            self.fields["until"].initial = f"{self.present.astimezone(UTC):%Y-%m-%dT%H:%M}"

    @property
    def limits(self) -> dict[str, Any]:
        """Return the columns of the share's limits."""
        kinds = tuple(Kind(value) for value in self.cleaned_data["kinds"])
        chosen = replace(self.filter, kinds=() if len(kinds) == len(DATA_KINDS) else kinds)
        return {"filter": write_filter(chosen), "until": self.cleaned_data["until"]}

    @property
    def choices(self) -> list[dict[str, Any]]:
        """Return the kinds as the page shows them."""
        chosen = self["kinds"].value() or []
        return [
            {
                "kind": kind,
                "value": kind.value,
                "label": inventory.KIND_LABELS[kind],
                "checked": kind.value in chosen,
            }
            for kind in DATA_KINDS
        ]

    def clean_until(self) -> datetime | None:
        """Return a future time in UTC, or the present limit of the share."""
        until: datetime | None = self.cleaned_data["until"]
        if until is None:
            return None
        # The browser's field has no time zone, and no seconds; its label says UTC.
        until = until.replace(tzinfo=UTC)
        if self.present and until == self.present.replace(second=0, microsecond=0):
            return self.present
        if until <= timezone.now():
            raise forms.ValidationError("This time is over. Give a time in the future, or leave it empty.")
        return until


class ShareForm(LimitsForm):
    """Choose the destination, the target (unless it is fixed), and the limits of a new share."""

    destination = forms.ChoiceField(
        label="Destination", error_messages={"required": "Choose where the data are to go."}
    )
    target = forms.IntegerField(required=False, max_value=2**63 - 1, widget=forms.HiddenInput)
    target_name = forms.CharField(required=False, max_length=200, label="Target")
    share_existing_data = forms.BooleanField(required=False, label="Share existing data too")

    def __init__(self, *args: Any, user: Any, target: Any | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fixed_target = target
        shared = self._shared(target)
        self.addresses = destination_choices.choices(self.user, shared)
        usable = [choice.address for choice in self.addresses if not choice.reason]
        field = cast("forms.ChoiceField", self.fields["destination"])
        field.choices = [(address, address) for address in usable]
        if len(usable) == 1 and usable[0] not in shared:
            self.fields["destination"].initial = usable[0]

    def clean(self) -> dict[str, Any]:
        """Find the target, and reject a second share of it to the same address."""
        data = self.cleaned_data
        data["target_object"] = self._target(data)
        target, address = data["target_object"], data.get("destination")
        if (
            target
            and address
            and (problem := share_conflict.taken(self.user, target.pk, address, name=target.name))
        ):
            self.add_error("destination", problem)
        return data

    def _shared(self, target: Any | None) -> frozenset[str]:
        """Return the addresses of the continuous shares of a target that the user may view."""
        shares = access.shares_for(self.user, "view").filter(target_id=target.pk if target else None)
        return frozenset(shares.values_list("destination", flat=True))

    def _target(self, data: dict[str, Any]) -> Any | None:
        allowed = access.targets_for_shares(self.user)
        if self.fixed_target is not None:
            data["target"] = self.fixed_target.pk
        typed = data.get("target_name", "").strip()
        if data.get("target"):
            found = allowed.filter(pk=data["target"]).first()
        else:
            found = target_search.exact(self.user, typed) if typed else None
        if found is None:
            known = "There is no such target among those that you may share."
            self.add_error("target_name", known if typed or data.get("target") else "Choose a target.")
        return found
