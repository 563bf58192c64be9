"""Write the rules as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import Count, Q
from tom_targets.models import TargetList

from sharecore.exceptions import ConfigurationError
from tom_integration import site
from tom_integration.management.output import Line
from tom_integration.models import ShareRule
from tom_integration.pages import phrases


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold a rule with what is told of it."""

    rule: ShareRule
    shares: int
    creator: str
    """The user name; empty when the user was deleted."""
    list_name: str
    """The name of its target list; empty when there is none."""

    @property
    def scope(self) -> str:
        """Return its targets for people."""
        match ShareRule.Scope(self.rule.scope):
            case ShareRule.Scope.LIST:
                return f"the list {self.list_name}" if self.list_name else "a list that was deleted"
            case ShareRule.Scope.EXTRA:
                value = f" = {self.rule.extra_value}" if self.rule.extra_value else ""
                return f"targets with {self.rule.extra_key}{value}"
            case ShareRule.Scope.ALL:
                return f"all targets of {self.creator or 'a deleted user'}"

    @property
    def filter(self) -> str:
        """Return its filter as a sentence."""
        try:
            return str(self.rule.chosen)
        except ConfigurationError as error:
            return str(error)


def read() -> list[Listed]:
    """Return all rules in the order in which they were made."""
    made = Count("outboxes", filter=Q(outboxes__share_id__isnull=False))
    found = list(ShareRule.objects.annotate(made=made).order_by("pk"))
    users = get_user_model().objects.in_bulk({each.creator_id for each in found} - {None})
    lists = TargetList.objects.in_bulk({each.target_list_id for each in found} - {None})
    return [
        Listed(
            rule=each,
            shares=each.made,
            creator=users[each.creator_id].get_username() if each.creator_id in users else "",
            list_name=lists[each.target_list_id].name if each.target_list_id in lists else "",
        )
        for each in found
    ]


def lines(found: Iterable[Listed]) -> Iterator[Line]:
    """Yield the lines that tell of rules, what needs a person among them."""
    none = True
    for each in found:
        none = False
        rule = each.rule
        yield Line(f"{rule.pk} {rule.name}: {each.scope} to {site.label(str(rule.address))}")
        made = phrases.number(each.shares, "share")
        yield Line(f"    {made}, by {each.creator or 'a deleted user'}. {each.filter}")
        if rule.skipped:
            many = phrases.number(rule.skipped, "target")
            yield Line(f"    {many} skipped: its creator may not share them", alarming=True)
        for reason in filter(None, (rule.halted, rule.problem)):
            yield Line(f"    {reason}", alarming=True)
    if none:
        yield Line("There is no rule.")
