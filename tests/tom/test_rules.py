"""A rule shares the targets in its scope, those that come later, and ends the shares of those that leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission, User
from tom_targets.models import PersistentShare, TargetList

from sharecore.addresses import Address
from sharecore.filters import Filter, Names
from tom_integration.models import Delivery, ShareRule
from tom_integration.outbox.rules import apply_rules
from tom_integration.services import rules

if TYPE_CHECKING:
    from tom.conftest import Tom

X = Address("x")
ONLY_R = Filter(bandpasses=Names(only=("r",)))


@pytest.fixture
def listed(tom: Tom) -> TargetList:
    return TargetList.objects.create(name="Supernovae")


@pytest.fixture
def maker(tom: Tom) -> User:
    """A user who may add shares, and change every target."""
    user = tom.user(name="maker")
    for codename in ("add_persistentshare", "change_target"):
        user.user_permissions.add(Permission.objects.get(codename=codename))
    return user


def rule_for(listed: TargetList, maker: User, **others: Any) -> ShareRule:
    given: dict[str, Any] = {"name": "All supernovae", "address": X, "creator": maker, "scope": "list"}
    return rules.make(**given | {"target_list_id": listed.pk} | others)


def shared(destination: str = "x") -> set[str]:
    return set(PersistentShare.objects.filter(destination=destination).values_list("target__name", flat=True))


def apply() -> None:
    """What the next scan does."""
    ShareRule.objects.update(applied_at=None)
    assert apply_rules()


def test_targets_join_and_leave(tom: Tom, listed: TargetList, maker: User) -> None:
    first, second, other = tom.target("first"), tom.target("second"), tom.target("other")
    before = tom.datum(first)
    listed.targets.add(first)
    rule = rule_for(listed, maker)
    tom.deliver()
    assert shared() == {"first"}
    share = PersistentShare.objects.get()
    assert share.user == maker
    assert tom.outbox(first).rule == rule
    new = tom.datum(first)
    listed.targets.add(second)
    tom.deliver()
    assert shared() == {"first", "second"}
    assert (tom.state(before), tom.state(new)) == ("baseline", "delivered")
    listed.targets.remove(first)
    tom.deliver()
    assert shared() == {"second"}
    late = tom.datum(first)
    tom.datum(other)
    tom.deliver()
    assert len(tom.x.received) == 1
    assert not Delivery.objects.filter(datum_pk=late.pk).exists()
    listed.targets.add(first)
    tom.deliver()
    assert shared() == {"first", "second"}, "a target that comes back is shared again"
    assert tom.state(late) == "baseline"
