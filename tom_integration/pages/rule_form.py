"""Define the form of a rule: the targets, the destination, the filter and the dates."""

from __future__ import annotations

from typing import Any

from django import forms
from tom_targets.models import TargetExtra

from sharecore.addresses import Address
from sharecore.filters import Filter
from tom_integration import access, site
from tom_integration.models import ShareRule
from tom_integration.pages.destination_form import DestinationForm
from tom_integration.services import rules

KEYS = 50
"""Names of extra fields that are suggested."""


class RuleForm(DestinationForm):
    """Make or change a rule."""

    name = forms.CharField(required=False, max_length=200, label="Name")
    scope = forms.ChoiceField(
        label="Which targets",
        choices=ShareRule.Scope.choices,
        error_messages={"required": "Choose which targets are to be shared."},
    )
    extra_key = forms.CharField(required=False, max_length=200, label="Tag or extra field")
    extra_value = forms.CharField(required=False, max_length=1000, label="Value")
    existing = forms.BooleanField(required=False, label="Share existing data too")
    ends = forms.BooleanField(required=False, label="End the share of a target that leaves")

    def __init__(self, *args: Any, user: Any, rule: ShareRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, limited=rule, **kwargs)
        self.user, self.rule = user, rule
        self.lists = list(access.lists_for(user).order_by("name", "pk"))
        self.fields["target_list"] = forms.TypedChoiceField(
            required=False,
            coerce=int,
            empty_value=None,
            label="List",
            choices=[(each.pk, each.name) for each in self.lists],
            initial=rule.target_list_id if rule else None,
        )
        # `faults` says what is wrong with an address that cannot be chosen any more.
        self.offer(user, chosen=str(rule.address) if rule else "")
        for name in ("name", "scope", "extra_key", "extra_value", "existing"):
            self.fields[name].initial = getattr(rule, name) if rule else ""
        self.fields["ends"].initial = rule.ends if rule else True

    @property
    def keys(self) -> list[str]:
        """Return names of tags and extra fields in this TOM."""
        targets = access.targets_for_shares(self.user).values("pk")
        extras = TargetExtra.objects.filter(target_id__in=targets).order_by("key")
        return list(extras.values_list("key", flat=True).distinct()[:KEYS])

    @property
    def columns(self) -> rules.RuleFields:
        """Return the fields of the rule that a form without errors means."""
        data, scope = self.cleaned_data, self.cleaned_data["scope"]
        of_extra = scope == ShareRule.Scope.EXTRA
        return {
            "name": data["name"] or self._named(),
            "address": Address.parse(data["destination"]),
            "scope": scope,
            "target_list_id": data["target_list"] if scope == ShareRule.Scope.LIST else None,
            "extra_key": data["extra_key"] if of_extra else "",
            "extra_value": data["extra_value"] if of_extra else "",
            "filter": self.filter or Filter(),
            "until": data["until"],
            "release_days": data["release_days"] or 0,
            "not_before": data["not_before"],
            "existing": data["existing"],
            "ends": data["ends"],
        }

    @property
    def draft(self) -> ShareRule:
        """Return the rule that a form without errors means; it is not saved."""
        return rules.draft(self.rule, creator=self.user, **self.columns)

    def clean(self) -> dict[str, Any]:
        """Note what is wrong with the rule beside the fields."""
        if not self.errors:
            for name, problem in rules.faults(self.draft, by=self.user).items():
                self.add_error(name, problem)
        return self.cleaned_data

    def _named(self) -> str:
        data = self.cleaned_data
        match data["scope"]:
            case ShareRule.Scope.LIST:
                names = {each.pk: each.name for each in self.lists}
                targets = names.get(data["target_list"], "")
            case ShareRule.Scope.EXTRA:
                targets = " = ".join(filter(None, (data["extra_key"], data["extra_value"])))
            case _:
                targets = f"All targets of {self.user.get_username()}"
        return f"{targets[:100]} to {site.label(data['destination'])}"[:200]
