"""Define the form of the destination of shares, with their limits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from django import forms

from tom_integration.pages import destination_choices
from tom_integration.pages.limits_form import LimitsForm


class DestinationForm(LimitsForm):
    """Choose the destination and the limits of shares; `offer` fills in the destinations."""

    destination = forms.ChoiceField(
        label="Destination", error_messages={"required": "Choose where the data are to go."}
    )

    def offer(self, user: Any, *, shared: Collection[str] = (), chosen: str = "") -> None:
        """Offer the addresses that a user can choose, and suggest one.

        Args:
            user: the user.
            shared: the addresses to which the target is shared already.
            chosen: the present address, which stays possible; empty for none.
        """
        self.addresses = destination_choices.choices(user, shared)
        usable = [choice.address for choice in self.addresses if not choice.reason]
        suggested = usable[0] if len(usable) == 1 and usable[0] not in shared else ""
        if chosen and chosen not in usable:
            usable.append(chosen)
        field = cast("forms.ChoiceField", self.fields["destination"])
        field.choices = [(address, address) for address in usable]
        field.initial = chosen or suggested or None
