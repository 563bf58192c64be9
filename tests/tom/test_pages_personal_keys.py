"""The card of a person's own keys on the profile page, and what other pages say of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.management import call_command
from django.db.models import Q
from django.test import Client, override_settings
from django.urls import reverse
from guardian.shortcuts import assign_perm
from tom_targets.models import Target

from sharecore.exceptions import Problem
from sharecore.secrets import repeats_secret
from tom.conftest import DATA_SHARING, Tom
from tom_integration import personal_keys, site
from tom_integration.models import Activity, KeyRefusal, OneTimeShare, PersonalKey
from tom_integration.notices.look import Notices
from tom_integration.outbox import open_outboxes
from tom_integration.worker import heartbeat

AMY, BOB = "amy-0123456789-key", "bob-9876543210-key"
PROFILE = "/users/profile/"
RIGHTS = ("add", "change", "view", "delete")


@pytest.fixture(autouse=True)
def personal(tom: Tom) -> Iterator[None]:
    entry = {"ADAPTER": "memory", "CREDENTIALS": "user", "DISPLAY_NAME": "The archive"}
    with override_settings(DATA_SHARING=DATA_SHARING | {"x": entry}):
        yield


def sharer(tom: Tom, target: Target, name: str) -> User:
    user = tom.user(target, name=name)
    user.email = f"{name}@example.org"
    user.save()
    for right in RIGHTS:
        assign_perm(f"tom_targets.{right}_persistentshare", user)
    return user


@pytest.fixture
def amy(tom: Tom, target: Target) -> User:
    return sharer(tom, target, "amy")


@pytest.fixture
def bob(tom: Tom, target: Target) -> User:
    return sharer(tom, target, "bob")


def client(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def post(browser: Client, action: str, **fields: str) -> str:
    """Send a form of the card; return the page that follows."""
    answer = browser.post(reverse(f"sharing:key-{action}"), {"name": "x", **fields}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def give(user: User, key: str) -> str:
    return post(client(user), "give", **{"key-PASSWORD": key})


def page(user: User, path: str) -> str:
    answer = client(user).get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_person_gives_tests_and_removes_a_key(tom: Tom, amy: User) -> None:
    before = page(amy, PROFILE)
    assert "Keys for sharing" in before
    assert "The archive" in before
    assert "No key" in before
    after = give(amy, AMY)
    assert "Your key for The archive is saved" in after
    assert "What waited" not in after, "nothing did"
    assert "Given" in after
    assert "The archive answered, and takes your key" in post(client(amy), "test")
    assert tom.x.asked == [("check", AMY)]
    assert "is removed. What you share there waits." in post(client(amy), "remove")
    assert not PersonalKey.objects.exists()
    assert "No key" in page(amy, PROFILE)


def test_a_key_that_is_refused_in_a_test_is_shown_as_refused(tom: Tom, amy: User) -> None:
    give(amy, AMY)
    tom.x.refused.add(AMY)
    assert "The check of your key for The archive failed: the password is refused" in post(
        client(amy), "test"
    )
    assert "Refused" in page(amy, PROFILE)
    answer = client(amy).post(reverse("sharing:key-test"), {"name": "x"})
    assert answer.url == PROFILE, "the answer stands at the top: scroll to no card"
    give(amy, BOB)
    assert "Refused" not in page(amy, PROFILE)


def test_a_problem_with_the_key_is_a_refusal_and_one_with_the_address_is_none(tom: Tom, amy: User) -> None:
    give(amy, AMY)
    tom.x.problems = [Problem(where="DATA_SHARING['x']['BASE_URL']", what="no answer", hint="Wait.")]
    assert "failed: no answer. Wait." in post(client(amy), "test")
    assert "Refused" not in page(amy, PROFILE)
    tom.x.problems = [Problem(where="DATA_SHARING['x']['PASSWORD']", what="not this one", hint="Copy it.")]
    assert "failed: not this one. Copy it." in post(client(amy), "test")
    shown = page(amy, PROFILE)
    assert "Refused" in shown
    assert "not this one" in shown
    tom.x.problems = []
    assert "takes your key" in post(client(amy), "test")
    assert "Refused" not in page(amy, PROFILE)


def test_a_key_that_is_too_long_is_not_stored(amy: User) -> None:
    assert "at most 500 characters" in give(amy, "x" * 501)
    assert not PersonalKey.objects.exists()


@pytest.mark.parametrize("word", ["photometry", "photometry-of-the-target", "2026abc"])
def test_a_word_is_no_key_since_it_would_be_hidden_in_all_texts(amy: User, word: str) -> None:
    assert "must have 16 characters or more, and a digit" in give(amy, word)
    assert not PersonalKey.objects.exists()
    assert not repeats_secret(f"the {word} is refused")


@pytest.mark.parametrize("entries", [{}, {"x": {"ADAPTER": "memory"}}, "closed"])
def test_a_key_that_is_not_used_any_more_can_be_removed(amy: User, entries: Any) -> None:
    give(amy, AMY)
    Group.objects.create(name="Observers")
    if entries == "closed":
        entries = {"x": {"ADAPTER": "memory", "CREDENTIALS": "user", "GROUPS": ["Observers"]}}
    with override_settings(DATA_SHARING=entries):
        assert "Not used" in page(amy, PROFILE)
        after = post(client(amy), "remove")
        assert "is removed" in after
        assert "What you share there waits" not in after, "nothing goes there with a key of one's own"
        assert "Keys for sharing" not in page(amy, PROFILE)
    assert not PersonalKey.objects.exists()


def test_without_such_a_destination_there_is_no_card(amy: User) -> None:
    with override_settings(DATA_SHARING=DATA_SHARING):
        assert "Keys for sharing" not in page(amy, PROFILE)


def test_nobody_sets_tests_or_sees_the_key_of_another(tom: Tom, amy: User, admin: Client) -> None:
    give(amy, AMY)
    for action in ("give", "test", "remove"):
        post(admin, action, user=str(amy.pk), user_id=str(amy.pk), **{"key-PASSWORD": BOB})
    assert personal_keys.with_key_of(site.destinations()["x"], amy.pk).settings["PASSWORD"] == AMY
    assert AMY not in {key for _, key in tom.x.asked}
    assert AMY not in admin.get(PROFILE).content.decode()
    assert Client().post(reverse("sharing:key-give"), {"name": "x", "key-PASSWORD": AMY}).status_code == 302
    assert PersonalKey.objects.count() == 1


def test_a_destination_for_others_asks_for_no_key(amy: User) -> None:
    Group.objects.create(name="Observers")
    entry = {"ADAPTER": "memory", "CREDENTIALS": "user", "GROUPS": ["Observers"]}
    with override_settings(DATA_SHARING={"x": entry}):
        assert "Keys for sharing" not in page(amy, PROFILE)
        answer = client(amy).post(reverse("sharing:key-give"), {"name": "x", "key-PASSWORD": AMY})
        assert answer.status_code == 404
    assert not PersonalKey.objects.exists()


def test_a_form_says_before_sharing_that_a_key_is_missing(amy: User, target: Target) -> None:
    form = page(amy, f"/targets/{target.pk}/persistentshare/manage/")
    assert "It needs your own key; what you share there waits until you give it." in form
    assert "/users/profile/#key-destination-x" in form
    give(amy, AMY)
    assert "needs your own key" not in page(amy, f"/targets/{target.pk}/persistentshare/manage/")


def test_a_share_says_whose_key_is_used_and_what_it_waits_for(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    share = tom.share(target, user=amy)
    tom.datum(target)
    tom.deliver()
    shown = page(amy, f"/targets/persistentshare/manage/{share.pk}/")
    assert "sent with the key of amy" in shown
    assert "amy has given no key for it" in shown
    assert "Enter it on the profile page" in shown
    heartbeat.beat("thread")
    shown = page(amy, f"/targets/persistentshare/manage/{share.pk}/")
    assert '<dt>Action needed</dt><dd class="s-alarm">1</dd>' in shown, "it says so above the numbers"
    link = '#key-destination-x">Enter your key for The archive</a>'
    assert link in shown
    give(bob, BOB)
    assert link not in page(bob, f"/targets/persistentshare/manage/{share.pk}/")
    assert "What waited for it goes now." in give(amy, AMY)
    tom.deliver()
    assert "amy has given no key" not in page(amy, f"/targets/persistentshare/manage/{share.pk}/")


def test_the_page_says_whose_records_wait_while_others_go_on(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    before = tom.datum(target)
    share = tom.share(target, user=amy)
    tom.deliver()
    outbox = tom.outbox(target)
    once = OneTimeShare.objects.create(outbox=outbox, user_id=bob.pk)
    kind = type(before)._meta.object_name.lower()
    open_outboxes.ask_for(outbox, selection={kind: Q(pk=before.pk)}, one_time_share=once)
    tom.deliver()
    heartbeat.beat("thread")
    shown = page(amy, f"/targets/persistentshare/manage/{share.pk}/")
    assert "bob has given no key for it" in shown
    assert "Action needed" not in shown.split("<h2>Deliveries")[0].split("Last success")[0]


def test_the_card_of_a_destination_tells_whose_key_is_refused_to_who_sees_all(
    tom: Tom, target: Target, amy: User
) -> None:
    give(amy, AMY)
    tom.share(target, user=amy)
    tom.x.refused.add(AMY)
    tom.datum(target)
    tom.deliver()
    told = "The archive refuses the key of amy: the password is refused"
    assert told in page(User.objects.create_superuser("root"), "/targets/persistentshare/destinations/")
    one = tom.user(target, name="one")
    assign_perm("tom_targets.add_persistentshare", one)
    shown = page(one, "/targets/persistentshare/destinations/")
    assert "1 has given one" in shown
    assert told not in shown


def test_a_preview_needs_no_key(tom: Tom, target: Target, amy: User) -> None:
    row = tom.datum(target)
    answer = client(amy).post(
        f"/targets/{target.pk}/persistentshare/manage/preview", {"kinds": ["photometry"], "destination": "x"}
    )
    assert answer.status_code == 200
    assert str(row.brightness)[:4] in answer.content.decode()


def test_who_checks_a_destination_does_so_with_their_own_key(tom: Tom, amy: User) -> None:
    check = "/targets/persistentshare/destinations/check"
    assert "amy has given no key" in client(amy).post(check, {"name": "x"}).content.decode()
    give(amy, AMY)
    assert "takes our data" in client(amy).post(check, {"name": "x"}).content.decode()
    assert tom.x.asked == [("check", AMY)]


def test_the_person_gets_a_mail_with_the_profile_page_and_others_do_not(
    tom: Tom, target: Target, amy: User, bob: User
) -> None:
    give(amy, AMY)
    give(bob, BOB)
    other = tom.target()
    assign_perm("tom_targets.change_target", bob, other)
    tom.share(target, user=amy)
    tom.share(other, user=bob)
    tom.x.refused.add(AMY)
    tom.datum(target)
    tom.datum(other)
    with override_settings(
        SHARECORE_NOTIFY=["ops@example.org"], SHARECORE_SITE_URL="https://tom.example.org"
    ):
        tom.deliver()
        mail.outbox.clear()
        Notices().step()
    sent = {each.to[0]: " ".join(str(each.body).split()) for each in mail.outbox}
    assert set(sent) == {"amy@example.org", "ops@example.org"}
    assert "The archive refuses your key" in sent["amy@example.org"]
    assert "https://tom.example.org/users/profile/#key-destination-x" in sent["amy@example.org"]
    assert "is stopped" not in sent["amy@example.org"], "the cause is told once"
    assert "The archive refuses the key of amy" in sent["ops@example.org"]


def test_commands_ask_nobody_and_tell_how_many(
    tom: Tom, target: Target, amy: User, capsys: pytest.CaptureFixture[str]
) -> None:
    give(amy, AMY)
    call_command("sharing", "check", "--json")
    found = json.loads(capsys.readouterr().out)["destinations"][0]
    assert found["ok"]
    assert "1 given, 0 refused" in found["about"]
    tom.share(target, user=tom.user(target, name="cem"))
    tom.datum(target)
    tom.deliver()
    call_command("sharing", "status")
    assert "cem has given no key for it" in capsys.readouterr().out
    assert "check" not in {what for what, _ in tom.x.asked}


def test_the_key_appears_nowhere(
    tom: Tom, target: Target, amy: User, admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        texts = [give(amy, AMY)]
        share = tom.share(target, user=amy)
        tom.x.will(lambda record: (_ for _ in ()).throw(RuntimeError(f"the key was {AMY}")), times=1)
        tom.datum(target)
        tom.deliver()
        tom.deliver(after=3600)
        tom.x.refused.add(AMY)
        tom.datum(target)
        tom.deliver(after=60)
    for path in (
        PROFILE,
        f"/targets/persistentshare/manage/{share.pk}/",
        "/targets/persistentshare/destinations/",
        "/targets/persistentshare/activity/",
        f"/api/persistentshares/{share.pk}/",
    ):
        texts += [client(amy).get(path).content.decode(), admin.get(path).content.decode()]
    texts += [caplog.text, repr(list(Activity.objects.values())), repr(list(KeyRefusal.objects.values()))]
    texts += [repr(list(tom.outbox(target).deliveries.values()))]
    assert not [text for text in texts if AMY in text]


def test_an_error_page_hides_the_key_that_was_just_sent(amy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("tom_integration.services.personal_keys.give", fails)
    browser = client(amy)
    browser.raise_request_exception = False
    with override_settings(DEBUG=True):
        answer = browser.post(reverse("sharing:key-give"), {"name": "x", "key-PASSWORD": AMY})
    assert answer.status_code == 500
    assert AMY not in answer.content.decode()
