"""Show the fields of adapters beside a one-time share, check what is filled in there, and show it later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sharecore.addresses import Address
from sharecore.exceptions import ConfigurationError, DeliveryError
from sharecore.records import JsonValue
from sharecore.reports import ReportForm
from tom_integration import site
from tom_integration.models import OneTimeShare
from tom_integration.pages import destination_choices, phrases
from tom_integration.pages.destination_choices import Choice
from tom_integration.pages.report_form import FilledForm, in_words, label_of
from tom_integration.services.one_time import problems_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareFields:
    """Hold the fields of one destination."""

    id: str
    """See `Choice.fields_id`."""
    label: str
    """The name of the destination for people."""
    form: FilledForm

    def values(self) -> dict[str, JsonValue]:
        """Return the values of valid fields, without blank ones."""
        return self.form.values()

    def faults(self) -> str:
        """Return what is wrong with the fields, for people; empty where nothing is."""
        named = {name: str(field.label) for name, field in self.form.fields.items()}
        found = [
            f"{named[name]}: {text}" if name in named else text
            for name, texts in self.form.errors.items()
            for text in texts
        ]
        return " ".join(map(str, found))

    def check(self, address: str, target: Any, user: Any) -> str:
        """Ask the adapter about valid fields, and mark what it finds wrong; return why it could not tell."""
        try:
            self.form.blame(problems_of(address, target, self.values(), user=user))
        except (ConfigurationError, DeliveryError) as error:
            return phrases.join(f"{self.label} could not be asked about what you filled in: {error}")
        return ""


def of_destinations(choices: Iterable[Choice], chosen: str, data: Any) -> list[ShareFields]:
    """Return the fields of each destination that has some.

    Args:
        choices: the addresses that a person can choose.
        chosen: the chosen address; its fields are those that the person filled in.
        data: what the person filled in, as a request has it.
    """
    found: dict[str, ShareFields] = {}
    name = Address.parse(chosen).name
    for choice in choices:
        if not choice.fields or choice.fields_id in found:
            continue
        mine = Address.parse(choice.address).name == name
        form = ReportForm(name="share", label=choice.label, fields=tuple(choice.fields))
        filled = FilledForm(data if mine else None, form=form, offered={}, prefix=choice.fields_id)
        found[choice.fields_id] = ShareFields(id=choice.fields_id, label=choice.label, form=filled)
    return list(found.values())


def filled_in(share: OneTimeShare, address: Address) -> list[tuple[str, str]]:
    """Return label and text of each value that was filled in with a one-time share.

    A field that the adapter does not have any more has its name for a label.
    """
    if not share.values:
        return []
    fields = {each.name: each for each in destination_choices.fields_of(site.adapter_of(str(address)))}
    return [
        (label_of(fields[name]), in_words(value, dict(fields[name].choices)))
        if name in fields
        else (name, in_words(value, {}))
        for name, value in share.values.items()
    ]
