"""What a person changes while a worker is at work, with what it read before, is neither lost nor undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Q
from django.test import override_settings
from tom_targets.models import TargetList

from sharecore.addresses import Address
from sharecore.filters import Filter, Names
from tom.conftest import Tom
from tom_integration.mapping.columns import DATUM_MODELS
from tom_integration.models import ShareRule, write_filter
from tom_integration.outbox import open_outboxes
from tom_integration.outbox import rules as applied_rules
from tom_integration.services import rules, shares
from tom_integration.worker import run, take_up

Before = Callable[[Any, str, Callable[[], Any]], None]

pytestmark = pytest.mark.any_database


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Let something happen once, just before a function of a module is called."""

    def arrange(module: Any, name: str, act: Callable[[], Any]) -> None:
        real = getattr(module, name)

        def called(*args: Any, **others: Any) -> Any:
            monkeypatch.setattr(module, name, real)
            act()
            return real(*args, **others)

        monkeypatch.setattr(module, name, called)

    return arrange


def only(*bandpasses: str) -> Filter:
    return Filter(bandpasses=Names(only=bandpasses))


@pytest.fixture
def maker(tom: Tom) -> User:
    return User.objects.create_superuser("maker")


def rule_for(listed: TargetList, maker: User) -> ShareRule:
    """Make a rule for detections in r of the targets of a list."""
    return rules.make(
        name="Supernovae",
        address=Address("x"),
        creator=maker,
        scope="list",
        target_list_id=listed.pk,
        filter=only("r"),
    )


def ruled(tom: Tom, maker: User) -> tuple[ShareRule, Any, Any]:
    """Return a rule for detections in r, its target, and a datum in g from before the rule."""
    target, listed = tom.target(), TargetList.objects.create(name="Supernovae")
    listed.targets.add(target)
    old = tom.datum(target, bandpass="g")
    rule = rule_for(listed, maker)
    tom.deliver()
    return rule, target, old


def listed_elsewhere(tom: Tom, maker: User) -> tuple[ShareRule, TargetList, Any]:
    """Return a rule for an empty list, another list, and the target in that."""
    target = tom.target()
    one, other = (TargetList.objects.create(name=name) for name in ("Supernovae", "Novae"))
    other.targets.add(target)
    return rule_for(one, maker), other, target


def limited(tom: Tom) -> tuple[Any, Any]:
    """Return a target whose share sends detections in r, and a datum in g from before the share."""
    target = tom.target()
    old = tom.datum(target, bandpass="g")
    shares.make(target.pk, "x", user=None, limits={"filter": write_filter(only("r"))})
    tom.datum(target)
    assert tom.deliver() == 1
    return target, old


def test_a_filter_that_is_made_wider_twice_sends_nothing_from_before_the_share(
    tom: Tom, before: Before
) -> None:
    target, old = limited(tom)
    open_outboxes.limit(tom.outbox(target), filter=write_filter(only("r", "i")))
    before(take_up.delivery, "ask_anew", lambda: open_outboxes.limit(tom.outbox(target), filter=""))
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(old) == "baseline"


def test_a_filter_that_is_made_wider_while_its_destination_is_missing_sends_nothing_from_before(
    tom: Tom,
) -> None:
    target, old = limited(tom)
    with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
        open_outboxes.limit(tom.outbox(target), filter="")
        tom.deliver()
    new = tom.datum(target, bandpass="g")
    tom.deliver(after=600)
    assert (tom.state(old), tom.state(new)) == ("baseline", "delivered")


def test_a_rule_that_is_made_wider_as_a_look_begins_sends_nothing_from_before(
    tom: Tom, before: Before, maker: User
) -> None:
    rule, target, old = ruled(tom, maker)
    tom.datum(target)
    before(run, "find_target", lambda: rules.change(rule, by=maker, filter=Filter()))
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(old) == "baseline"


def test_existing_data_that_are_asked_for_while_a_wider_filter_is_looked_at_are_sent(
    tom: Tom, before: Before, maker: User
) -> None:
    rule, _, old = ruled(tom, maker)
    rules.change(rule, by=maker, filter=Filter())
    before(take_up.limits, "from_before", lambda: rules.change(rule, by=maker, existing=True))
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(old) == "delivered"


def test_existing_data_of_a_share_that_is_made_again_are_sent(tom: Tom, before: Before) -> None:
    target = tom.target()
    old = tom.datum(target)
    share = tom.share(target)
    tom.deliver()
    share.delete()
    everything = {name: Q() for name in DATUM_MODELS}
    before(run, "find_target", lambda: shares.make(target.pk, "x", user=None, limits={}, existing=everything))
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(old) == "delivered"


def test_a_rule_that_is_given_another_list_keeps_the_shares_that_another_worker_has_made(
    tom: Tom, before: Before, maker: User
) -> None:
    rule, other, target = listed_elsewhere(tom, maker)
    saved: list[Any] = []

    def meanwhile() -> None:
        rules.change(rule, by=maker, target_list_id=other.pk)
        assert applied_rules.apply_rules()
        saved.append(tom.datum(target))

    before(applied_rules, "highest_keys", meanwhile)
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(saved[0]) == "delivered"


def test_a_rule_that_is_given_another_list_as_it_is_applied_sends_nothing_from_before(
    tom: Tom, before: Before, maker: User
) -> None:
    rule, other, target = listed_elsewhere(tom, maker)
    saved: list[Any] = []

    def meanwhile() -> None:
        saved.append(tom.datum(target))
        rules.change(rule, by=maker, target_list_id=other.pk)

    before(applied_rules, "objection", meanwhile)
    tom.deliver()
    tom.deliver(after=60)
    assert tom.state(saved[0]) == "baseline"


def test_a_share_that_is_paused_as_it_is_moved_stays_paused(tom: Tom, before: Before, maker: User) -> None:
    target = tom.target()
    share = tom.share(target)
    before(open_outboxes, "open_outbox", lambda: shares.pause(share, by=maker))
    share.destination = "y"
    share.save()
    tom.datum(target)
    tom.deliver()
    assert not tom.y.received
    assert tom.outbox(target, "y").paused == "paused by maker"
