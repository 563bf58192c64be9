"""A rule shares the targets in its scope, those that come later, and ends the shares of those that leave."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, OperationalError, connections
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import PersistentShare, Target, TargetExtra, TargetList

from sharecore.addresses import Address
from sharecore.filters import Filter, Names
from sharecore.outcomes import Accepted, Deferred, Outcome, Unconfirmed
from sharecore.records import Kind
from tom_integration.models import Delivery, Outbox, ShareRule, write_filter
from tom_integration.outbox import new_shares, open_outboxes
from tom_integration.outbox.rule_scope import unshared
from tom_integration.outbox.rules import apply_rules, asked
from tom_integration.services import rule_outlook, rules, shares
from tom_integration.worker import scan as scan_module
from tom_integration.worker.scan import Scan

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


@pytest.mark.parametrize("from_the_target", [False, True])
def test_a_list_that_changes_is_looked_at_before_the_next_scan(
    tom: Tom, listed: TargetList, maker: User, from_the_target: bool
) -> None:
    rule_for(listed, maker)
    tom.deliver()
    target, scan = tom.target(), Scan()
    scan.match_if_asked()
    if from_the_target:
        target.targetlist_set.add(listed)
    else:
        listed.targets.add(target)
    tom.commit()
    scan.match_if_asked()
    assert shared() == {target.name}
    if from_the_target:
        target.targetlist_set.clear()
    else:
        listed.targets.clear()
    tom.commit()
    scan.match_if_asked()
    assert not shared()


def test_a_left_target_sends_nothing_even_before_the_next_look_at_the_rule(
    tom: Tom, listed: TargetList, maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tom.target()
    listed.targets.add(target)
    rule_for(listed, maker)
    tom.deliver()
    listed.targets.clear()
    tom.datum(target)
    monkeypatch.setattr(Scan, "match", lambda scan: None)
    tom.deliver()
    assert not tom.x.received
    assert "does not belong to the rule" in tom.outbox(target).problem


def test_a_rule_that_ends_nothing_keeps_the_share_and_its_filter(
    tom: Tom, listed: TargetList, maker: User
) -> None:
    target = tom.target()
    listed.targets.add(target)
    rule = rule_for(listed, maker, ends=False, filter=ONLY_R)
    tom.deliver()
    listed.targets.clear()
    passing, other = tom.datum(target), tom.datum(target, bandpass="g")
    tom.deliver()
    assert shared() == {target.name}
    assert tom.outbox(target).rule == rule
    assert tom.state(passing) == "delivered"
    assert not Delivery.objects.filter(datum_pk=other.pk).exists()


def test_tags_and_all_targets(tom: Tom, maker: User) -> None:
    targets = [tom.target(name) for name in ("kilonova", "other kind", "untagged")]
    for target, value in zip(targets, ("KN", "SN"), strict=False):
        TargetExtra.objects.create(target=target, key="class", value=value)
    rules.make(name="a", address=X, creator=maker, scope="extra", extra_key="class", extra_value="KN")
    tom.deliver()
    assert shared() == {"kilonova"}
    rules.make(name="b", address=Address("y"), creator=maker, scope="extra", extra_key="class")
    tom.deliver()
    assert shared("y") == {"kilonova", "other kind"}
    rules.make(name="c", address=X, creator=maker, scope="all")
    tom.deliver()
    assert shared() == {"kilonova", "other kind", "untagged"}
    assert tom.outbox(targets[0]).rule.name == "a", "the share of the first rule stays its own"


def test_what_the_creator_may_not_share_is_skipped_and_said(tom: Tom, listed: TargetList) -> None:
    permitted, other = tom.target("permitted"), tom.target("other")
    user = tom.user(permitted)
    user.user_permissions.add(Permission.objects.get(codename="add_persistentshare"))
    listed.targets.add(permitted, other)
    rule = rule_for(listed, user)
    outlook = rule_outlook.outlook(rule, seen_by=user)
    assert (outlook.targets, outlook.skipped, outlook.shares) == (1, 1, 1)
    tom.deliver()
    rule.refresh_from_db()
    assert (shared(), rule.skipped, rule.problem) == ({"permitted"}, 1, "")
    assign_perm("tom_targets.change_target", user, other)
    apply()
    assert shared() == {"permitted", "other"}


def test_a_machine_that_is_slow_makes_all_shares_in_one_round(
    tom: Tom, listed: TargetList, maker: User, portions: int
) -> None:
    """What the creator may not share was counted by the next look only, under load."""
    listed.targets.add(*many(tom, 2 * portions))
    rule = rule_for(listed, tom.user(Target.objects.first()))
    rule_for(listed, maker, address=Address("y"))
    with patch.object(scan_module, "MATCHING_SECONDS", 0):
        tom.deliver()
    rule.refresh_from_db()
    assert rule.skipped == 2 * portions - 1
    assert len(shared("y")) == 2 * portions


def test_a_share_that_a_person_ended_stays_ended_whichever_rule_means_it(
    tom: Tom, listed: TargetList, maker: User
) -> None:
    target = tom.target()
    listed.targets.add(target)
    rule = rule_for(listed, maker)
    rule_for(listed, maker, name="again")
    tom.deliver()
    PersistentShare.objects.all().delete()
    tom.datum(target)
    for _ in range(3):
        apply()
    tom.deliver()
    assert not shared()
    assert not tom.x.received
    assert rule_outlook.outlook(rule, seen_by=maker).ended == 1
    tom.share(target)
    assert tom.outbox(target).rule is None
    listed.targets.clear()
    apply()
    assert shared() == {target.name}, "a share made by hand since then is no rule's"


def test_a_share_made_by_hand_is_left_alone(tom: Tom, listed: TargetList, maker: User) -> None:
    target = tom.target()
    mine = tom.share(target)
    listed.targets.add(target)
    rule = rule_for(listed, maker, filter=ONLY_R)
    outlook = rule_outlook.outlook(rule, seen_by=maker)
    assert (outlook.shared_already, outlook.shares) == (1, 0)
    datum = tom.datum(target, bandpass="g")
    tom.deliver()
    assert tom.state(datum) == "delivered"
    listed.targets.clear()
    apply()
    rules.end(rule)
    apply()
    assert list(PersistentShare.objects.all()) == [mine]


class TestLosses:
    """A mistake ends no share and sends nothing."""

    @pytest.fixture
    def target(self, tom: Tom, listed: TargetList) -> Target:
        target = tom.target()
        listed.targets.add(target)
        return target

    @pytest.fixture
    def rule(self, tom: Tom, target: Target, listed: TargetList, maker: User) -> ShareRule:
        rule = rule_for(listed, maker)
        tom.deliver()
        assert shared() == {target.name}
        return rule

    def problem(self, rule: ShareRule) -> str:
        apply()
        return ShareRule.objects.get(pk=rule.pk).problem

    def test_the_list(self, tom: Tom, rule: ShareRule, target: Target, listed: TargetList) -> None:
        listed.delete()
        assert self.problem(rule).startswith("its target list was deleted")
        datum = tom.datum(target)
        tom.deliver()
        assert (shared(), tom.state(datum)) == ({target.name}, "delivered")

    def test_the_right_to_add(self, tom: Tom, rule: ShareRule, listed: TargetList, maker: User) -> None:
        maker.user_permissions.remove(Permission.objects.get(codename="add_persistentshare"))
        listed.targets.add(tom.target())
        assert "maker, who made this rule, has no right to add shares" in self.problem(rule)
        assert PersistentShare.objects.count() == 1

    def test_the_right_on_the_target(
        self, tom: Tom, rule: ShareRule, target: Target, listed: TargetList, maker: User
    ) -> None:
        right = Permission.objects.get(codename="change_target")
        maker.user_permissions.remove(right)
        datum = tom.datum(target)
        tom.deliver()
        assert not tom.x.received
        assert "no right to change the target" in tom.outbox(target).problem
        assert shared() == {target.name}
        maker.user_permissions.add(right)
        tom.deliver(after=600)
        assert tom.state(datum) == "delivered", "what came in meanwhile is not lost"

    @pytest.mark.parametrize("loss", ["deleted", "inactive"])
    def test_the_creator(self, tom: Tom, rule: ShareRule, listed: TargetList, maker: User, loss: str) -> None:
        if loss == "deleted":
            maker.delete()
        else:
            User.objects.update(is_active=False)
        target = tom.target()
        listed.targets.add(target)
        tom.datum(target)
        assert "who made this rule" in self.problem(rule)
        tom.deliver()
        assert not tom.x.received
        assert PersistentShare.objects.count() == 1

    def test_the_destination(self, tom: Tom, rule: ShareRule, listed: TargetList) -> None:
        listed.targets.add(tom.target())
        with override_settings(DATA_SHARING={"y": {"ADAPTER": "memory"}}):
            assert "'x'" in self.problem(rule)
            assert PersistentShare.objects.count() == 1
        assert self.problem(rule) == ""
        assert PersistentShare.objects.count() == 2

    def test_the_group_of_the_destination(self, tom: Tom, rule: ShareRule, listed: TargetList) -> None:
        listed.targets.add(tom.target())
        with override_settings(DATA_SHARING={"x": {"ADAPTER": "memory", "GROUPS": ["Members"]}}):
            assert "is not a member of the group Members" in self.problem(rule)
        assert PersistentShare.objects.count() == 1

    def test_the_rule_without_its_end(self, tom: Tom, rule: ShareRule, target: Target) -> None:
        """Deleted in the shell: its filter must not be lifted by that."""
        tom.datum(target)
        rule.delete()
        tom.deliver()
        assert not tom.x.received
        outbox = tom.outbox(target)
        assert outbox.rule is None
        assert "was deleted" in outbox.pause

    def test_another_user_who_saves_it_answers_for_it(
        self, tom: Tom, rule: ShareRule, target: Target, listed: TargetList, maker: User, admin_user: User
    ) -> None:
        adopted = tom.target()
        listed.targets.add(adopted)
        apply()
        third = tom.user(adopted)
        PersistentShare.objects.get(target=adopted).delete()
        tom.share(adopted, user=third)
        maker.is_active = False
        maker.save()
        datum = tom.datum(target)
        tom.deliver()
        rules.change(rule, by=admin_user)
        tom.deliver(after=600)
        assert tom.state(datum) == "delivered"
        assert PersistentShare.objects.get(target=target).user == admin_user
        assert PersistentShare.objects.get(target=adopted).user == third


class TestData:
    def test_existing_data_go_when_the_rule_says_so(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        passing, other = tom.datum(target), tom.datum(target, bandpass="g")
        listed.targets.add(target)
        rule = rule_for(listed, maker, existing=True, filter=ONLY_R)
        outlook = rule_outlook.outlook(rule, seen_by=maker)
        assert (outlook.data, outlook.all_data) == (1, 2)
        tom.deliver()
        assert tom.state(passing) == "delivered"
        assert not Delivery.objects.filter(datum_pk=other.pk).exists()
        rules.change(rule, by=maker, filter=Filter())
        tom.deliver()
        assert tom.state(other) == "delivered", "all that is there is promised"
        assert len(tom.x.received) == 2

    def test_only_one_kind_of_data(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        listed.targets.add(target)
        rule_for(listed, maker, filter=Filter(kinds=(Kind.PHOTOMETRY,)))
        tom.deliver()
        datum = tom.datum(target)
        tom.deliver()
        assert tom.state(datum) == "delivered"

    def test_a_wider_filter_sends_no_data_from_before(
        self, tom: Tom, listed: TargetList, maker: User
    ) -> None:
        target = tom.target()
        before = tom.datum(target, bandpass="g")
        listed.targets.add(target)
        rule = rule_for(listed, maker, filter=ONLY_R)
        tom.deliver()
        sent, kept = tom.datum(target), tom.datum(target, bandpass="g")
        tom.deliver()
        assert [tom.state(sent), Delivery.objects.filter(datum_pk=kept.pk).count()] == ["delivered", 0]
        rules.change(rule, by=maker, filter=Filter())
        tom.deliver()
        assert (tom.state(before), tom.state(kept)) == ("baseline", "delivered")
        rules.change(rule, by=maker, filter=Filter(bandpasses=Names(only=("i",))))
        late = tom.datum(target)
        tom.deliver()
        assert not Delivery.objects.filter(datum_pk=late.pk).exists()
        assert len(tom.x.received) == 2, "nothing is sent twice"

    def test_existing_data_can_be_asked_for_later(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        before, other = tom.datum(target), tom.datum(target, bandpass="g")
        listed.targets.add(target)
        rule = rule_for(listed, maker, filter=ONLY_R)
        tom.deliver()
        assert not tom.x.received
        rules.change(rule, by=maker, existing=True)
        tom.deliver()
        assert tom.state(before) == "delivered"
        assert not Delivery.objects.filter(datum_pk=other.pk).exists()

    def test_what_a_person_set_on_the_share_stays_and_holds_beside_the_rule(
        self, tom: Tom, listed: TargetList, maker: User
    ) -> None:
        target = tom.target()
        listed.targets.add(target)
        rule = rule_for(listed, maker)
        tom.deliver()
        share = PersistentShare.objects.get()
        open_outboxes.limit(tom.outbox(target), filter=write_filter(ONLY_R))
        rules.change(rule, by=maker, filter=Filter(telescopes=Names(but_not=("FTN",))))
        both, one, other = (
            tom.datum(target),
            tom.datum(target, telescope="FTN"),
            tom.datum(target, bandpass="g"),
        )
        tom.deliver()
        assert tom.state(both) == "delivered"
        assert not Delivery.objects.filter(datum_pk__in=[one.pk, other.pk]).exists()
        shares.pause(share, by=maker)
        rules.pause(rule, by=maker)
        rules.resume(rule)
        tom.datum(target)
        tom.deliver()
        assert len(tom.x.received) == 1, "the share is paused by a person"

    def test_until(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        listed.targets.add(target)
        rule_for(listed, maker, until=tom.clock.now + timedelta(hours=1))
        tom.deliver()
        tom.clock.forward(hours=2)
        late = tom.datum(target)
        listed.targets.add(tom.target())
        tom.deliver()
        assert not tom.x.received
        assert shared() == {target.name}, "a target that joins later is not shared"
        assert not Delivery.objects.filter(datum_pk=late.pk).exists()

    def test_pause_and_resume(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        listed.targets.add(target)
        rule = rule_for(listed, maker)
        tom.deliver()
        rules.pause(rule, by=maker)
        datum = tom.datum(target)
        listed.targets.add(tom.target())
        tom.deliver()
        assert not tom.x.received
        assert tom.outbox(target).pause == "the rule All supernovae is paused by maker"
        assert shared() == {target.name}
        rules.resume(rule)
        tom.deliver()
        assert tom.state(datum) == "delivered"
        assert PersistentShare.objects.count() == 2


class TestTwoRules:
    def test_a_share_that_one_rule_ends_goes_on_under_the_other(
        self, tom: Tom, listed: TargetList, maker: User, admin_user: User
    ) -> None:
        target = tom.target()
        others = TargetList.objects.create(name="Others")
        for each in (listed, others):
            each.targets.add(target)
        rule_for(listed, maker, filter=ONLY_R)
        second = rule_for(others, admin_user)
        tom.deliver()
        tom.x.will(Deferred(reason="busy"), times=1)
        waiting, kept = tom.datum(target), tom.datum(target, bandpass="g")
        tom.deliver()
        listed.targets.clear()
        unseen = tom.datum(target)
        apply()
        assert tom.outbox(target).rule == second
        assert PersistentShare.objects.get().user == admin_user
        tom.deliver_until_quiet(hours=1)
        assert tom.state(waiting) == tom.state(unseen) == "delivered"
        assert tom.state(kept) == "baseline", "nobody had asked for it"
        new = tom.datum(target, bandpass="g")
        tom.deliver()
        assert tom.state(new) == "delivered"

    def test_one_that_shares_existing_data_takes_over_with_them(
        self, tom: Tom, listed: TargetList, maker: User
    ) -> None:
        target = tom.target()
        listed.targets.add(target)
        before, other = tom.datum(target), tom.datum(target, bandpass="g")
        first = rule_for(listed, maker, filter=ONLY_R)
        rule_for(listed, maker, name="all of it", existing=True)
        tom.deliver()
        assert not tom.x.received
        rules.end(first)
        tom.deliver()
        assert (tom.state(before), tom.state(other)) == ("delivered", "delivered")

    def test_one_with_a_filter_that_cannot_be_read_ends_all_the_same(
        self, tom: Tom, listed: TargetList, maker: User
    ) -> None:
        target = tom.target()
        listed.targets.add(target)
        first, second = rule_for(listed, maker), rule_for(listed, maker, name="second")
        tom.deliver()
        ShareRule.objects.filter(pk=first.pk).update(filter='{"version": 99}')
        rules.end(first)
        apply()
        assert (ShareRule.objects.get(), tom.outbox(target).rule) == (second, second)

    def test_ended(self, tom: Tom, listed: TargetList, maker: User) -> None:
        target = tom.target()
        listed.targets.add(target)
        first, second = rule_for(listed, maker), rule_for(listed, maker, name="second")
        tom.deliver()
        share = PersistentShare.objects.get()
        rules.end(first)
        unseen = tom.datum(target)
        apply()
        assert (PersistentShare.objects.get(), tom.outbox(target).rule) == (share, second)
        tom.deliver()
        assert tom.state(unseen) == "delivered", "nothing is lost between the two"


ENDING = "the rule All supernovae is being ended"


def test_an_ended_rule_takes_its_shares_along(
    tom: Tom, listed: TargetList, maker: User, django_assert_max_num_queries: Any
) -> None:
    targets = [tom.target() for _ in range(3)]
    listed.targets.add(*targets)
    rule = rule_for(listed, maker)
    tom.deliver()
    PersistentShare.objects.filter(target=targets[0]).delete()
    tom.x.will(Deferred(reason="busy"), times=1)
    waiting = tom.datum(targets[1])
    tom.deliver()
    with django_assert_max_num_queries(4):
        rules.end(rule)
    assert (tom.outbox(targets[1]).pause, ShareRule.objects.get().ending) == (ENDING, True)
    tom.clock.forward(hours=1)
    with patch.object(scan_module, "MATCHING_SECONDS", 0):
        tom.deliver()
    assert not ShareRule.objects.exists()
    tom.deliver_until_quiet(hours=1)
    assert not shared()
    assert tom.state(waiting) == "cancelled"
    assert not Outbox.objects.filter(rule__isnull=False).exists()
    rule_for(listed, maker)
    tom.deliver()
    assert len(shared()) == 3


@pytest.mark.parametrize(
    "answer", [Accepted(remote_id="a"), Deferred(reason="busy"), Unconfirmed(reason="?")]
)
def test_a_rule_that_is_ended_during_a_call(
    tom: Tom, listed: TargetList, maker: User, answer: Outcome
) -> None:
    """What is on its way is settled; nothing follows it."""
    target = tom.target()
    listed.targets.add(target)
    rule = rule_for(listed, maker)
    tom.x.max_batch = 1
    tom.x.can_tell = False
    tom.deliver()

    def meanwhile(record: Any) -> Outcome:
        rules.end(rule)
        apply()
        return answer

    tom.x.will(meanwhile, times=1)
    tom.data(target, 3)
    tom.deliver()
    tom.deliver_until_quiet(hours=24)
    assert not ShareRule.objects.exists()
    assert not shared()
    assert len(tom.x.calls) == 1
    settled = {"Accepted": "delivered", "Deferred": "cancelled", "Unconfirmed": "needs_review"}
    assert sorted(tom.states()) == sorted(["cancelled", "cancelled", settled[type(answer).__name__]])


def test_a_share_that_another_rule_takes_over_during_a_call_goes_on(
    tom: Tom, listed: TargetList, maker: User
) -> None:
    target = tom.target()
    listed.targets.add(target)
    rule = rule_for(listed, maker)
    other = rule_for(listed, maker, name="other")
    tom.x.max_batch = 1
    tom.deliver()

    def meanwhile(record: Any) -> Outcome:
        rules.end(rule)
        apply()
        return Accepted(remote_id="a")

    tom.x.will(meanwhile, times=1)
    tom.data(target, 3)
    tom.deliver_until_quiet(hours=1)
    assert tom.states() == ["delivered"] * 3
    assert tom.x.repeated == ()
    assert tom.outbox(target).rule == other


def test_another_destination_and_another_list(tom: Tom, listed: TargetList, maker: User) -> None:
    first, second = tom.target("first"), tom.target("second")
    listed.targets.add(first)
    others = TargetList.objects.create(name="Others")
    others.targets.add(second)
    rule = rule_for(listed, maker, ends=False)
    tom.deliver()
    rule = rules.change(rule, by=maker, address=Address("y"))
    tom.deliver()
    assert (shared(), shared("y")) == (set(), {"first"})
    rule = rules.change(rule, by=maker, target_list_id=others.pk)
    tom.deliver()
    assert shared("y") == {"first", "second"}
    rules.change(rule, by=maker, ends=True)
    tom.deliver()
    assert shared("y") == {"second"}


def test_a_share_of_a_rule_cannot_move(tom: Tom, listed: TargetList, maker: User, admin: Client) -> None:
    target = tom.target()
    listed.targets.add(target)
    rule_for(listed, maker)
    tom.deliver()
    share = PersistentShare.objects.get()
    url = f"/targets/persistentshare/{share.pk}/"
    answer = admin.patch(url, {"destination": "y"}, content_type="application/json")
    assert answer.status_code == 400
    assert "The rule All supernovae made this share: change the rule" in answer.json()["destination"][0]
    answer = admin.patch(url, {"filter": {"own": True}}, content_type="application/json")
    assert answer.status_code == 200, "its own limits can be changed"
    assert answer.json()["rule"] == tom.outbox(target).rule_id


def test_a_merged_target_is_judged_by_its_own_lists(tom: Tom, listed: TargetList, maker: User) -> None:
    kept, merged = tom.target(), tom.target()
    listed.targets.add(merged)
    rule_for(listed, maker)
    tom.deliver()
    PersistentShare.objects.update(target=kept)
    merged.delete()
    tom.deliver()
    tom.datum(kept)
    tom.deliver()
    assert not tom.x.received
    assert not shared()


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> int:
    """Targets in one transaction."""
    monkeypatch.setattr(new_shares, "TARGETS", 20)
    return 20


def many(tom: Tom, number: int) -> list[Target]:
    return Target.objects.bulk_create(
        Target(name=f"many {each}", type="SIDEREAL", ra=1, dec=1) for each in range(number)
    )


def test_many_targets_take_few_queries(
    tom: Tom, listed: TargetList, maker: User, portions: int, django_assert_max_num_queries: Any
) -> None:
    targets = many(tom, 3 * portions)
    PhotometryReducedDatum.objects.bulk_create(tom.unsaved(target) for target in targets)
    with django_assert_max_num_queries(2):
        listed.targets.add(*targets)
    rule = rule_for(listed, maker)
    with django_assert_max_num_queries(4 * 35):
        assert apply_rules()
    assert len(shared()) == 3 * portions
    assert Delivery.objects.filter(state="baseline").count() == 3 * portions
    with django_assert_max_num_queries(20):
        rule_outlook.outlook(rule, seen_by=maker)
    ShareRule.objects.update(applied_at=None)
    with django_assert_max_num_queries(26):
        assert apply_rules()
    listed.targets.clear()
    ShareRule.objects.update(applied_at=None)
    assert apply_rules()
    assert not shared()


def test_targets_with_many_data_are_shared_a_few_at_a_time(
    tom: Tom, listed: TargetList, maker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_shares, "DATA", 10)
    targets = many(tom, 5)
    for target, number in zip(targets, (12, 4, 6, 1, 0), strict=True):
        tom.data(target, number)
    listed.targets.add(*targets)
    rule_for(listed, maker)
    sizes = []
    while not apply_rules(seconds=0):
        sizes.append(len(shared()))
    assert sizes == [1, 3, 5]
    assert Delivery.objects.count() == 23


def test_a_look_ends_in_time_and_the_next_goes_on(
    tom: Tom, listed: TargetList, maker: User, portions: int
) -> None:
    listed.targets.add(*many(tom, 3 * portions))
    rule_for(listed, maker)
    assert not apply_rules(seconds=0)
    assert len(shared()) == portions
    assert asked(), "another process can go on"
    scan = Scan()
    with patch.object(scan_module, "MATCHING_SECONDS", 0):
        scan.outboxes()
        assert scan.more_shares
        while scan.more_shares:
            scan.match()
    assert len(shared()) == 3 * portions


def test_a_broken_rule_does_not_keep_others_from_running(
    tom: Tom, listed: TargetList, maker: User, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    listed.targets.add(tom.target())
    broken, sound = rule_for(listed, maker, name="broken"), rule_for(listed, maker, address=Address("y"))
    ShareRule.objects.filter(pk=broken.pk).update(scope="unheard of")
    assert apply_rules()
    assert len(shared("y")) == 1
    assert ShareRule.objects.get(pk=broken.pk).problem.startswith("an error in sharecore")
    assert "could not be applied" in caplog.text
    assert ShareRule.objects.get(pk=sound.pk).problem == ""


@pytest.mark.django_db(transaction=True)
def test_workers_that_look_at_once_make_each_share_once(
    tom: Tom, listed: TargetList, maker: User, portions: int
) -> None:
    targets = many(tom, 5 * portions)
    listed.targets.add(*targets)
    rule = rule_for(listed, maker)
    start = threading.Barrier(3)

    def look() -> None:
        start.wait()
        try:
            for _ in range(20):  # A busy database is tried again, as at the next look.
                with suppress(OperationalError):
                    if apply_rules():
                        return
        finally:
            connections.close_all()

    def by_hand() -> None:
        start.wait()
        try:
            for target in reversed(targets):
                with suppress(IntegrityError, OperationalError):
                    tom.share(target, user=maker)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=each) for each in (look, look, by_hand)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    apply()
    assert len(shared()) == PersistentShare.objects.count() == 5 * portions
    attached = Outbox.objects.filter(share_id__in=PersistentShare.objects.values("pk"))
    assert attached.count() == 5 * portions
    assert set(attached.values_list("rule", flat=True)) <= {rule.pk, None}


def test_data_that_come_before_a_worker_has_made_the_shares_are_promised(tom: Tom) -> None:
    target, later = tom.target(), tom.target()
    followed = TargetList.objects.create(name="Follow-up")
    followed.targets.add(target)
    before = tom.datum(target)
    old = tom.datum(later)
    creator = User.objects.create_superuser("maker")
    rules.make(
        name="Follow-up", address=Address("x"), creator=creator, scope="list", target_list_id=followed.pk
    )
    at_once = tom.datum(target)
    tom.deliver()
    assert (tom.state(before), tom.state(at_once)) == ("baseline", "delivered")
    followed.targets.add(later)
    joined = tom.datum(later)
    tom.deliver(after=60)
    assert (tom.state(old), tom.state(joined)) == ("baseline", "delivered")


def test_a_target_that_joins_a_paused_rule_keeps_what_it_had_before_at_home(tom: Tom) -> None:
    followed = TargetList.objects.create(name="Follow-up")
    creator = User.objects.create_superuser("maker")
    rule = rules.make(
        name="Follow-up", address=Address("x"), creator=creator, scope="list", target_list_id=followed.pk
    )
    tom.deliver()
    rules.pause(rule, by=creator)
    target = tom.target()
    before = tom.datum(target)
    tom.deliver(after=60)
    followed.targets.add(target)
    tom.deliver(after=60)
    meanwhile = tom.datum(target)
    tom.deliver(after=60)
    assert tom.states() == []
    rules.resume(rule)
    tom.deliver(after=60)
    assert (tom.state(before), tom.state(meanwhile)) == ("baseline", "delivered")


def test_a_look_that_makes_no_share_because_others_are_faster_forgets_no_promise(tom: Tom) -> None:
    followed = TargetList.objects.create(name="Follow-up")
    creator = User.objects.create_superuser("maker")
    rules.make(
        name="Follow-up", address=Address("x"), creator=creator, scope="list", target_list_id=followed.pk
    )
    tom.deliver()
    target = tom.target()
    followed.targets.add(target)
    meanwhile = tom.datum(target)
    with patch("tom_integration.outbox.rules.attach_new", side_effect=IntegrityError):
        tom.deliver(after=60)
    assert tom.states() == []
    tom.deliver(after=60)
    assert tom.state(meanwhile) == "delivered"


def test_a_look_at_a_rule_asks_once_whether_a_target_waits(tom: Tom) -> None:
    followed = TargetList.objects.create(name="Follow-up")
    followed.targets.add(tom.target())
    creator = User.objects.create_superuser("maker")
    rule = rules.make(
        name="Follow-up", address=Address("x"), creator=creator, scope="list", target_list_id=followed.pk
    )
    apply_rules()
    ShareRule.objects.filter(pk=rule.pk).update(applied_at=None)
    with patch("tom_integration.outbox.rules.unshared", wraps=unshared) as asked:
        apply_rules()
    assert asked.call_count == 1
