"""A target that two sites share stays one, whatever each of them calls it later."""

from __future__ import annotations

from typing import Any

import pytest
from tom_dataproducts.models import PhotometryReducedDatum
from tom_targets.models import Target

from sharecore.testing.examples import SITE, example_record
from tom.conftest import Tom
from tom.incoming import Sender, body, outcomes
from tom_integration import site
from tom_integration.models import TargetKey
from tom_integration.outbox import target_keys

THEIRS = {SITE.origin: "5.1767323045678901"}


def test_renamed_at_both_sites(sender: Sender, target: Any) -> None:
    record = example_record()
    sender.send(target.name, record, target_keys=THEIRS)
    Target.objects.update(name="our own name")
    members = {"target_keys": THEIRS, "create_target": True}
    assert outcomes(sender.send("their new name", record, **members)) == ["duplicate"]
    assert outcomes(sender.send("their new name", example_record(), **members)) == ["accepted"]
    assert Target.objects.count() == 1
    assert PhotometryReducedDatum.objects.filter(target=target).count() == 2


def test_a_pair_goes_before_a_name(tom: Tom, target: Any) -> None:
    other = tom.target("SN 2026xyz")
    sender = Sender(tom.user(target, other))
    sender.send(target.name, example_record(), target_keys=THEIRS)
    answer = sender.post(body(other.name, example_record(), target_keys=THEIRS))
    assert answer.json()["target"]["id"] == target.pk


def test_what_was_received_goes_back_into_its_own_target(tom: Tom, sender: Sender, target: Any) -> None:
    """The other site was told our name of it, and tells it us."""
    keys = {site.origin(): target_keys.keys_of(target)[site.origin()], **THEIRS}
    assert outcomes(sender.send("renamed there", example_record(), target_keys=keys)) == ["accepted"]
    assert TargetKey.objects.get().target_id == target.pk


def test_what_is_sent_names_the_target_for_the_site_that_sent_it(
    tom: Tom, sender: Sender, target: Any
) -> None:
    sender.send(target.name, example_record(), target_keys=THEIRS)
    tom.share(target)
    tom.datum(target)
    tom.deliver()
    keys = tom.x.calls[0].target_keys
    assert keys == {**THEIRS, site.origin(): keys[site.origin()]}
    Target.objects.update(name="renamed")
    assert target_keys.find({site.origin(): keys[site.origin()]}) == target.pk


def test_a_key_that_the_site_did_not_give_itself_counts_for_nothing(
    tom: Tom, sender: Sender, target: Any
) -> None:
    """Else one site could lead the data of another one into a target of its choice."""
    foreign = {"a-third-site": "7.1"}
    sender.send(target.name, example_record(), target_keys=foreign | THEIRS)
    third = Sender(tom.user(target))
    site_of_third = {"origin": "a-third-site", "name": "Third"}
    answer = third.post(body("elsewhere", example_record(), target_keys=foreign, site=site_of_third))
    assert answer.json()["code"] == "no-target"


def test_a_target_of_a_restored_database_with_the_same_number(sender: Sender, target: Any) -> None:
    key = target_keys.keys_of(target)[site.origin()]
    made_before = f"{target.pk}.1"
    for claimed in (made_before, "x", "", "9" * 30, f"{target.pk}", "٣.1"):
        assert target_keys.find({site.origin(): claimed}) is None
    assert target_keys.find({site.origin(): key}) == target.pk


def test_a_target_that_is_gone_is_looked_for_by_name(sender: Sender, tom: Tom, target: Any) -> None:
    sender.send(target.name, example_record(), target_keys=THEIRS)
    target.delete()
    members = {"target_keys": THEIRS, "create_target": True}
    target_of_body = {"name": "SN 2026abc", "position": {"ra": 10.0, "dec": -20.0}}
    assert outcomes(sender.send("SN 2026abc", example_record(), target=target_of_body, **members)) == [
        "accepted"
    ]
    assert TargetKey.objects.get().target_id == Target.objects.get().pk


def test_without_rights_on_the_pair_nothing_is_made(tom: Tom, sender: Sender, target: Any) -> None:
    from guardian.shortcuts import remove_perm

    sender.send(target.name, example_record(), target_keys=THEIRS)
    for user in tom_users():
        remove_perm("tom_targets.change_target", user, target)
    answer = sender.post(body("renamed", example_record(), target_keys=THEIRS, create_target=True))
    assert (answer.status_code, answer.json()["code"]) == (403, "no-right")
    assert Target.objects.count() == 1


def tom_users() -> Any:
    from django.contrib.auth.models import User

    return User.objects.filter(username__startswith="user")


@pytest.mark.parametrize(
    "keys", [[], "x", {"a": 1}, {"a": ""}, {"a": "x" * 65}, {"a\0": "1"}, {"\ud800": "1"}, {"a": {}}]
)
def test_keys_of_another_form(sender: Sender, target: Any, keys: Any) -> None:
    answer = sender.post(body(target.name, example_record(), target_keys=keys))
    assert (answer.status_code, answer.json()["field"].partition("[")[0]) == (400, "target_keys")
