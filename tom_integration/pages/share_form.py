"""Define the form of a new continuous share."""

from __future__ import annotations

from typing import Any

from django import forms

from tom_integration import access, share_conflict
from tom_integration.pages import target_search
from tom_integration.pages.destination_form import DestinationForm


class ShareForm(DestinationForm):
    """Choose the destination, the target (unless it is fixed), and the limits of a new share."""

    target = forms.IntegerField(required=False, max_value=2**63 - 1, widget=forms.HiddenInput)
    target_name = forms.CharField(required=False, max_length=200, label="Target")
    share_existing_data = forms.BooleanField(required=False, label="Share existing data too")

    def __init__(self, *args: Any, user: Any, target: Any | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fixed_target = target
        self.offer(user, shared=self._shared(target))

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
