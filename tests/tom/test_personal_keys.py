"""Each person shares with their own key: whose key carries what, and whose trouble stops whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Q
from django.test import override_settings
from tom_common.models import Profile
from tom_targets.models import Target

from sharecore import (
    Accepted,
    Batch,
    Deferred,
    DestinationError,
    DestinationType,
    Unconfirmed,
    hookimpl,
    secrets,
)
from sharecore.delivery import undecidable
from sharecore.secrets import repeats_secret
from sharecore.testing import MemoryPlugin, installed
from sharecore.testing.memory_adapter import MemoryAdapter
from tom.conftest import DATA_SHARING, Tom
from tom_integration import personal_keys, site
from tom_integration.models import Activity, Delivery, KeyRefusal, OneTimeShare, Outbox, PersonalKey
from tom_integration.outbox import open_outboxes, transitions
from tom_integration.services import personal_keys as keys
from tom_integration.services import shares
from tom_integration.services.withdraw import withdraw

AMY, BOB = "amy-0123456789-key", "bob-9876543210-key"


@pytest.fixture(autouse=True)
def personal(tom: Tom) -> Iterator[None]:
    entry = {"ADAPTER": "memory", "CREDENTIALS": "user"}
    with override_settings(DATA_SHARING=DATA_SHARING | {"x": entry}):
        yield


@pytest.fixture
def amy(tom: Tom, target: Target) -> User:
    return tom.user(target, name="amy")


@pytest.fixture
def bob(tom: Tom, target: Target) -> User:
    return tom.user(target, name="bob")


def give(user: User, key: str) -> None:
    keys.give(user, site.destinations()["x"], {"PASSWORD": key})


def once(tom: Tom, target: Target, user: User | None, datum: Any) -> OneTimeShare:
    """Share a datum once, as this user."""
    outbox = open_outboxes.open_outbox(tom.outbox(target).address, target.pk)
    share = OneTimeShare.objects.create(outbox=outbox, user_id=user.pk if user else None)
    kind = type(datum)._meta.object_name.lower()
    open_outboxes.ask_for(outbox, selection={kind: Q(pk=datum.pk)}, one_time_share=share)
    return share


def delivered_with(tom: Tom) -> list[str]:
    return [password for what, password in tom.x.asked if what == "deliver"]


def test_each_share_goes_with_the_key_of_its_user(tom: Tom, target: Target, amy: User, bob: User) -> None:
    other = tom.target()
    bob = tom.user(other, name="bobby")
    give(amy, AMY)
    give(bob, BOB)
    tom.share(target, user=amy)
    tom.share(other, user=bob)
    first, second = tom.datum(target), tom.datum(other)
    tom.deliver()
    assert (tom.state(first), tom.state(second)) == ("delivered", "delivered")
    sent = {batch.target.name: key for batch, key in zip(tom.x.calls, delivered_with(tom), strict=True)}
    assert sent == {target.name: AMY, other.name: BOB}


def test_one_outbox_is_sent_with_the_key_of_each(tom: Tom, target: Target, amy: User, bob: User) -> None:
    give(amy, AMY)
    give(bob, BOB)
    before = tom.datum(target)
    tom.share(target, user=amy)
    tom.deliver()
    once(tom, target, bob, before)
    new = tom.datum(target)
    tom.deliver()
    assert (tom.state(before), tom.state(new)) == ("delivered", "delivered")
    carried = {
        batch.records[0].timestamp: (key, batch.shared_by)
        for batch, key in zip(tom.x.calls, delivered_with(tom), strict=True)
    }
    assert carried == {new.timestamp: (AMY, "amy"), before.timestamp: (BOB, "bob")}


def test_who_adopts_a_share_during_its_backlog_sends_the_rest_with_their_key(
    tom: Tom, target: Target, amy: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(amy, AMY)
    give(bob, BOB)
    tom.x.max_batch = 1
    tom.share(target, user=amy)
    data = tom.data(target, 3)
    deliver = MemoryAdapter.deliver

    def adopt(adapter: MemoryAdapter, batch: Batch) -> Any:
        Outbox.objects.filter(target_id=target.pk).update(creator_id=bob.pk)
        return deliver(adapter, batch)

    monkeypatch.setattr(MemoryAdapter, "deliver", adopt)
    tom.deliver()
    tom.deliver(after=60)
    assert {tom.state(datum) for datum in data} == {"delivered"}
    assert delivered_with(tom) == [AMY, BOB, BOB]


def test_the_refusal_of_one_key_stops_nobody_else(tom: Tom, target: Target, amy: User, bob: User) -> None:
    other = tom.target()
    give(amy, AMY)
    give(bob, BOB)
    before = tom.datum(target)
    tom.share(target, user=amy)
    tom.share(other, user=tom.user(other, name="cem"))
    give(User.objects.get(username="cem"), "cem-5555555555-key")
    tom.deliver()
    once(tom, target, bob, before)
    tom.x.refused.add(BOB)
    new, elsewhere = tom.datum(target), tom.datum(other)
    tom.deliver()
    assert tom.state(new) == tom.state(elsewhere) == "delivered"
    assert tom.state(before) == "pending"
    outbox = tom.outbox(target)
    assert "x refuses the key of bob: the password is refused" in outbox.problem
    assert not outbox.needs_person, "amy can mend nothing"
    (refusal,) = KeyRefusal.objects.all()
    assert refusal.user_id == bob.pk
    # It is asked no more with this key, and the others go on.
    asked = len(delivered_with(tom))
    again = tom.datum(target)
    tom.deliver(after=60)
    assert tom.state(again) == "delivered"
    assert delivered_with(tom)[asked:] == [AMY]


def test_a_refused_creator_does_not_stop_what_others_share_once(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    give(bob, BOB)
    before = tom.datum(target)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    waits = tom.datum(target)
    tom.deliver()
    once(tom, target, bob, before)
    tom.deliver(after=1)
    assert (tom.state(waits), tom.state(before)) == ("pending", "delivered")
    outbox = tom.outbox(target)
    assert outbox.needs_person
    assert "refuses the key of amy" in outbox.problem


def test_a_new_key_ends_the_pause_at_once(tom: Tom, target: Target, amy: User) -> None:
    give(amy, AMY)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    row = tom.datum(target)
    tom.deliver()
    assert tom.state(row) == "pending"
    give(amy, BOB)
    tom.deliver()
    assert tom.state(row) == "delivered"
    assert not tom.outbox(target).problem
    assert not KeyRefusal.objects.exists()


def test_a_successful_test_of_the_same_key_ends_the_pause(tom: Tom, target: Target, amy: User) -> None:
    give(amy, AMY)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    row = tom.datum(target)
    tom.deliver()
    tom.x.refused.clear()
    reached = personal_keys.with_key_of(site.destinations()["x"], amy.pk)
    assert not shares.check(reached)
    tom.deliver()
    assert tom.state(row) == "delivered"


def test_without_a_key_records_wait_and_the_share_says_so(tom: Tom, target: Target, amy: User) -> None:
    tom.share(target, user=amy)
    row = tom.datum(target)
    tom.deliver()
    assert tom.state(row) == "pending"
    outbox = tom.outbox(target)
    assert outbox.problem == "x: amy has given no key for it. Enter it on the profile page."
    assert outbox.needs_person
    assert tom.x.asked == []
    give(amy, AMY)
    tom.deliver()
    assert tom.state(row) == "delivered"


def test_the_wait_of_one_person_does_not_put_off_the_retry_of_another(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    before = tom.datum(target)
    tom.share(target, user=amy)
    tom.deliver()
    once(tom, target, bob, before)
    tom.x.will(Deferred(reason="busy"), times=1)
    row = tom.datum(target)
    tom.deliver()
    assert tom.state(row) == "pending"
    next_try = tom.row(row).next_at
    outbox = tom.outbox(target)
    assert next_try is not None
    assert outbox.next_at is not None
    assert outbox.next_at <= next_try, "the outbox is looked at when the record of amy is due"


def test_a_key_that_is_removed_while_records_wait_is_used_no_more(
    tom: Tom, target: Target, amy: User
) -> None:
    give(amy, AMY)
    tom.x.max_batch = 1
    tom.share(target, user=amy)
    rows = [tom.datum(target) for _ in range(3)]

    def remove(record: Any) -> Any:
        keys.remove(amy, "x")
        return Accepted(remote_id="1")

    tom.x.will(remove, times=1)
    tom.deliver()
    assert [tom.state(row) for row in rows] == ["delivered", "pending", "pending"]
    assert delivered_with(tom) == [AMY]
    assert "amy has given no key" in tom.outbox(target).problem


def test_a_key_that_is_replaced_between_batches_is_used_no_more(tom: Tom, target: Target, amy: User) -> None:
    give(amy, AMY)
    tom.x.max_batch = 1
    tom.share(target, user=amy)
    rows = [tom.datum(target) for _ in range(3)]

    def replace_key(record: Any) -> Any:
        give(amy, BOB)
        return Accepted(remote_id="1")

    tom.x.will(replace_key, times=1)
    tom.deliver()
    assert [tom.state(row) for row in rows] == ["delivered"] * 3
    assert delivered_with(tom) == [AMY, BOB, BOB]


def test_the_keys_of_others_are_read_once(
    tom: Tom, amy: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    give(amy, AMY)
    for number in range(5):
        give(tom.user(), f"key-of-somebody-{number:08}")
    site.forget()
    destination = site.destinations()["x"]
    personal_keys.with_key_of(destination, amy.pk)
    with django_assert_num_queries(2):  # whether there are new ones, and her own
        personal_keys.with_key_of(destination, amy.pk)
    give(tom.user(), "key-of-a-new-person-1")
    secrets.forget()  # It was given in another process.
    personal_keys.with_key_of(destination, amy.pk)
    assert repeats_secret("it said key-of-a-new-person-1")


def test_a_key_that_cannot_be_decrypted_breaks_nothing_else(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    other = tom.target()
    cem = tom.user(other, name="cem")
    give(amy, AMY)
    with override_settings(SECRET_KEY="another-secret-key-of-this-site"):
        give(cem, BOB)
    tom.share(target, user=amy)
    tom.share(other, user=cem)
    row, waits = tom.datum(target), tom.datum(other)
    tom.deliver()
    assert (tom.state(row), tom.state(waits)) == ("delivered", "pending")
    assert "cannot be read any more" in tom.outbox(other).problem
    assert "Enter it again on the profile page" in tom.outbox(other).problem
    assert [str(each) for each in PersonalKey.objects.order_by("pk")]
    cem.delete()
    assert PersonalKey.objects.count() == 1


def test_a_key_that_is_lost_keeps_no_other_from_a_new_secret_key(tom: Tom, amy: User, bob: User) -> None:
    with override_settings(SECRET_KEY="another-secret-key-of-this-site"):
        give(amy, AMY)
    give(bob, BOB)
    with override_settings(SECRET_KEY="a-new-secret-key", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        out, lost = StringIO(), StringIO()
        call_command("rotate_encryption_key", stdout=out, stderr=lost)
    assert "sharecore.PersonalKey" in lost.getvalue()
    with override_settings(SECRET_KEY="a-new-secret-key"):
        key = personal_keys.find(site.destinations()["x"], bob.pk)
    assert key is not None
    assert key.values == {"PASSWORD": BOB}


def test_the_refusal_of_a_key_that_was_just_replaced_is_no_trouble(
    tom: Tom, target: Target, amy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(amy, AMY)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    row, deliver = tom.datum(target), MemoryAdapter.deliver

    def replaced(adapter: MemoryAdapter, batch: Batch) -> Any:
        give(amy, BOB)
        return deliver(adapter, batch)

    monkeypatch.setattr(MemoryAdapter, "deliver", replaced)
    tom.deliver()
    assert not KeyRefusal.objects.exists(), "a mail would tell her to give another one"
    assert (tom.outbox(target).needs_person, tom.outbox(target).problem) == (False, "")
    tom.deliver(after=1)
    assert tom.state(row) == "delivered"


def test_the_key_of_a_deleted_user_is_gone(tom: Tom, target: Target, amy: User) -> None:
    give(amy, AMY)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    tom.datum(target)
    tom.deliver()
    asked = len(tom.x.asked)
    amy.delete()
    assert not PersonalKey.objects.exists()
    assert not KeyRefusal.objects.exists(), "nobody can end it any more"
    row = tom.datum(target)
    tom.deliver()
    assert len(tom.x.asked) == asked
    assert tom.x.records == ()
    assert row.pk


def test_what_a_deleted_user_left_open_is_settled_or_left_to_a_person(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    give(bob, BOB)
    tom.x.can_withdraw = True
    sent, lost, in_review, waits = (tom.datum(target) for _ in range(4))
    tom.share(target, user=amy)
    once(tom, target, bob, sent)
    tom.deliver()
    tom.x.will(Unconfirmed(reason="no answer"), times=2, stores=True)
    once(tom, target, bob, lost)
    once(tom, target, bob, in_review)
    tom.deliver()
    left = Delivery.objects.filter(pk=tom.row(in_review).pk)
    transitions.apply(left, undecidable("still being processed there after 7 days"))
    withdraw(
        tom.outbox(target),
        [tom.row(sent).pk],
        reason="a wrong filter",
        by=User.objects.create_superuser("root"),
    )
    once(tom, target, bob, waits)
    bob.delete()
    new = tom.datum(target)
    tom.deliver_until_quiet(hours=1)
    rows = [tom.row(each) for each in (sent, waits, new, lost, in_review)]
    assert [row.state for row in rows] == [
        "delivered", "cancelled", "delivered", "needs_review", "needs_review"
    ]  # fmt: skip
    assert rows[0].reason == "the user who shared it was deleted before it was withdrawn"
    assert "nobody else can ask with their key" in rows[3].reason
    assert rows[4].reason == "still being processed there after 7 days", "the first reason says what happened"
    assert tom.outbox(target).problem == ""


def test_a_share_of_the_site_says_that_a_user_must_adopt_it(tom: Tom, target: Target, amy: User) -> None:
    share = tom.share(target, user=None)
    row = tom.datum(target)
    tom.deliver()
    assert tom.state(row) == "pending"
    assert "each person shares there with their own key" in tom.outbox(target).problem
    give(amy, AMY)
    shares.adopt(share, by=amy)
    tom.deliver()
    assert tom.state(row) == "delivered"
    assert delivered_with(tom) == [AMY]


def test_a_destination_that_is_down_is_down_for_all(tom: Tom, target: Target, amy: User, bob: User) -> None:
    other = tom.target()
    cem = tom.user(other, name="cem")
    give(amy, AMY)
    give(cem, BOB)
    tom.share(target, user=amy)
    tom.share(other, user=cem)
    tom.x.will(DestinationError("away"))
    tom.datum(target)
    tom.deliver()
    row = tom.datum(other)
    called = len(tom.x.calls)
    tom.deliver()
    assert len(tom.x.calls) == called
    tom.x.recover()
    tom.deliver_until_quiet(hours=1)
    assert tom.state(row) == "delivered"
    assert tom.x.repeated == ()


def test_refused_keys_do_not_make_others_wait_once_a_destination_is_back(tom: Tom) -> None:
    people = [tom.user(tom.target(), name=f"person-{number}") for number in range(4)]
    for target, user in zip(Target.objects.order_by("pk"), people, strict=True):
        give(user, f"key-of-person-{user.pk:08}")
        tom.share(target, user=user)
    tom.x.will(DestinationError("away"))
    rows = [tom.datum(target) for target in Target.objects.order_by("pk")]
    tom.deliver()
    tom.x.recover()
    tom.x.refused.update(f"key-of-person-{user.pk:08}" for user in people[:3])
    for _ in range(6):
        tom.deliver(after=5)
    assert [tom.state(row) for row in rows] == ["pending"] * 3 + ["delivered"]


def test_what_a_deleted_share_left_open_is_settled_with_the_key_of_its_creator(
    tom: Tom, target: Target, amy: User
) -> None:
    give(amy, AMY)
    tom.x.can_withdraw = True
    share = tom.share(target, user=amy)
    sent = tom.datum(target)
    tom.deliver()
    tom.x.will(Unconfirmed(reason="no answer"), times=1, stores=True)
    lost = tom.datum(target)
    tom.deliver()
    share.delete()
    tom.deliver_until_quiet(hours=1)
    assert tom.state(lost) == "delivered", "it is asked whether it arrived"
    withdraw(
        tom.outbox(target),
        [tom.row(sent).pk],
        reason="a wrong filter",
        by=User.objects.create_superuser("root"),
    )
    tom.deliver()
    assert tom.state(sent) == "withdrawn"
    assert {key for _, key in tom.x.asked} == {AMY}
    other = tom.share(target, user=None)
    assert tom.outbox(target).creator_id is None, "a new share does not act for who made the old one"
    assert other.pk


def test_many_people_do_not_mean_many_open_adapters(tom: Tom, target: Target) -> None:
    destination = site.destinations()["x"]
    for number in range(site.MOST_PEOPLE + 5):
        reached = destination.for_user({"PASSWORD": f"key-of-{number:08}"}, person=str(number))
        site.adapters.get(reached)
    assert tom.x.opened - tom.x.closed <= site.MOST_PEOPLE + 1


def test_look_ups_and_questions_use_the_key_of_the_person(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    give(bob, BOB)
    before = tom.datum(target)
    tom.share(target, user=amy)
    tom.deliver()
    once(tom, target, bob, before)
    new = tom.datum(target)
    tom.x.will(Unconfirmed(reason="no answer"), times=2)
    tom.deliver()
    tom.deliver_until_quiet(hours=1)
    assert (tom.state(before), tom.state(new)) == ("delivered", "delivered")
    assert {key for what, key in tom.x.asked if what == "find"} == {AMY, BOB}


def test_every_process_hides_the_keys_of_all_people(tom: Tom, target: Target, amy: User, bob: User) -> None:
    give(amy, AMY)
    give(bob, BOB)
    site.forget()
    assert not repeats_secret(f"it said {BOB}")
    personal_keys.with_key_of(site.destinations()["x"], amy.pk)
    assert repeats_secret(f"it said {BOB}")


class Archive(MemoryPlugin):
    """Reads the key where the profile of tomtoolkit has the affiliation, as software of a site keeps keys."""

    @hookimpl
    def sharecore_destinations(self) -> list[DestinationType[Any]]:
        (kind,) = super().sharecore_destinations()
        asked = replace(kind.personal["PASSWORD"], profile="tom_common.Profile.affiliation")
        return [replace(kind, kind="archive", personal={"PASSWORD": asked})]


def test_the_key_in_the_profile_of_other_software_is_used(tom: Tom, target: Target, amy: User) -> None:
    plugin = Archive()
    entry = {"ADAPTER": "archive", "CREDENTIALS": "user"}
    with installed(plugin), override_settings(DATA_SHARING={"z": entry}):
        tom.share(target, "z", user=amy)
        row = tom.datum(target)
        Profile.objects.filter(user=amy).update(affiliation="")
        tom.deliver()
        assert "amy has given no key" in tom.outbox(target, "z").problem
        Profile.objects.update_or_create(user=amy, defaults={"affiliation": AMY})
        tom.deliver(after=600)
        assert tom.state(row, "z") == "delivered"
        keys.give(amy, site.destinations()["z"], {"PASSWORD": BOB})
        again = tom.datum(target)
        tom.deliver()
        assert tom.state(again, "z") == "delivered"
    sent = [password for what, password in plugin["z"].asked if what == "deliver"]
    assert sent == [AMY, BOB], "a key that was given here goes before that of the profile"


def test_hermes_reads_the_profile_of_tom_hermes() -> None:
    """As `tom_hermes` 0.2.1 has it; the model is not installed here, which is no error."""
    asked = site.registry().destination_types["hermes"].personal["HERMES_API_KEY"]
    assert asked.profile == "tom_hermes.HermesProfile.hermes_api_key"
    entry = {"BASE_URL": "https://hermes.example.org/", "CREDENTIALS": "user"}
    with override_settings(DATA_SHARING={"hermes": entry}):
        assert personal_keys.find(site.destinations()["hermes"], 1) is None


def test_what_a_person_does_with_a_key_is_noted_without_it(tom: Tom, amy: User) -> None:
    give(amy, AMY)
    keys.remove(amy, "x")
    rows = list(Activity.objects.order_by("time").values_list("what", "user_name", "destination", "detail"))
    assert rows == [("key-given", "amy", "x", ""), ("key-removed", "amy", "x", "")]


def test_no_dump_shows_a_key(tom: Tom, amy: User) -> None:
    give(amy, AMY)
    out = StringIO()
    call_command("dumpdata", "sharecore", stdout=out)
    assert AMY not in out.getvalue()
    assert AMY not in repr(PersonalKey.objects.get()) + str(PersonalKey.objects.get().__dict__)
