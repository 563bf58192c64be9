"""Count what a rule would do, for who makes or changes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from tom_targets.models import PersistentShare

from tom_integration import access, site
from tom_integration.models import Outbox, ShareRule
from tom_integration.outbox import limits
from tom_integration.outbox.rule_scope import out_of_reach, targets
from tom_integration.services import passing_data


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRule:
    """Hold a rule that shares some of the targets of another one there."""

    rule: int
    """Its primary key."""
    name: str
    targets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutlook:
    """Hold what a rule would do now."""

    targets: int
    """Targets in its scope that its creator may share."""
    shared_already: int
    """Of these, targets that are shared there already, not by this rule: those shares stay as they are, and
    its filter and dates do not hold for them.
    """
    by_rules: tuple[OtherRule, ...]
    """Of those, how many are shared by which other rules."""
    ended: int
    """Of these, targets whose share by a rule a person has ended: they stay ended."""
    skipped: int
    """Targets in its scope that its creator may not share."""
    data: int
    """Data that pass the filters now, of the targets that the rule shares or would share."""
    all_data: int
    """All data of these targets."""

    @property
    def shares(self) -> int:
        """Return how many targets the rule shares or would share."""
        return self.targets - self.shared_already - self.ended


def outlook(rule: ShareRule, *, seen_by: Any) -> RuleOutlook:
    """Return what a rule would do now.

    Args:
        rule: the rule; it need not be saved.
        seen_by: the user who asks; other rules are named only if they may view them.

    Raises:
        ConfigurationError: a newer version of this app wrote its filter.
    """
    chosen = targets(rule)
    here = PersistentShare.objects.filter(destination=str(rule.address))
    outboxes = Outbox.objects.at(rule.address)
    mine = outboxes.filter(rule=rule, share_id__isnull=False) if rule.pk else outboxes.none()
    others = here.exclude(pk__in=mine.values("share_id"))
    ended = outboxes.filter(share_id__isnull=True, rule__isnull=False)
    shared_already = chosen.filter(pk__in=others.values("target_id"))
    stopped = chosen.filter(pk__in=ended.values("target_id"))
    shared = chosen.exclude(pk__in=others.values("target_id")).exclude(pk__in=ended.values("target_id"))
    whole = limits.of_destination(site.destinations().get(rule.destination))
    data = passing_data.count(
        access.find_creator(rule.creator_id),
        Q(target_id__in=shared.values("pk")),
        filter(None, (*whole.filters, rule.chosen)),
    )
    return RuleOutlook(
        targets=chosen.count(),
        shared_already=shared_already.count(),
        by_rules=tuple(_by_rules(outboxes.filter(target_id__in=shared_already.values("pk")), rule, seen_by)),
        ended=stopped.count(),
        skipped=out_of_reach(rule),
        data=data.passing,
        all_data=data.total,
    )


def _by_rules(outboxes: QuerySet[Outbox], rule: ShareRule, user: Any) -> Iterator[OtherRule]:
    """Yield the other rules that made shares among these outboxes, of those that a user may view."""
    seen = access.rules_for(user, "view").exclude(pk=rule.pk)
    made = outboxes.filter(share_id__isnull=False, rule__in=seen.values("pk")).order_by()
    numbers = made.values("rule", "rule__name").annotate(number=Count("pk")).order_by("-number", "rule")
    for each in numbers:
        yield OtherRule(rule=each["rule"], name=each["rule__name"], targets=each["number"])
